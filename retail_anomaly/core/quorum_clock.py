"""The time that most stores have reached: one wrong clock does not move it."""

from bisect import bisect_left, insort
from collections import OrderedDict
from typing import Final

_SILENT: Final = 50
_ONCE_SEEN: Final = 10_000
_MOST_STORES: Final = 100_000


class QuorumClock:
    """A clock over stores: the newest time that more than half of the trading stores have reached.

    A store counts from its second event on, and no longer once the other stores have sent 50 events for each
    store that counts. So closed stores don't hold the clock, and invented stores don't move it. Of two stores
    the slower one decides.

    The order of arrival alone decides; no clock is read.

    Examples
    --------
    >>> clock = QuorumClock()
    >>> for time in (1, 2):
    ...     for store in ("a", "b", "ahead"):
    ...         clock.see(store, time + 3_000_000 * (store == "ahead"))
    >>> clock.time
    2
    """

    __slots__ = ("_count", "_last", "_once", "_times")

    def __init__(self) -> None:
        self._count = 0
        # By store, in the order of their last events: its newest time, and the number of its last event.
        self._last: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._times: list[int] = []  # the newest times, sorted
        self._once: OrderedDict[str, int] = OrderedDict()  # times of stores with one event

    @property
    def time(self) -> int | None:
        """The time in epoch milliseconds; None until a store counts. It goes back if a store was wrong."""
        times = self._times
        return times[(len(times) - 1) // 2] if times else None

    def see(self, store_id: str, time: int) -> None:
        """Note a valid event of a store, at a time in epoch milliseconds."""
        self._count += 1
        known = self._last.get(store_id)
        if known is None:
            first = self._once.pop(store_id, None)
            if first is None:
                self._once[store_id] = time
                if len(self._once) > _ONCE_SEEN:
                    self._once.popitem(last=False)
                return
            newest = max(first, time)
            insort(self._times, newest)
        else:
            newest = known[0]
            if time > newest:
                del self._times[bisect_left(self._times, newest)]
                insort(self._times, time)
                newest = time
            self._last.move_to_end(store_id)
        self._last[store_id] = newest, self._count
        self._leave_out_silent()

    def _leave_out_silent(self) -> None:
        last = self._last
        while True:
            store_id, (time, number) = next(iter(last.items()))
            if self._count - number <= _SILENT * len(last) and len(last) <= _MOST_STORES:
                return
            del last[store_id]
            del self._times[bisect_left(self._times, time)]
