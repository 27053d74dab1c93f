"""The newest time of each of millions of ids."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np

from retail_anomaly.core.collections.collection import Load, StateRecord
from retail_anomaly.core.collections.id_bucket import CHUNK_IDS, IdBucket

_Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

_RECENT_IDS: Final = 512


class TimedIds:
    """Remember when each of millions of ids was last seen.

    In memory an id is its 64-bit hash, so two different ids can collide: among a million ids, about one
    look-up in 10**13 is wrong.

    Parameters
    ----------
    span
        Width of a bucket in milliseconds. Ids expire a whole bucket at a time.
    keep
        How long after its time an id is kept at least, in milliseconds.

    Notes
    -----
    The newest ids are in a dictionary, all others in two sorted arrays, one of hashes and one of times. That
    takes 24 to 32 bytes an id; a dictionary alone would take over 200.

    The records hold the ids themselves, sorted into buckets by time. After a restart a bucket is read only
    when you look up an id that may be in it.

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
        "_begin",
        "_bucket",
        "_buckets",
        "_dropped",
        "_end",
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
        self._recent: dict[int, int] = {}  # newest time by hash
        self._limit = _RECENT_IDS
        self._hashes = array("q")  # sorted; Python's hash, which differs between processes: never written
        self._times = array("q")  # the time of each of these
        self._present = bytearray(1)  # by the last bits of a hash: 1 if such a hash is in the array
        self._mask = 0
        self._buckets: dict[int, IdBucket] = {}
        self._bucket = IdBucket()  # the one that ids are added to, with its time
        self._begin = self._end = 0
        self._unread: list[int] = []  # buckets whose records were not read yet, the newest last
        self._load: Load = _nothing
        self._dropped: list[str] = []  # names of records to delete
        self._tracked = True

    def __len__(self) -> int:
        """Count the ids. Of a bucket that was not read yet only its chunks are known: each counts as full."""
        unread = sum(self._buckets[n].chunks * CHUNK_IDS for n in self._unread)
        return len(self._recent) + len(self._hashes) + unread

    def add(self, name: str, time: int) -> None:
        """Note that an id was seen, at a time in epoch milliseconds."""
        self._add(name, hash(name), time)

    def _add(self, name: str, hashed: int, time: int) -> None:
        recent = self._recent
        known = recent.get(hashed)
        if known is not None and known >= time:
            return
        recent[hashed] = time
        if not self._begin <= time < self._end:
            self._turn_to(time // self._span)
        if self._tracked:
            self._note(name, time)
        if len(recent) > self._limit:
            self._compact()

    def _note(self, name: str, time: int) -> None:
        """Put an id into the bucket of its time, for the records."""
        bucket = self._bucket
        pending = bucket.pending
        if pending.get(name, 0) < time:
            pending[name] = time
            bucket.dirty = True
            if len(pending) == CHUNK_IDS:
                bucket.seal()

    def add_unless_since(self, name: str, time: int, since: int) -> bool:
        """Note that an id was seen, unless it was seen at `since` or later; return whether it was noted."""
        hashed, recent = hash(name), self._recent
        # Nearly all ids are new, and this test tells so without a search.
        if hashed in recent or self._present[hashed & self._mask] or self._unread:
            newest = self.newest(name)
            if newest is not None and newest >= since:
                return False
            self._add(name, hashed, time)
            return True
        # As `_add`, without the call.
        recent[hashed] = time
        if not self._begin <= time < self._end:
            self._turn_to(time // self._span)
        if self._tracked:
            self._note(name, time)
        if len(recent) > self._limit:
            self._compact()
        return True

    def newest(self, name: str) -> int | None:
        """Return the newest time of an id, or None if it is unknown."""
        wanted = hash(name)
        time = self._recent.get(wanted)
        if self._present[wanted & self._mask]:  # perhaps; the array decides
            hashes = self._hashes
            at = bisect_left(hashes, wanted)
            while at < len(hashes) and hashes[at] == wanted:
                if time is None or self._times[at] > time:
                    time = self._times[at]
                at += 1
        # An unread bucket matters only if it may hold a newer time than the one found.
        if self._unread and (time is None or self._unread[-1] >= time // self._span):
            self._read(self._unread.pop())
            return self.newest(name)
        return time

    def sweep(self, clock: int) -> None:
        """Drop the buckets that ended more than `keep` before `clock`."""
        old = [n for n in self._buckets if (n + 1) * self._span + self._keep < clock]
        if not old:
            return
        self._turn_away()
        for number in old:
            bucket = self._buckets.pop(number)
            if number in self._unread:
                self._unread.remove(number)
            if self._tracked:
                self._dropped += [f"{number}/{chunk}" for chunk in range(bucket.written_chunks)]
        end = (max(old) + 1) * self._span
        self._recent = {hashed: time for hashed, time in self._recent.items() if time >= end}
        times = np.frombuffer(self._times, dtype=np.int64)
        hashes = np.frombuffer(self._hashes, dtype=np.int64)
        kept = times >= end
        self._keep_sorted(hashes[kept], times[kept])

    def times(self) -> tuple[int, int] | None:
        """Return the times of the oldest and the newest id; this reads all buckets."""
        while self._unread:
            self._read(self._unread.pop())
        times = [*self._times, *self._recent.values()]
        return (min(times), max(times)) if times else None

    def describe(self) -> list[int]:
        """Return the width of the buckets, then number and count of chunks of each."""
        description = [self._span]
        for number, bucket in self._buckets.items():
            description += [number, bucket.written_chunks]
        return description

    def restore(self, description: list[int], load: Load) -> None:
        """Note which buckets there are; their chunks are read when you look up an id."""
        self._load = load
        span, *buckets = description
        stored = dict(zip(buckets[::2], buckets[1::2], strict=True))
        if span == self._span:
            self._buckets = {number: IdBucket(chunks) for number, chunks in stored.items()}
            self._turn_away()
            self._unread = sorted(stored)
            return
        # The configured width has changed since: sort the ids into new buckets.
        for number, chunks in stored.items():
            for name in (f"{number}/{chunk}" for chunk in range(chunks)):
                packed = load(name)
                for known, time in (self._decode(packed) if packed else {}).items():
                    self.add(known, time)
                self._dropped.append(name)

    def records(self) -> Iterator[StateRecord]:
        """Yield the chunks that changed, and deletions of the chunks of dropped buckets."""
        if not self._tracked:
            raise RuntimeError("untracked state has no records")
        for name in self._dropped:
            yield name, None
        self._dropped.clear()
        for number, bucket in self._buckets.items():
            yield from bucket.records(number)

    def untrack(self) -> None:
        """Keep hashes only: the ids themselves are needed for records alone."""
        self._tracked = False
        self._dropped.clear()
        self._buckets = {number: IdBucket(bucket.chunks) for number, bucket in self._buckets.items()}
        self._turn_away()

    def _turn_to(self, number: int) -> None:
        """Make a bucket the one that ids are added to."""
        bucket = self._buckets.get(number)
        if bucket is None:
            for older in self._buckets.values():
                older.seal()  # time has moved on: few more ids will come to the older buckets
            bucket = self._buckets[number] = IdBucket()
        self._bucket = bucket
        self._begin, self._end = number * self._span, (number + 1) * self._span

    def _turn_away(self) -> None:
        """Look for the bucket at the next id: the present one may be gone."""
        self._begin = self._end = 0

    def _compact(self) -> None:
        """Move the recent ids to the sorted arrays."""
        came = np.fromiter(self._recent, dtype=np.int64, count=len(self._recent))
        at = np.fromiter(self._recent.values(), dtype=np.int64, count=len(self._recent))
        hashes = np.concatenate([np.frombuffer(self._hashes, dtype=np.int64), came])
        times = np.concatenate([np.frombuffer(self._times, dtype=np.int64), at])
        order = np.argsort(hashes, kind="stable")
        self._keep_sorted(hashes[order], times[order])
        self._recent = {}
        # A limit in proportion to the array: each id is then moved a handful of times at most.
        self._limit = max(_RECENT_IDS, len(self._hashes) // 4)

    def _keep_sorted(self, hashes: _Numbers, times: _Numbers) -> None:
        """Take these for the arrays, and note which last bits of hashes are among them."""
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


def _array(values: _Numbers) -> "array[int]":
    copied = array("q")
    copied.frombytes(values.tobytes())
    return copied


def _nothing(_name: str) -> None:
    return None
