"""Alerts out of the air, as the streamer would send them."""

from __future__ import annotations

from typing import Any

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import ALERTS
from tests.kafka import Record

TIME = 1_760_000_000_000
TYPES = {
    "REFUND_BURST": "refund_burst",
    "REFUND_WITHOUT_SALE": "refund_without_sale",
    "SHRINKAGE": "inventory_shrinkage",
}


def an_alert(number: int = 1, **fields: Any) -> Alert:
    """Return an alert; another number is another alert."""
    kind = list(TYPES)[number % len(TYPES)]
    given: dict[str, Any] = {
        "alert_id": f"{number:032x}",
        "revision": 1,
        "type": kind,
        "detector": TYPES[kind],
        "store_id": f"store-{number % 3}",
        "employee_id": f"c-{number % 7}",
        "risk_score": 0.85,
        "message": f'Something happened, "{number}" times = odd, \\ and so on.',
        "event_time": TIME + number,
        "opened_at": TIME + number,
        "evidence": {"transactionId": f"t-{number}", "amount": 12.5, "offShift": None},
        "config_hash": "00000000",
        "detected_at": TIME + number + 5,
    }
    return Alert(**(given | fields))


def alert_records(alerts: list[Alert]) -> list[Record]:
    """Return alerts as records of their topic."""
    return [
        Record(ALERTS, encode(alert), alert.store_id.encode(), timestamp=alert.event_time) for alert in alerts
    ]
