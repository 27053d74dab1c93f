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
