"""A share of the stores: what one of several processes that read the same events takes of them.

Every process reads everything, for reading is cheap, and decodes the events of its own stores only.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias
from zlib import crc32

import msgspec

from retail_anomaly.columns import Columns

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
        Whether the process needs the times of other stores' events too.

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


class OwnLines:
    """The lines of a file of JSON lines that may be about the stores of a share.

    A line's store is found without decoding it. Where that can't be told for sure, the line is in
    every share, and `sure` is False while it is the last one.

    Parameters
    ----------
    lines
        The file.
    share
        The stores.
    columns
        Foreign names of fields.

    Attributes
    ----------
    number
        Of the last line, from 1.
    sure
        Whether the last line surely belongs to the share.

    Examples
    --------
    >>> lines = [b'{"storeId":"b"}', b'{"storeId": "a"}', b"{"]
    >>> own = OwnLines(lines, Share(0, 2, {"a": 0, "b": 1}), Columns())
    >>> [(own.number, own.sure, line) for line in own]
    [(2, True, b'{"storeId": "a"}'), (3, False, b'{')]
    """

    def __init__(self, lines: Iterable[bytes], share: Share, columns: Columns) -> None:
        self._lines = lines
        self._share = share
        self._key = store_key(columns)
        self.number = 0
        self.sure = False

    def __iter__(self) -> Iterator[bytes]:
        share, key = self._share, self._key
        if key is None or share.everything:
            for number, line in enumerate(self._lines, 1):
                self.number = number
                yield line
            return
        owned = {store.encode(): process == share.index for store, process in share.assigned.items()}
        find = store_finder(key)
        for number, line in enumerate(self._lines, 1):
            found = find(line)
            # With the name once in it and no escapes, an event has its store there; or it is none.
            if found is not None and b"\\" not in line and line.find(key, found.end()) < 0:
                store = found[1]
                mine = owned.get(store)
                if mine is None:
                    mine = share.owns(store.decode("utf-8", "backslashreplace"))
                if mine:
                    self.number, self.sure = number, True
                    yield line
            else:
                self.number, self.sure = number, False
                yield line


def store_key(columns: Columns) -> bytes | None:
    """Return a store's quoted name in a line, or None where it may come from elsewhere.

    Examples
    --------
    >>> store_key(Columns()), store_key(Columns({"storeId": "shop.no"}))
    (b'"storeId"', None)
    """
    name = columns.column("storeId")
    if "storeId" in columns.constants or "." in name or not name.isascii() or not name.isprintable():
        return None
    return f'"{name}"'.encode()


def store_finder(key: bytes) -> Callable[[bytes], re.Match[bytes] | None]:
    """Return a function that finds the first store in a line: group 1 of a match, or None."""
    return re.compile(re.escape(key) + rb'\s*:\s*"([^"\\]+)"').search


def sampled_stores(samples: Iterable[bytes], columns: Columns) -> Counter[str]:
    """Count the lines of each store, as far as that is seen at a glance."""
    key = store_key(columns)
    if key is None:
        return Counter()
    found = map(store_finder(key), samples)
    return Counter(match[1].decode("utf-8", "backslashreplace") for match in found if match)
