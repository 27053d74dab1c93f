"""One till with a wrong clock: its events are held back from the clock of the store."""

from typing import Final

import msgspec

from retail_anomaly.core.events import (
    INVENTORY_COUNTS,
    POS_EVENTS,
    SECURITY_EVENTS,
    STOCK_MOVEMENTS,
    CountEvent,
    PosEvent,
    SecurityEvent,
    TillEvent,
    TimedEvent,
)

_IN_A_ROW: Final = 50
_MOST_LINES: Final = 200


class HeldBack(msgspec.Struct, array_like=True):
    """The events of a store that are too far ahead of its clock to move it.

    The clock follows them once a second source comes as far, or once 50 events in a row do where there is no
    second source.

    Parameters
    ----------
    in_step
        Newest time by source, since the last event that came in time.
    newest
        Newest time by source, of all that are still ahead of the clock.
    source, count
        The source of the last event held back, and how many of its events came in a row.
    lines
        The SALE and REFUND lines among them, since the last event that came in time.

    Examples
    --------
    >>> held, day = HeldBack(), 86_400_000
    >>> clock = 1_760_000_000_000
    >>> held.confirmed(clock + 365 * day, "till-1", max_late=day, max_ahead=3_600_000) is None
    True
    >>> held.confirmed(clock + 365 * day + 5, "till-2", max_late=day, max_ahead=3_600_000) - clock
    31536000005
    """

    in_step: dict[str, int] = {}
    newest: dict[str, int] = {}
    source: str = ""
    count: int = 0
    lines: list[PosEvent] = []

    def keep(self, line: PosEvent) -> None:
        """Keep a line for the detectors that count by days: they get it if the clock follows."""
        if len(self.lines) < _MOST_LINES:
            self.lines.append(line)

    def confirmed(self, time: int, source: str, *, max_late: int, max_ahead: int) -> int | None:
        """Return the time that the clock may move to, or None: the event is held back.

        Parameters
        ----------
        time
            The event's time, more than `max_late` ahead of the clock, in epoch milliseconds.
        source
            Its register; without one its topic.
        max_late
            A source whose newest event is older than this, measured from the event, is no source.
        max_ahead
            How near the times of two sources must be to confirm each other.
        """
        confirming = [
            newest
            for other, newest in self.in_step.items()
            if other != source and abs(time - newest) <= max_ahead
        ]
        alone = not any(newest >= time - max_late for other, newest in self.newest.items() if other != source)
        for times in (self.in_step, self.newest):
            times[source] = max(times.get(source, time), time)
        self.count = self.count + 1 if self.source == source else 1
        self.source = source
        if confirming:
            return max(time, *confirming)
        return time if self.count >= _IN_A_ROW and alone else None

    def came_in_time(self, clock: int) -> None:
        """Note that an event moved the clock, or was not ahead of it."""
        if self.newest:
            # No event is ahead of one that is no newer than the clock.
            self.newest = {source: newest for source, newest in self.newest.items() if newest > clock}
            self.in_step, self.source, self.count, self.lines = {}, "", 0, []


def source_of(event: TimedEvent) -> str:
    """Return what tells a store's clock that an event comes from another device.

    Examples
    --------
    >>> source_of(CountEvent("s", "k", 9, 1_760_000_000_000))
    'inventory-counts'
    """
    if isinstance(event, PosEvent | TillEvent):
        return event.register_id or POS_EVENTS
    if isinstance(event, SecurityEvent):
        return SECURITY_EVENTS
    return INVENTORY_COUNTS if isinstance(event, CountEvent) else STOCK_MOVEMENTS
