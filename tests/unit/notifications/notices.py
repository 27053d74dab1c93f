"""Alerts and a clock for the tests of notifications."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from retail_anomaly.core.alerts import Alert
from retail_anomaly.notifications import Message, Notifier, Route

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def at(text: str, zone: ZoneInfo = BERLIN, *, again: bool = False) -> int:
    """Return the epoch milliseconds of a time on the wall; `again`: of its second coming."""
    return round(datetime.fromisoformat(text).replace(tzinfo=zone, fold=int(again)).timestamp() * 1000)


def an_alert(name: str, time: int, risk: float = 0.85, **fields: Any) -> Alert:
    known: dict[str, Any] = {
        "revision": 1,
        "type": "REFUND_BURST",
        "store_id": "store-1",
        "employee_id": "c-1",
        "message": "Cashier c-1 made 3 high refunds.",
        "opened_at": time,
        "evidence": {"averageAmount": 120.0, "totalRefunds": 3},
    }
    return Alert(
        alert_id=name, detector="any", risk_score=risk, event_time=time, config_hash="0", **known | fields
    )


class Desk:
    """A store whose messages arrive at once, with a clock that the test sets."""

    def __init__(self, *routes: Route, zone: ZoneInfo = BERLIN, **options: Any) -> None:
        self.notifier = Notifier(routes, zone=lambda _: zone, **options)
        self.store = self.notifier.new_store("store-1")
        self.arrived: list[tuple[int, Message]] = []

    def take(self, record: Any, now: int | None = None) -> list[str]:
        """Take an alert at its own time, or later; return its fates by route."""
        now = record.event_time if now is None else now
        self.pass_time(now)
        found = self.notifier.process(record, self.store, now)
        self.pass_time(now)
        return [each.fate for each in found]

    def pass_time(self, until: int) -> None:
        while (due := self.notifier.waiting(self.store)[1]) is not None and due <= until:
            for message in self.notifier.messages(self.store, due):
                self.notifier.delivered(message, self.store, due)
                self.arrived.append((due, message))

    def told(self) -> list[tuple[int, list[str]]]:
        return [(time, [note.alert_id for note in message.notes]) for time, message in self.arrived]
