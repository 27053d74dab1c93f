"""The time at which an event counts in an order by time, whatever the clock of one till says."""

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from typing import Final, TypeVar

AHEAD: Final = 60_000
"""Milliseconds. Events that are less out of order are taken in the order of their times."""
LOOK: Final = 100
"""Events behind one, by which its clock is judged: more than the lines of some receipts."""
_Event = TypeVar("_Event")


def judged_time(time: int, behind: Sequence[int]) -> int:
    """Return the time of an event; if it is ahead of most of those behind it, that of the earliest.

    Where more than half of the events have a wrong clock, nothing tells which are right, and the times count.

    Parameters
    ----------
    time
        The event's own time, in epoch milliseconds.
    behind
        The times of the events behind it in the log, up to `LOOK` of them.

    Examples
    --------
    >>> tomorrow = 1_760_086_400_000
    >>> judged_time(tomorrow, [1_760_000_005_000, 1_760_000_002_000]) - 1_760_000_000_000
    2000
    >>> judged_time(1_760_000_000_000, [1_760_000_005_000])
    1760000000000
    """
    earlier = [each for each in behind if each < time - AHEAD]
    return min(earlier) if 2 * len(earlier) > len(behind) else time


def in_order_of_time(logs: Iterable[Sequence[tuple[int, _Event]]]) -> Iterator[_Event]:
    """Merge logs by time; the events of one log stay in their order.

    Parameters
    ----------
    logs
        Each a sequence of times, in epoch milliseconds, and events.

    Examples
    --------
    >>> list(in_order_of_time([[(1, "a"), (4, "b")], [(2, "c"), (3, "d")]]))
    ['a', 'c', 'd', 'b']
    """
    judged = [
        [
            (judged_time(time, [later for later, _ in log[place + 1 : place + 1 + LOOK]]), event)
            for place, (time, event) in enumerate(log)
        ]
        for log in logs
    ]
    return (event for _, event in merge(*judged, key=lambda each: each[0]))
