"""What is remembered: live objects, written in compact records when a host asks.

Detectors read and change live Python objects. A host that must survive a crash calls
``records()`` at its checkpoints and gets only what changed since the last call, packed into few
records: the number of distinct keys, not of bytes, is what a checkpoint costs. A host that need
not, such as a replay, never calls it and pays nothing.

Two collections serve every detector: `Table`, entries by key, and `TimedIds`, the newest time of
very many ids.
"""

from collections.abc import Callable, Iterator
from typing import Final, Generic, Protocol, TypeVar
from zlib import crc32

import msgspec

Record = tuple[str, bytes | None]
"""A record's name and its packed content; None deletes it."""
Load = Callable[[str], bytes | None]
"""Reads a record by name."""
Number = int

_pack: Final = msgspec.msgpack.Encoder().encode
_PAGE_ENTRIES: Final = 64
_CHUNK_IDS: Final = 512

E = TypeVar("E")


class Collection(Protocol):
    """What the engine and the hosts ask of a `Table` or of `TimedIds`."""

    def __len__(self) -> int: ...

    def sweep(self, clock: int) -> None:
        """Forget what is no longer of use at `clock`."""

    def describe(self) -> list[Number]:
        """Return what `restore` needs to find the records again."""

    def restore(self, description: list[Number], load: Load) -> None:
        """Take up the state that was described, from its records."""

    def records(self) -> Iterator[Record]:
        """Yield what changed since the last call."""


