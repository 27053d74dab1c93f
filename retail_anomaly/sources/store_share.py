"""A share of the stores, for one of several processes that read the same events.

Every process reads everything. Lines are decoded all: that takes no longer than to look for the store
in them. Of tables, which take long to convert, only the rows of the share are.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Generic, TypeAlias, TypeVar
from zlib import crc32

import msgspec

T = TypeVar("T")
Place: TypeAlias = tuple[int, int, int, int]
"""Where an event stands in the order of all events; the first and the last of these are compared."""

FIRST: Final[Place] = (-1, -1, -1, -1)


class Share(msgspec.Struct, frozen=True):
    """The stores of one process.

    Parameters
    ----------
    index, of
        Which process it is, from 0, and of how many.
    assigned
        The process of each store that is known beforehand; another store goes by a hash of its name.
    everything
        Whether the process is to have the events of other stores too, for their times.

    Examples
    --------
    >>> [Share(index, 2, {"store-1": 1}).owns("store-1") for index in (0, 1)]
    [False, True]
    """

    index: int
    of: int
    assigned: Mapping[str, int] = {}
    everything: bool = False

    def owns(self, store_id: str) -> bool:
        """Tell whether a store is one of its own."""
        process = self.assigned.get(store_id)
        if process is None:
            process = crc32(store_id.encode("utf-8", "backslashreplace")) % self.of
        return process == self.index

    def has_turn(self, number: int) -> bool:
        """Tell whether a line or row without a store, known by its number, is for this process."""
        return number % self.of == self.index


def balanced(rows: Mapping[str, int], processes: int) -> dict[str, int]:
    """Divide stores among processes so that each has about as many events: the largest first.

    Examples
    --------
    >>> balanced({"a": 5, "b": 4, "c": 3, "d": 1}, 2)
    {'a': 0, 'b': 1, 'c': 1, 'd': 0}
    """
    loads = [0] * processes
    assigned = {}
    for store, weight in sorted(rows.items(), key=lambda item: (-item[1], item[0])):
        assigned[store] = lightest = loads.index(min(loads))
        loads[lightest] += weight
    return assigned


class Numbered(Generic[T]):
    """Items one at a time, and the number of the last that was taken, from 1.

    Examples
    --------
    >>> lines = Numbered([b"a", b"b"])
    >>> [(line, lines.number) for line in lines]
    [(b'a', 1), (b'b', 2)]
    """

    def __init__(self, items: Iterable[T]) -> None:
        self._items = items
        self.number = 0

    def __iter__(self) -> Iterator[T]:
        for number, item in enumerate(self._items, 1):
            self.number = number
            yield item


def sampled_stores(lines: Iterable[bytes], column: str) -> Counter[str]:
    """Count the lines of each store, as far as that is seen at a glance.

    Examples
    --------
    >>> sampled_stores([b'{"storeId":"a"}', b'{"storeId": "a"}', b"{"], "storeId")
    Counter({'a': 2})
    """
    name = re.escape(column.encode())
    found = map(re.compile(rb'"%b"\s*:\s*"([^"\\]+)"' % name).search, lines)
    return Counter(match[1].decode("utf-8", "backslashreplace") for match in found if match)
