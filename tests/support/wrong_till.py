"""One till whose clock is wrong among those of a log, with a cashier, articles and numbers of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import Event, PosEvent

CASHIER = "cashier-of-the-wrong-till"


def line(number: int, like: PosEvent, ahead: int) -> PosEvent:
    """Return a sale or the refund of one, at the time of another line as the wrong clock tells it."""
    kind = "SALE" if number % 2 else "REFUND"
    time = like.event_time + ahead
    receipt = f"wrong-{number // 2}"
    return PosEvent(
        receipt, like.store_id, CASHIER, "sku-w", 19.9, kind, time, register_id="wrong", event_id=f"w{number}"
    )


def with_wrong_till(
    events: Iterable[Event], ahead: int, count: int, after: int, every: int = 1
) -> Iterator[Event]:
    """Yield the events, and after so many of them so many lines of the till, each behind another till's."""
    sent = others = 0
    for place, event in enumerate(events):
        yield event
        if place >= after and sent < count and isinstance(event, PosEvent) and not event.training:
            others += 1
            if others % every == 0:
                sent += 1
                yield line(sent, event, ahead)


def of_others(alerts: Iterable[Alert]) -> list[Alert]:
    """Return the alerts that are not about the till's cashier, without the time of their emission."""
    return [alert.detected(0) for alert in alerts if alert.employee_id != CASHIER]
