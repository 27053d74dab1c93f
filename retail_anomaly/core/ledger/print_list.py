"""Fingerprints in the order in which they came, found by their value."""

from array import array
from bisect import bisect_left
from collections import deque
from typing import Final

import numpy as np

_SORTED_AT_ONCE: Final = 1 << 16
"""So many that a place among them has 16 bits. A usual store has fewer, and pays nothing."""


class PrintList:
    """Fingerprints of 32 bits, each found by its value, the oldest dropped first.

    Notes
    -----
    A fingerprint takes 4 bytes. Of each 65,536 that lie together the order by value is kept, in 2 bytes more
    for each, so that a store with millions is searched in a fraction of a millisecond. The rest is read
    through.

    Examples
    --------
    >>> prints = PrintList()
    >>> prints.extend(np.array([7, 5, 7], np.uint32))
    >>> prints.positions(7), len(prints)
    ([0, 2], 3)
    >>> prints.drop(1)
    >>> prints.positions(7)
    [1]
    """

    __slots__ = ("_begin", "_orders", "_values")

    def __init__(self) -> None:
        self._values = array("I")
        self._begin = 0  # where the first of the sorted parts begins
        self._orders: deque[array[int]] = deque()

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, part: slice) -> "array[int]":
        return self._values[part]

    def extend(self, prints: np.ndarray) -> None:
        """Add fingerprints at the end."""
        self._values.frombytes(prints.astype(np.uint32).tobytes())

    def drop(self, count: int) -> None:
        """Drop the first ones."""
        del self._values[:count]
        self._begin -= count
        while self._begin < 0:
            if self._orders:
                self._orders.popleft()
                self._begin += _SORTED_AT_ONCE
            else:
                self._begin = 0

    def positions(self, wanted: int) -> list[int]:
        """Return where a fingerprint is, in ascending order."""
        self._sort()
        found = self._read(0, self._begin, wanted)
        begin = self._begin
        for order in self._orders:
            found += self._searched(order, begin, wanted)
            begin += _SORTED_AT_ONCE
        return found + self._read(begin, len(self._values), wanted)

    def _sort(self) -> None:
        end = self._begin + len(self._orders) * _SORTED_AT_ONCE
        while end + _SORTED_AT_ONCE <= len(self._values):
            part = np.frombuffer(self._values[end : end + _SORTED_AT_ONCE], np.uint32)
            self._orders.append(array("H", np.argsort(part, kind="stable").astype(np.uint16).tobytes()))
            end += _SORTED_AT_ONCE

    def _searched(self, order: "array[int]", begin: int, wanted: int) -> list[int]:
        values, found = self._values, []
        for place in range(bisect_left(order, wanted, key=lambda at: values[begin + at]), len(order)):
            at = begin + order[place]
            if values[at] != wanted:
                break
            found.append(at)
        return found

    def _read(self, begin: int, end: int, wanted: int) -> list[int]:
        if begin == end:
            return []
        # A copy: while somebody holds a view, such as a profiler that keeps our frame, no value can be added.
        part = np.frombuffer(self._values[begin:end], np.uint32)
        found: list[int] = (np.flatnonzero(part == wanted) + begin).tolist()
        return found
