"""Pacing: when to send the next event."""

import time
from collections.abc import Callable


class Pace:
    """Holds a stream back to a rate of events, or to event time made faster.

    Each event is due at a time counted from the first one, so that a delay is made up for.

    Parameters
    ----------
    rate
        Events a second; 0 for no limit.
    speedup
        Seconds of event time that pass in a second; 0 for no limit.
    clock
        Seconds that only grow.

    Examples
    --------
    >>> pace = Pace(rate=10, clock=lambda: 100.0)
    >>> [round(pace.wait(0), 1) for _ in range(3)]
    [0.0, 0.1, 0.2]
    """

    def __init__(
        self,
        rate: float = 0,
        speedup: float = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate, self._speedup, self._clock = rate, speedup, clock
        self._sent = 0
        self._began: float | None = None
        self._first_event = 0

    def wait(self, event_time: int) -> float:
        """Return for how many seconds the next event is not due yet."""
        if not self._rate and not self._speedup:
            return 0.0
        now = self._clock()
        if self._began is None:
            self._began, self._first_event = now, event_time
        if self._rate:
            due = self._sent / self._rate
        else:
            due = (event_time - self._first_event) / 1000 / self._speedup
        self._sent += 1
        return max(0.0, self._began + due - now)


class RealTime:
    """Lets the past through at once, and holds each later event back until its time has come.

    Parameters
    ----------
    on_live
        Called once, before the first event that has to wait, or by `end` if none had to.
    clock
        Seconds since 1970.

    Examples
    --------
    >>> pace = RealTime(lambda: print("live"), clock=lambda: 1_760_000_000.0)
    >>> pace.wait(1_759_990_000_000)
    0.0
    >>> pace.wait(1_760_000_002_500)
    live
    2.5
    """

    def __init__(self, on_live: Callable[[], None], clock: Callable[[], float] = time.time) -> None:
        self._on_live, self._clock = on_live, clock
        self._is_live = False

    def wait(self, event_time: int) -> float:
        """Return for how many seconds the event still lies in the future."""
        ahead = event_time / 1000 - self._clock()
        if ahead > 0:
            self.end()
        return max(0.0, ahead)

    def end(self) -> None:
        """Tell that the past is over, if that was not told: at night a world's last day may be."""
        if not self._is_live:
            self._is_live = True
            self._on_live()
