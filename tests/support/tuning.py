"""A log with a known truth, small enough to be tuned on in a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pandas as pd

from retail_anomaly.core.durations import Duration
from retail_anomaly.core.events import Event
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.evaluate import incidents_frame
from retail_anomaly.settings import DetectorSettings, Settings
from tests.support.events import DAY, HOUR, MINUTE, refund, sale

FIRST = 20 * HOUR  # noon of the first day after T0, in UTC

Truth = list[dict[str, Any]]
Day = Callable[[str, int, int], tuple[list[Event], Truth]]


def only(*detectors: str, **parameters: dict[str, Any]) -> Settings:
    """Return settings in which these detectors run and no others, with some of their parameters."""
    sections = {
        name: msgspec.structs.replace(
            detector.Parameters(**parameters.get(name, {})), enabled=name in detectors
        )
        for name, detector in REGISTRY.items()
    }
    return Settings(detectors=DetectorSettings(**sections))


def plain_day(store: str, day: int, noon: int) -> tuple[list[Event], Truth]:
    """Return an incident, three refunds of 120 in six minutes, and two honest ones of 60 at another till."""
    bad = burst(store, f"{store}-{day}-bad", noon, [120.0] * 3, "c-1")
    honest = burst(store, f"{store}-{day}-honest", noon + 2 * HOUR, [60.0] * 2, "c-2")
    sales = [
        sale(noon - HOUR + n * MINUTE, store_id=store, transaction_id=f"{store}-{day}-{n}") for n in range(5)
    ]
    return [*sales, *bad, *honest], [incident_of(bad)]


def burst(store: str, name: str, start: int, amounts: list[float], cashier: str) -> list[Event]:
    """Refunds three minutes apart."""
    return [
        refund(
            start + n * 3 * MINUTE,
            store_id=store,
            transaction_id=f"{name}-{n}",
            cashier_id=cashier,
            amount=amount,
        )
        for n, amount in enumerate(amounts)
    ]


def incident_of(events: list[Any], **fields: Any) -> dict[str, Any]:
    """Return the incident that some receipt lines are."""
    return {
        "incidentId": f"i-{events[0].transaction_id}",
        "scenario": "burst",
        "storeId": events[0].store_id,
        "employeeId": events[0].cashier_id,
        "start": events[0].event_time,
        "end": events[-1].event_time,
        "transactionIds": [event.transaction_id for event in events],
        "expectedLoss": sum(event.amount for event in events),
        **fields,
    }


def shops(days: int = 5, stores: int = 2, day: Day = plain_day) -> tuple[list[Event], pd.DataFrame]:
    """Return the events of some shops in order of time, and their incidents as a frame."""
    events, truth = shop_events(days, stores, day)
    return events, incidents_frame(truth)


def shop_events(days: int = 5, stores: int = 2, day: Day = plain_day) -> tuple[list[Event], Truth]:
    """Return the events of some shops in order of time, and their incidents as rows of a file."""
    events: list[Any] = []
    truth: Truth = []
    for number in range(days):
        for store in range(stores):
            lines, incidents = day(f"store-{store + 1}", number, FIRST + number * DAY)
            events += lines
            truth += incidents
    return sorted(events, key=lambda event: event.event_time), truth


TOO_STRICT = {"refund_burst": {"count": 9, "amount": 400.0, "window": Duration(2 * MINUTE)}}
"""Parameters that find none of the incidents of `plain_day`."""
