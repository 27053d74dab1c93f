"""What is remembered: live objects, written in compact records when a host asks.

Detectors read and change live Python objects. A host that must survive a crash calls
``records()`` at its checkpoints and gets only what changed since the last call, packed into few
records: the number of distinct keys, not of bytes, is what a checkpoint costs. A host that need
not, such as a replay, has its state untracked and pays nothing.

Two collections serve every detector: `Table`, entries by key, and `TimedIds`, the newest time of
very many ids.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar
from zlib import crc32

import msgspec
import numpy as np

StateRecord = tuple[str, bytes | None]
"""A record's name and its packed content; None deletes it."""
Load = Callable[[str], bytes | None]
"""Reads a record by name."""
Number = int
_Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

_pack: Final = msgspec.msgpack.Encoder().encode
# A record costs a checkpoint some 30 us whatever it holds, an entry in it 0.04 us.
_PAGE_ENTRIES: Final = 256
_CHUNK_IDS: Final = 512
_RECENT_IDS: Final = 512

E = TypeVar("E")


class Collection(Protocol):
    """What the engine and the hosts ask of a `Table` or of `TimedIds`."""

    def __len__(self) -> int: ...

    def sweep(self, clock: int) -> None:
        """Forget what is no longer of use at `clock`."""

    def times(self) -> tuple[int, int] | None:
        """Return the times of the oldest and the newest entry, or None where none has one."""

    def describe(self) -> list[Number]:
        """Return what `restore` needs to find the records again."""

    def restore(self, description: list[Number], load: Load) -> None:
        """Take up the state that was described, from its records."""

    def records(self) -> Iterator[StateRecord]:
        """Yield what changed since the last call."""

    def untrack(self) -> None:
        """Let go of what only `records` needs: it will not be called any more."""


