"""Alerts of a month in several stores, the decisions of people about them, and the cases of a topic."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec

from retail_anomaly.cases import Action, Case, Scope
from retail_anomaly.core.alerts import Alert
from streamer.kafka.topic_plan import ALERT_CASES
from tests.kafka import consume

HOUR = 3_600_000
DAY = 24 * HOUR
BEGIN = 1_750_000_000_000
_TYPES = ("REFUND_BURST", "REFUND_WITHOUT_SALE", "SHRINKAGE")


def drawn_alerts(count: int, stores: int, seed: int) -> list[Alert]:
    """Return alerts in order of time; some come a second time in a worse revision."""
    rng = Random(seed)
    alerts: list[Alert] = []
    for number, at in enumerate(sorted(rng.randrange(30 * DAY) for _ in range(count))):
        kind = rng.choice(_TYPES)
        sku = f"sku-{rng.randrange(3)}"
        who = None if kind == "SHRINKAGE" else f"c-{rng.randrange(3)}"
        old = alerts[-1] if alerts and rng.random() < 0.1 else None
        store = old.store_id if old else f"store-{rng.randrange(stores)}"
        alerts.append(
            Alert(
                alert_id=old.alert_id if old else f"a-{number}",
                revision=old.revision + 1 if old else 1,
                type=old.type if old else kind,
                detector=(old.type if old else kind).lower(),
                store_id=store,
                employee_id=old.employee_id if old else who,
                risk_score=round(rng.random(), 2),
                message="An alert.",
                event_time=BEGIN + at,
                opened_at=old.opened_at if old else BEGIN + at,
                evidence=old.evidence if old else {"sku": sku, "amount": float(rng.randrange(500))},
                config_hash="0",
                detected_at=BEGIN + at,
            )
        )
    return alerts


def drawn_actions(alerts: list[Alert], count: int, seed: int) -> list[Action]:
    """Return decisions about some of the alerts, each taken within three days."""
    rng = Random(seed)
    actions: list[Action] = []
    for number in range(count):
        alert = rng.choice(alerts)
        at = alert.opened_at + rng.randrange(1, 3 * DAY)
        fields: dict[str, Any] = {"alert_id": alert.alert_id}
        kind: Any = rng.choice(("verdict",) * 5 + ("assign", "reopen", "snooze", "allow"))
        if kind == "verdict":
            fields["verdict"] = rng.choice(("confirmed", "benign", "training", "unclear"))
        elif kind in ("snooze", "allow"):
            subject: dict[str, Any] = (
                {"employee_id": alert.employee_id} if alert.employee_id else {"sku": alert.evidence["sku"]}
            )
            fields = {"scope": Scope(type=alert.type, **subject), "expires_at": at + 2 * DAY}
        actions.append(Action(f"d-{number}", at, "kim", kind, alert.store_id, "looked", **fields))
    return actions


def last_cases(address: str) -> list[Case]:
    """Return each case of `alert-cases` as its last record has it."""
    newest: dict[str, tuple[int, Case]] = {}
    for record in consume(address, ALERT_CASES):
        case = msgspec.json.decode(record.value or b"", type=Case)
        newest[case.case_id] = max(newest.get(case.case_id, (-1, case)), (record.offset or 0, case))
    return [case for _, case in newest.values()]
