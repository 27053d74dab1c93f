"""Two stores on two days, small enough to work every figure out by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import CountEvent, Event, PosEvent, ShiftEvent
from retail_anomaly.evaluate import incidents_frame
from retail_anomaly.frames.alerts import alerts_frame

MINUTE = 60_000
DAY = 1_440 * MINUTE
NOON = 1_759_924_800_000  # 2025-10-08, 12:00 in UTC


def alert(name: str, store: str, at: int, risk: float, evidence: dict[str, Any], **other: Any) -> Alert:
    values = {"revision": 1, "detector": "rule", "employee_id": None, "event_time": at, "opened_at": at}
    return Alert(
        alert_id=name,
        store_id=store,
        risk_score=risk,
        evidence=evidence,
        type="RULE",
        message="Look.",
        config_hash="0",
        **{**values, **other},
    )


def incident(name: str, store: str, start: int, **other: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "scenario": "skimming",
        "end": start + DAY,
        "transactionIds": [],
        "expectedLoss": 0.0,
    }
    return {"incidentId": name, "storeId": store, "start": start, **values, **other}


# Store a: two incidents, one found by two alerts, one missed. Store b: one, found; one distractor.
INCIDENTS = incidents_frame(
    [
        incident("i1", "a", NOON, transactionIds=["a1", "a2"], employeeId="c", expectedLoss=100.0),
        incident("i2", "a", NOON, transactionIds=["a9"], expectedLoss=300.0, scenario="sweeping"),
        incident("i3", "b", NOON, sku="k", expectedLoss=60.0),
        incident("i4", "b", NOON, transactionIds=["b7"], scenario="promotion", distractor=True),
    ]
)
ALERTS = [
    alert("x1", "a", NOON + 4 * MINUTE, 0.4, {"transactionIds": ["a2"]}, employee_id="c"),
    # The same alert, worse: it is the one that is read, but it was opened by the first.
    alert(
        "x1", "a", NOON + 6 * MINUTE, 0.9, {"transactionIds": ["a1", "a2"]},
        employee_id="c", revision=2, opened_at=NOON + 4 * MINUTE,
    ),
    alert("x2", "a", NOON + 5 * MINUTE, 0.5, {"transactionId": "a1"}, detector="other"),
    alert("x3", "a", NOON + 7 * MINUTE, 0.7, {"transactionId": "a5"}),
    alert("x4", "b", NOON + 30 * MINUTE, 0.8, {"sku": "k"}),
    alert("x5", "b", NOON + 31 * MINUTE, 0.8, {"transactionId": "b7"}),
]  # fmt: skip


def sale(store: str, at: int, receipt: str = "t") -> PosEvent:
    return PosEvent(receipt, store, "c", "k", 9.5, "SALE", at)


def refund(store: str, at: int, receipt: str = "t") -> PosEvent:
    return PosEvent(receipt, store, "c", "k", 9.5, "REFUND", at)


# Store a trades on one day, store b on two; a shift is no event of a day.
EVENTS: list[Event] = [
    *(refund("a", NOON + minute * MINUTE) for minute in (0, 1, 2, 3, 4, 8)),
    sale("b", NOON - DAY),
    *(sale("b", NOON + minute * MINUTE) for minute in (10, 20, 40)),
    CountEvent("b", "k", 3, NOON + 30 * MINUTE),
    ShiftEvent("c", "b", NOON - 5 * DAY, NOON - 4 * DAY),
]


def alerts() -> pd.DataFrame:
    return alerts_frame(ALERTS)