class Table(Generic[E]):
    """Entries by key, written in pages of about 256.

    Parameters
    ----------
    entry_type
        The entries' type, for reading them back.
    due
        The time after which an entry is of no more use, in epoch milliseconds, or None when
        entries are kept without limit.
    time
        The time of an entry in epoch milliseconds, for `times`; None when entries have none.

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

    __slots__ = ("_decode", "_dirty", "_due", "_entries", "_pages", "_time")

    def __init__(
        self,
        entry_type: type[E],
        due: Callable[[E], int] | None = None,
        time: Callable[[E], int] | None = None,
    ) -> None:
        self._decode = msgspec.msgpack.Decoder(dict[str, entry_type]).decode  # type: ignore[valid-type]
        self._due = due
        self._time = time
        self._entries: dict[str, E] = {}
        self._pages: list[set[str]] = []  # none before the first entry
        self._dirty: set[str] | None = set()  # None: there will be no records

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def get(self, key: str) -> E | None:
        """Return the entry of `key`, or None."""
        return self._entries.get(key)

    def put(self, key: str, entry: E) -> None:
        """Keep `entry`; also to be called after an entry was changed in place."""
        if self._dirty is not None:
            if key not in self._entries:
                if not self._pages:
                    self._pages.append(set())
                self._page(key).add(key)
            self._dirty.add(key)
        self._entries[key] = entry

    def drop(self, key: str) -> None:
        """Forget the entry of `key`, if there is one."""
        if self._entries.pop(key, None) is not None and self._dirty is not None:
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

    def times(self) -> tuple[int, int] | None:
        """Return the times of the oldest and the newest entry, or None where none has one."""
        if self._time is None or not self._entries:
            return None
        times = [self._time(entry) for entry in self._entries.values()]
        return min(times), max(times)

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

    def records(self) -> Iterator[StateRecord]:
        """Yield the pages that changed.

        An empty one is written and not deleted. Where an older copy of the records is brought up
        to date from a compacted log, deletions may be gone from the log, and the page would be back.
        """
        if self._dirty is None:
            raise RuntimeError("untracked state has no records")
        if len(self._entries) > 2 * _PAGE_ENTRIES * len(self._pages):
            self._grow()
            # All of them, for a page of old may have become empty.
            changed = set(range(len(self._pages)))
        else:
            changed = {self._number(key) for key in self._dirty}
        for number in changed:
            keys = sorted(self._pages[number])  # sorted, so that equal state has equal bytes
            yield str(number), _pack({key: self._entries[key] for key in keys})
        self._dirty.clear()

    def untrack(self) -> None:
        """Stop noting what changes and where it belongs."""
        self._dirty = None
        self._pages = []

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


class _Bucket:
    """The ids sighted within one span of time, as far as the records do not have them for good."""

    __slots__ = ("chunks", "dirty", "pending", "sealed")

    def __init__(self, chunks: int = 0) -> None:
        self.chunks = chunks  # those that will not change any more
        self.sealed: list[bytes] = []  # of these the last ones, not in the records yet
        self.pending: dict[str, int] = {}  # the chunk after them, if there are any
        self.dirty = False  # whether it differs from the records

    def seal(self) -> None:
        """Let the pending ids be a chunk, packed at once: as a dictionary they take eight times the memory."""
        if self.dirty:
            self.sealed.append(_pack(self.pending))
            self.dirty = False
        if self.pending:
            self.chunks += 1
            self.pending = {}

    def records(self, number: int) -> Iterator[StateRecord]:
        """Yield the chunks that changed."""
        first = self.chunks - len(self.sealed)
        for chunk, packed in enumerate(self.sealed, first):
            yield f"{number}/{chunk}", packed
        self.sealed = []
        if self.dirty:
            yield f"{number}/{self.chunks}", _pack(self.pending)
            self.dirty = False


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
    In memory an id is its 64-bit hash. Those that came last are a dictionary, the others two sorted
    arrays, of hashes and of times: 24 to 32 bytes an id, all told, where a dictionary takes over 200. Two ids of one hash would
    count as one; among a million ids that befalls a look-up once in 10**13.

    In the records the ids stand as they are, by time: a bucket is written as chunks of at most 512 that are
    never rewritten once complete, and read back only when an id is looked up that may stand in it.

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

    __slots__ = (
        "_buckets",
        "_dropped",
        "_hashes",
        "_keep",
        "_limit",
        "_load",
        "_mask",
        "_present",
        "_recent",
        "_span",
        "_times",
        "_tracked",
        "_unread",
    )

    _decode: Final = msgspec.msgpack.Decoder(dict[str, int]).decode

    def __init__(self, span: int, keep: int) -> None:
        self._span = span
        self._keep = keep
        self._recent: dict[int, int] = {}  # by hash, as below
        self._limit = _RECENT_IDS
        self._hashes = array("q")  # sorted; of Python's own hash, which no other process knows
        self._times = array("q")
        self._present = bytearray(1)  # by the hash's last bits: whether such a hash is among them
        self._mask = 0
        self._buckets: dict[int, _Bucket] = {}
        self._unread: list[int] = []  # stored buckets still to be read, the newest last
        self._load: Load = _nothing
        self._dropped: list[str] = []  # stored chunks to delete
        self._tracked = True

    def __len__(self) -> int:
        """Count ids, those in buckets not read yet at what full chunks hold."""
        unread = sum(self._buckets[n].chunks * _CHUNK_IDS for n in self._unread)
        return len(self._recent) + len(self._hashes) + unread

    def add(self, name: str, time: int) -> None:
        """Note a sighting of an id at a time in epoch milliseconds."""
        recent = self._recent
        hashed = hash(name)
        known = recent.get(hashed)
        if known is not None and known >= time:
            return
        recent[hashed] = time
        bucket = self._buckets.get(time // self._span) or self._open(time // self._span)
        if self._tracked and bucket.pending.get(name, 0) < time:
            bucket.pending[name] = time
            bucket.dirty = True
            if len(bucket.pending) == _CHUNK_IDS:
                bucket.seal()
        if len(recent) > self._limit:
            self._compact()

    def add_unless_since(self, name: str, time: int, since: int) -> bool:
        """Note a sighting unless there was one at `since` or later; return whether it was noted."""
        hashed = hash(name)
        # Nearly all ids are new, which this sees at once.
        if hashed in self._recent or self._unread or self._present[hashed & self._mask]:
            newest = self.newest(name)
            if newest is not None and newest >= since:
                return False
        self.add(name, time)
        return True

    def newest(self, name: str) -> int | None:
        """Return the newest time of an id, or None when it isn't known."""
        wanted = hash(name)
        time = self._recent.get(wanted)
        if self._present[wanted & self._mask]:  # perhaps
            hashes = self._hashes
            at = bisect_left(hashes, wanted)
            while at < len(hashes) and hashes[at] == wanted:
                if time is None or self._times[at] > time:
                    time = self._times[at]
                at += 1
        # A bucket not read yet can matter only where it is no older than what is known.
        if self._unread and (time is None or self._unread[-1] >= time // self._span):
            self._read(self._unread.pop())
            return self.newest(name)
        return time

    def sweep(self, clock: int) -> None:
        """Forget the buckets whose last moment is more than `keep` before `clock`."""
        old = [n for n in self._buckets if (n + 1) * self._span + self._keep < clock]
        if not old:
            return
        for number in old:
            bucket = self._buckets.pop(number)
            if number in self._unread:
                self._unread.remove(number)
            if self._tracked:
                self._dropped += [f"{number}/{chunk}" for chunk in range(_chunks(bucket))]
        end = (max(old) + 1) * self._span
        self._recent = {hashed: time for hashed, time in self._recent.items() if time >= end}
        times = np.frombuffer(self._times, dtype=np.int64)
        hashes = np.frombuffer(self._hashes, dtype=np.int64)
        kept = times >= end
        self._settle(hashes[kept], times[kept])

    def times(self) -> tuple[int, int] | None:
        """Return the times of the oldest and the newest id; this reads all that is stored."""
        while self._unread:
            self._read(self._unread.pop())
        times = [*self._times, *self._recent.values()]
        return (min(times), max(times)) if times else None

    def describe(self) -> list[Number]:
        """Return the buckets' width, then their numbers and counts of chunks in turn."""
        description = [self._span]
        for number, bucket in self._buckets.items():
            description += [number, _chunks(bucket)]
        return description

    def restore(self, description: list[Number], load: Load) -> None:
        """Take up the buckets; their chunks are read when an id is looked up."""
        self._load = load
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

    def records(self) -> Iterator[StateRecord]:
        """Yield the chunks that changed, and delete those of forgotten buckets."""
        if not self._tracked:
            raise RuntimeError("untracked state has no records")
        for name in self._dropped:
            yield name, None
        self._dropped.clear()
        for number, bucket in self._buckets.items():
            yield from bucket.records(number)

    def untrack(self) -> None:
        """Stop keeping ids as they are: their hashes are enough."""
        self._tracked = False
        self._dropped.clear()
        self._buckets = {number: _Bucket(bucket.chunks) for number, bucket in self._buckets.items()}

    def _open(self, number: int) -> _Bucket:
        for bucket in self._buckets.values():
            bucket.seal()  # time goes on: few ids will come to these
        bucket = self._buckets[number] = _Bucket()
        return bucket

    def _compact(self) -> None:
        """Move the recent ids to the sorted arrays."""
        came = np.fromiter(self._recent, dtype=np.int64, count=len(self._recent))
        at = np.fromiter(self._recent.values(), dtype=np.int64, count=len(self._recent))
        hashes = np.concatenate([np.frombuffer(self._hashes, dtype=np.int64), came])
        times = np.concatenate([np.frombuffer(self._times, dtype=np.int64), at])
        order = np.argsort(hashes, kind="stable")
        self._settle(hashes[order], times[order])
        self._recent = {}
        # In proportion, so that an id is moved a handful of times however many there are.
        self._limit = max(_RECENT_IDS, len(self._hashes) // 4)

    def _settle(self, hashes: _Numbers, times: _Numbers) -> None:
        self._hashes, self._times = _array(hashes), _array(times)
        size = 8
        while size < 8 * len(hashes):
            size *= 2
        present = np.zeros(size, dtype=np.uint8)
        present[hashes & (size - 1)] = 1
        self._present, self._mask = bytearray(present.tobytes()), size - 1

    def _read(self, number: int) -> None:
        for chunk in range(self._buckets[number].chunks):
            packed = self._load(f"{number}/{chunk}")
            for name, time in (self._decode(packed) if packed else {}).items():
                if self._recent.get(hash(name), 0) < time:
                    self._recent[hash(name)] = time
        if len(self._recent) > self._limit:
            self._compact()


def _chunks(bucket: _Bucket) -> int:
    return bucket.chunks + bool(bucket.pending)


def _array(values: _Numbers) -> "array[int]":
    found = array("q")
    found.frombytes(values.tobytes())
    return found


def _nothing(_name: str) -> None:
    return None