class Table(Generic[E]):
    """Entries by key, written in pages of about 64.

    Parameters
    ----------
    entry_type
        The entries' type, for reading them back.
    due
        The time after which an entry is of no more use, in epoch milliseconds, or None when
        entries are kept without limit.

    Notes
    -----
    A key's page is a hash of it, and pages double in number as the table grows: a change of one
    entry writes one page, and a change of all of them writes few keys. Entries are changed in
    place; `put` afterwards says that they were.

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

    __slots__ = ("_decode", "_dirty", "_due", "_entries", "_pages")

    def __init__(self, entry_type: type[E], due: Callable[[E], int] | None = None) -> None:
        self._decode = msgspec.msgpack.Decoder(dict[str, entry_type]).decode  # type: ignore[valid-type]
        self._due = due
        self._entries: dict[str, E] = {}
        self._pages: list[set[str]] = [set()]
        self._dirty: set[str] = set()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def get(self, key: str) -> E | None:
        """Return the entry of `key`, or None."""
        return self._entries.get(key)

    def put(self, key: str, entry: E) -> None:
        """Keep `entry`; also to be called after an entry was changed in place."""
        if key not in self._entries:
            self._page(key).add(key)
        self._entries[key] = entry
        self._dirty.add(key)

    def drop(self, key: str) -> None:
        """Forget the entry of `key`, if there is one."""
        if self._entries.pop(key, None) is not None:
            self._page(key).discard(key)
            self._dirty.add(key)

    def items(self) -> Iterator[tuple[str, E]]:
        """Iterate over keys and entries."""
        return iter(self._entries.items())

    def sweep(self, clock: int) -> None:
        """Forget the entries whose due time is before `clock`."""
        if self._due is None:
            return
        due = self._due
        for key in [key for key, entry in self._entries.items() if due(entry) < clock]:
            self.drop(key)

    def describe(self) -> list[Number]:
        """Return the number of pages."""
        return [len(self._pages)]

    def restore(self, description: list[Number], load: Load) -> None:
        """Read all pages."""
        self._pages = []
        for number in range(description[0]):
            packed = load(str(number))
            entries = self._decode(packed) if packed is not None else {}
            self._entries.update(entries)
            self._pages.append(set(entries))

    def records(self) -> Iterator[Record]:
        """Yield the pages that changed; an empty one is deleted."""
        if len(self._entries) > 2 * _PAGE_ENTRIES * len(self._pages):
            self._grow()
        for number in {self._number(key) for key in self._dirty}:
            keys = sorted(self._pages[number])  # sorted, so that equal state has equal bytes
            yield str(number), _pack({key: self._entries[key] for key in keys}) if keys else None
        self._dirty.clear()

    def _number(self, key: str) -> int:
        # Not hash(): it differs from one process to the next.
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
        self._dirty.update(self._entries)


class _Bucket:
    __slots__ = ("chunks", "fresh", "ids", "load")

    def __init__(self, chunks: int = 0, load: Load | None = None) -> None:
        self.ids: dict[str, int] = {}
        self.fresh: list[str] = []  # changed since the last full chunk
        self.chunks = chunks  # full chunks, never written again
        self.load = load  # set while older chunks have not been read


class TimedIds:
    """The newest time of each of very many ids, for as long as an id is of use.

    Parameters
    ----------
    span
        Width of a bucket in milliseconds; ids are forgotten a bucket at a time.
    keep
        How long after its time an id is of use, in milliseconds.

    Notes
    -----
    Buckets are by time, so that the newest sighting of an id stands in the newest bucket that has
    it. A bucket is written as chunks of 512 ids that are never rewritten once full, and read only
    when an id is looked up in it.

    Examples
    --------
    >>> ids = TimedIds(span=1000, keep=5000)
    >>> ids.add("a", 100); ids.add("a", 2300)
    >>> ids.newest("a"), ids.newest("b")
    (2300, None)
    >>> records = dict(ids.records())
    >>> again = TimedIds(span=1000, keep=5000)
    >>> again.restore(ids.describe(), records.get)
    >>> again.newest("a")
    2300
    """

    __slots__ = ("_buckets", "_dirty", "_dropped", "_keep", "_span")

    _decode: Final = msgspec.msgpack.Decoder(dict[str, int]).decode

    def __init__(self, span: int, keep: int) -> None:
        self._span = span
        self._keep = keep
        self._buckets: dict[int, _Bucket] = {}  # newest first
        self._dirty: set[int] = set()
        self._dropped: list[str] = []

    def __len__(self) -> int:
        """Count ids, those in buckets not read yet at what their full chunks hold."""
        return sum(
            len(b.ids) + (b.chunks * _CHUNK_IDS if b.load else 0) for b in self._buckets.values()
        )

    def add(self, name: str, time: int) -> None:
        """Note a sighting of an id at a time in epoch milliseconds."""
        number = time // self._span
        bucket = self._buckets.get(number)
        if bucket is None:
            bucket = self._buckets[number] = _Bucket()
            self._buckets = dict(sorted(self._buckets.items(), reverse=True))
        ids = bucket.ids
        known = ids.get(name)
        if known is None or known < time:
            ids[name] = time
            bucket.fresh.append(name)
            self._dirty.add(number)

    def newest(self, name: str) -> int | None:
        """Return the newest time of an id, or None when it isn't known."""
        for number, bucket in self._buckets.items():
            if bucket.load is not None:
                self._read(number, bucket, bucket.load)
            time = bucket.ids.get(name)
            if time is not None:
                return time
        return None

    def sweep(self, clock: int) -> None:
        """Forget the buckets whose last moment is more than `keep` before `clock`."""
        for number in [n for n in self._buckets if (n + 1) * self._span + self._keep < clock]:
            bucket = self._buckets.pop(number)
            self._dirty.discard(number)
            self._dropped.extend(f"{number}/{chunk}" for chunk in range(bucket.chunks + 1))

    def describe(self) -> list[Number]:
        """Return bucket numbers and their counts of chunks, in turn."""
        description = []
        for number, bucket in self._buckets.items():
            description += [number, bucket.chunks + bool(bucket.fresh)]
        return description

    def restore(self, description: list[Number], load: Load) -> None:
        """Take up the buckets; their chunks are read when an id is looked up."""
        for number, chunks in zip(description[::2], description[1::2], strict=True):
            self._buckets[number] = _Bucket(chunks, load)

    def records(self) -> Iterator[Record]:
        """Yield the chunks that changed, and delete those of forgotten buckets."""
        for name in self._dropped:
            yield name, None
        self._dropped.clear()
        for number in self._dirty:
            bucket = self._buckets[number]
            fresh, ids = bucket.fresh, bucket.ids
            while fresh:
                part = fresh[:_CHUNK_IDS]
                yield f"{number}/{bucket.chunks}", _pack({name: ids[name] for name in part})
                if len(part) < _CHUNK_IDS:
                    break
                bucket.chunks += 1
                fresh = bucket.fresh = fresh[_CHUNK_IDS:]
        self._dirty.clear()

    def _read(self, number: int, bucket: _Bucket, load: Load) -> None:
        stored: dict[str, int] = {}
        for chunk in range(bucket.chunks):
            packed = load(f"{number}/{chunk}")
            for name, time in (self._decode(packed) if packed else {}).items():
                if stored.get(name, 0) < time:
                    stored[name] = time
        for name, time in bucket.ids.items():
            if stored.get(name, 0) < time:
                stored[name] = time
        bucket.ids, bucket.load = stored, None
