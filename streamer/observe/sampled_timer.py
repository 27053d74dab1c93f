"""A timer that measures one call of many, so that the others cost next to nothing."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

First = TypeVar("First")
Second = TypeVar("Second")
Result = TypeVar("Result")


class SampledTimer(Generic[First, Second, Result]):
    """A function of two arguments, of whose calls every so many are timed.

    Parameters
    ----------
    function
        The function.
    observe
        Takes the seconds of a timed call.
    every
        One of this many calls is timed.
    clock
        Gives the time in seconds.

    Examples
    --------
    >>> seconds = []
    >>> power = SampledTimer(pow, seconds.append, every=2)
    >>> [power(2, n) for n in range(4)], len(seconds)
    ([1, 2, 4, 8], 2)
    """

    __slots__ = ("_calls_left", "_clock", "_every", "_function", "_observe")

    def __init__(
        self,
        function: Callable[[First, Second], Result],
        observe: Callable[[float], object],
        *,
        every: int = 64,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._function = function
        self._observe = observe
        self._every = self._calls_left = every
        self._clock = clock

    def __call__(self, first: First, second: Second) -> Result:
        """Call the function."""
        self._calls_left -= 1
        if self._calls_left:
            return self._function(first, second)
        self._calls_left = self._every
        started = self._clock()
        result = self._function(first, second)
        self._observe(self._clock() - started)
        return result
