"""The time that most stores have reached: one wrong clock does not move it."""

from bisect import bisect_left, insort
from collections import OrderedDict
from typing import Final

from retail_anomaly.core.clock import HeldBack

_HOUR: Final = 3_600_000
_DAY: Final = 24 * _HOUR
_SILENT: Final = 50
_ONCE_SEEN: Final = 10_000
_MOST_STORES: Final = 100_000


class QuorumClock:
    """A clock over stores: the newest time that more than half of the trading stores have reached.

    A store counts from its second event on, and no longer once the other stores have sent 50 events for each
    store that counts. So closed stores don't hold the clock, and invented stores don't move it. Of two stores
    the slower one decides.

    One till with a wrong clock does not move its store: an event far ahead of the store counts once a second
    source has come as far, as for the store's own clock (`HeldBack`).

    The order of arrival alone decides; no clock is read.

    Parameters
    ----------
    max_late
        How far ahead of its store an event may be and count at once, in milliseconds.
    max_ahead
        How near the times of two sources must be to confirm each other, in milliseconds.

    Examples
    --------
    >>> clock = QuorumClock()
    >>> for time in (1, 2):
    ...     for store in ("a", "b", "ahead"):
    ...         clock.see(store, time + 3_000_000 * (store == "ahead"))
    >>> clock.time
    2
    """

    __slots__ = ("_count", "_held_back", "_last", "_max_ahead", "_max_late", "_once", "_times")

    def __init__(self, max_late: int = _DAY, max_ahead: int = _HOUR) -> None:
        self._max_late, self._max_ahead = max_late, max_ahead
        self._count = 0
        self._held_back: dict[str, HeldBack] = {}
        # By store, in the order of their last events: its newest time, and the number of its last event.
        self._last: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._times: list[int] = []  # the newest times, sorted
        self._once: OrderedDict[str, int] = OrderedDict()  # times of stores with one event

    @property
    def time(self) -> int | None:
        """The time in epoch milliseconds; None until a store counts. It goes back if a store was wrong."""
        times = self._times
        return times[(len(times) - 1) // 2] if times else None

    def see(self, store_id: str, time: int, source: str = "") -> None:
        """Note a valid event of a store, at a time in epoch milliseconds; its source is `source_of` it."""
        self._count += 1
        known = self._last.get(store_id)
        if known is None:
            first = self._once.pop(store_id, None)
            if first is None:
                self._once[store_id] = time
                if len(self._once) > _ONCE_SEEN:
                    self._once.popitem(last=False)
                return
            newest = first
            insort(self._times, newest)
        else:
            newest = known[0]
            self._last.move_to_end(store_id)
        held_back = time > newest + self._max_late
        if held_back or self._held_back:
            time = self._confirmed(store_id, time, source, newest, held_back=held_back)
        if time > newest:
            del self._times[bisect_left(self._times, newest)]
            insort(self._times, time)
            newest = time
        self._last[store_id] = newest, self._count
        self._leave_out_silent()

    def _confirmed(self, store_id: str, time: int, source: str, newest: int, *, held_back: bool) -> int:
        """Return the time that a store has reached with an event; that before it if the event counts not."""
        held = self._held_back.get(store_id)
        if held_back:
            held = held or self._held_back.setdefault(store_id, HeldBack())
            moved = held.confirmed(time, source, max_late=self._max_late, max_ahead=self._max_ahead)
            if moved is None:
                return newest
            time = moved
        if held is not None:
            held.came_in_time(max(time, newest))
            if not held.newest:
                del self._held_back[store_id]
        return time

    def _leave_out_silent(self) -> None:
        last = self._last
        while True:
            store_id, (time, number) = next(iter(last.items()))
            if self._count - number <= _SILENT * len(last) and len(last) <= _MOST_STORES:
                return
            del last[store_id]
            self._held_back.pop(store_id, None)
            del self._times[bisect_left(self._times, time)]
