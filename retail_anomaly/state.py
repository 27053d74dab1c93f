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
        self._pages: list[set[str]] = []  # none before the first entry
        # None until something was written or read: a host that never asks for records pays nothing.
        self._dirty: set[str] | None = None

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
            if not self._pages:
                self._pages.append(set())
            self._page(key).add(key)
        self._entries[key] = entry
        if self._dirty is not None:
            self._dirty.add(key)

    def drop(self, key: str) -> None:
        """Forget the entry of `key`, if there is one."""
        if self._entries.pop(key, None) is not None:
            self._page(key).discard(key)
            if self._dirty is not None:
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
        self._dirty = set()
        self._pages = []
        for number in range(description[0]):
            packed = load(str(number))
            entries = self._decode(packed) if packed is not None else {}
            self._entries.update(entries)
            self._pages.append(set(entries))

    def records(self) -> Iterator[Record]:
        """Yield the pages that changed; an empty one is deleted."""
        if self._dirty is None or len(self._entries) > 2 * _PAGE_ENTRIES * len(self._pages):
            self._grow()
            # All of them, for a page of old may have become empty.
            changed = set(range(len(self._pages)))
        else:
            changed = {self._number(key) for key in self._dirty}
        for number in changed:
            keys = sorted(self._pages[number])  # sorted, so that equal state has equal bytes
            yield str(number), _pack({key: self._entries[key] for key in keys}) if keys else None
        self._dirty = set()

    def _number(self, key: str) -> int:
        # Not hash(): it differs from one process to the next.
        return crc32(key.encode()) % len(self._pages)

    def _page(self, key: str) -> set[str]:
        return self._pages[self._number(key) if len(self._pages) > 1 else 0]

    def _grow(self) -> None:
        if len(self._entries) <= _PAGE_ENTRIES * len(self._pages):
            return
        wanted = len(self._pages)
        while len(self._entries) > _PAGE_ENTRIES * wanted:
            wanted *= 2
        self._pages = [set() for _ in range(wanted)]
        for key in self._entries:
            self._page(key).add(key)


class _Bucket:
    """The ids sighted within one span of time, in the order in which they came."""

    __slots__ = ("chunks", "full", "names", "read", "written")

    def __init__(self, chunks: int = 0) -> None:
        self.chunks = chunks  # as stored when this bucket was taken up: never written again
        self.read: list[str] = []  # what those hold, once read
        self.names: list[str] = []  # what came since
        self.full = 0  # chunks of `names` that are full and written
        self.written = 0  # how many of `names` are in records


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
    Buckets are by time. One is written as chunks of 512 ids that are never rewritten once full, and
    read back only when an id is looked up that may stand in it.

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

    __slots__ = ("_buckets", "_dropped", "_keep", "_load", "_span", "_times", "_unread")

    _decode: Final = msgspec.msgpack.Decoder(dict[str, int]).decode

    def __init__(self, span: int, keep: int) -> None:
        self._span = span
        self._keep = keep
        self._times: dict[str, int] = {}
        self._buckets: dict[int, _Bucket] = {}
        self._unread: list[int] = []  # stored buckets still to be read, the newest last
        self._load: Load = _nothing
        # Stored chunks to delete; None until something was written or read.
        self._dropped: list[str] | None = None

    def __len__(self) -> int:
        """Count ids, those in buckets not read yet at what full chunks hold."""
        return len(self._times) + sum(self._buckets[n].chunks * _CHUNK_IDS for n in self._unread)

    def add(self, name: str, time: int) -> None:
        """Note a sighting of an id at a time in epoch milliseconds."""
        known = self._times.get(name)
        if known is None or known < time:
            self._times[name] = time
            bucket = self._buckets.get(time // self._span)
            if bucket is None:
                bucket = self._buckets[time // self._span] = _Bucket()
            bucket.names.append(name)

    def newest(self, name: str) -> int | None:
        """Return the newest time of an id, or None when it isn't known."""
        time = self._times.get(name)
        # A bucket not read yet can matter only where it is no older than what is known.
        while self._unread and (time is None or self._unread[-1] >= time // self._span):
            self._read(self._unread.pop())
            time = self._times.get(name)
        return time

    def sweep(self, clock: int) -> None:
        """Forget the buckets whose last moment is more than `keep` before `clock`."""
        for number in [n for n in self._buckets if (n + 1) * self._span + self._keep < clock]:
            bucket, end = self._buckets.pop(number), (number + 1) * self._span
            for name in (*bucket.read, *bucket.names):
                if self._times.get(name, end) < end:  # else sighted later, or gone
                    del self._times[name]
            if number in self._unread:
                self._unread.remove(number)
            if self._dropped is not None:
                self._dropped += [f"{number}/{chunk}" for chunk in range(_chunks(bucket))]

    def describe(self) -> list[Number]:
        """Return the buckets' width, then their numbers and counts of chunks in turn."""
        description = [self._span]
        for number, bucket in self._buckets.items():
            description += [number, _chunks(bucket)]
        return description

    def restore(self, description: list[Number], load: Load) -> None:
        """Take up the buckets; their chunks are read when an id is looked up."""
        self._load = load
        self._dropped = []
        span, *buckets = description
        stored = dict(zip(buckets[::2], buckets[1::2], strict=True))
        if span == self._span:
            self._buckets = {number: _Bucket(chunks) for number, chunks in stored.items()}
            self._unread = sorted(stored)
            return
        # Another width was configured since: the ids are sorted anew.
        for number, chunks in stored.items():
            for name in (f"{number}/{chunk}" for chunk in range(chunks)):
                packed = load(name)
                for known, time in (self._decode(packed) if packed else {}).items():
                    self.add(known, time)
                self._dropped.append(name)

    def records(self) -> Iterator[Record]:
        """Yield the chunks that changed, and delete those of forgotten buckets."""
        for name in self._dropped or ():
            yield name, None
        self._dropped = []
        for number, bucket in self._buckets.items():
            while len(bucket.names) > bucket.written:
                start = bucket.full * _CHUNK_IDS
                part = bucket.names[start : start + _CHUNK_IDS]
                packed = _pack({name: self._times[name] for name in part})
                yield f"{number}/{bucket.chunks + bucket.full}", packed
                bucket.written = start + len(part)
                bucket.full += len(part) == _CHUNK_IDS

    def _read(self, number: int) -> None:
        bucket, times = self._buckets[number], self._times
        for chunk in range(bucket.chunks):
            packed = self._load(f"{number}/{chunk}")
            for name, time in (self._decode(packed) if packed else {}).items():
                bucket.read.append(name)
                if times.get(name, 0) < time:
                    times[name] = time


def _chunks(bucket: _Bucket) -> int:
    return bucket.chunks + -(-len(bucket.names) // _CHUNK_IDS)


def _nothing(_name: str) -> None:
    return None
