"""Entries by key, written in pages."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, Final, Generic, TypeVar
from zlib import crc32

import msgspec

from retail_anomaly.core.collections.collection import Load, StateRecord

_pack: Final = msgspec.msgpack.Encoder().encode
# A checkpoint pays about 30 us for a record, and 0.04 us for each entry in it.
_PAGE_ENTRIES: Final = 256

E = TypeVar("E")


@cache
def _decoder(entry_type: object) -> Callable[[bytes], Any]:
    # One for all stores: a decoder takes 300 bytes and more, and a store has a dozen tables.
    return msgspec.msgpack.Decoder(dict[str, entry_type]).decode  # type: ignore[valid-type]


class Table(Generic[E]):
    """Keep entries by key.

    You may change an entry in place; call `put` afterwards, or the change is not written.

    Parameters
    ----------
    entry_type
        The type of the entries: anything that msgspec can encode and decode.
    due
        Returns the time at which an entry expires, in epoch milliseconds. None: entries never expire.
    time
        Returns the time of an entry in epoch milliseconds, for `times`, or None for one that has none. None:
        entries have no time.

    Notes
    -----
    A record holds a page of about 256 entries. The hash of a key chooses its page, and the number of pages
    doubles as the table grows. So one changed entry writes one short record, and many changed entries write
    few.

    Examples
    --------
    >>> table = Table(int, due=lambda entry: entry)
    >>> table.put("a", 5)
    >>> records = dict(table.records())
    >>> again = Table(int, due=lambda entry: entry)
    >>> again.restore(table.describe(), records.get)
    >>> again.get("a")
    5
    >>> again.sweep(6)
    >>> len(again)
    0
    """

    __slots__ = ("_decode", "_dirty", "_due", "_entries", "_pages", "_time")

    def __init__(
        self,
        entry_type: type[E],
        due: Callable[[E], int] | None = None,
        time: Callable[[E], int | None] | None = None,
    ) -> None:
        self._decode: Callable[[bytes], dict[str, E]] = _decoder(entry_type)  # type: ignore[arg-type]
        self._due = due
        self._time = time
        self._entries: dict[str, E] = {}
        self._pages: list[set[str]] = []  # keys by page; empty before the first entry
        self._dirty: set[str] | None = set()  # keys changed since the last records; None once untracked

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def get(self, key: str) -> E | None:
        """Return the entry of `key`, or None."""
        return self._entries.get(key)

    def put(self, key: str, entry: E) -> None:
        """Keep `entry` under `key`; call it too after you changed an entry in place."""
        if self._dirty is not None:
            if key not in self._entries:
                if not self._pages:
                    self._pages.append(set())
                self._page(key).add(key)
            self._dirty.add(key)
        self._entries[key] = entry

    def add(self, amounts: Iterable[tuple[str, Any]]) -> None:
        """Add to entries that are numbers, each from 0 on."""
        entries = self._entries
        for key, amount in amounts:
            known = entries.get(key)
            if not known:
                self.put(key, 0 + amount)  # from a whole 0: pieces stay whole after weighed goods are gone
                continue
            entries[key] = known + amount
            if self._dirty is not None:
                self._dirty.add(key)

    def drop(self, key: str) -> None:
        """Drop the entry of `key`, if there is one."""
        if self._entries.pop(key, None) is not None and self._dirty is not None:
            self._page(key).discard(key)
            self._dirty.add(key)

    def shed(self, most: int, worth: Callable[[E], Any]) -> list[str]:
        """Drop the entries that are worth least once there are more than `most`, a tenth at once.

        Parameters
        ----------
        most
            How many may be kept.
        worth
            Returns by how much an entry is worth keeping. Of equal ones the first by key go.

        Returns
        -------
        list of str
            The keys that were dropped; they depend on the entries alone.
        """
        if len(self._entries) <= most:
            return []
        by_worth = sorted((worth(entry), key) for key, entry in self._entries.items())
        gone = [key for _, key in by_worth[: len(by_worth) - most + most // 10]]
        for key in gone:
            self.drop(key)
        return gone

    def items(self) -> Iterator[tuple[str, E]]:
        """Iterate over keys and entries."""
        return iter(self._entries.items())

    def sweep(self, clock: int) -> None:
        """Drop the entries that expired before `clock`."""
        if self._due is None:
            return
        due = self._due
        for key in [key for key, entry in self._entries.items() if due(entry) < clock]:
            self.drop(key)

    def times(self) -> tuple[int, int] | None:
        """Return the times of the oldest and the newest entry, or None if no entry has one."""
        if self._time is None:
            return None
        times = [time for entry in self._entries.values() if (time := self._time(entry)) is not None]
        return (min(times), max(times)) if times else None

    def describe(self) -> list[int]:
        """Return the number of pages."""
        return [len(self._pages)]

    def restore(self, description: list[int], load: Load) -> None:
        """Read all pages."""
        self._pages = []
        for number in range(description[0]):
            packed = load(str(number))
            entries = self._decode(packed) if packed is not None else {}
            self._entries.update(entries)
            self._pages.append(set(entries))

    def records(self) -> Iterator[StateRecord]:
        """Yield the pages that changed.

        A page that became empty is written, not deleted. A host may restore an old copy of the records and
        apply a compacted log to it; such a log loses its deletions after a while, and the page would come
        back.
        """
        if self._dirty is None:
            raise RuntimeError("untracked state has no records")
        if len(self._entries) > 2 * _PAGE_ENTRIES * len(self._pages):
            self._grow()
            # All pages, because a page written earlier may have become empty.
            changed = set(range(len(self._pages)))
        else:
            changed = {self._number(key) for key in self._dirty}
        for number in changed:
            keys = sorted(self._pages[number])  # sorted, so that equal state has equal bytes
            yield str(number), _pack({key: self._entries[key] for key in keys})
        self._dirty.clear()

    def untrack(self) -> None:
        """Stop tracking changes and pages."""
        self._dirty = None
        self._pages = []

    def _number(self, key: str) -> int:
        # crc32 instead of hash(): Python's hash differs between processes.
        return crc32(key.encode()) % len(self._pages)

    def _page(self, key: str) -> set[str]:
        return self._pages[self._number(key) if len(self._pages) > 1 else 0]

    def _grow(self) -> None:
        wanted = len(self._pages)
        while len(self._entries) > _PAGE_ENTRIES * wanted:
            wanted *= 2
        self._pages = [set() for _ in range(wanted)]
        for key in self._entries:
            self._page(key).add(key)
