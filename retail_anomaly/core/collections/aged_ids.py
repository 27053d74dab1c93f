"""Ids of the last months, in four bytes each."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np

from retail_anomaly.core.collections.collection import Load, StateRecord

Hashes: TypeAlias = "np.ndarray[Any, np.dtype[np.uint64]]"
Times: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"

_DAY: Final = 86_400_000
_OPEN: Final = 2 * _DAY  # how long after its end ids of a day are expected
_TIME_BITS: Final = 27  # of a millisecond of a day
_TIME: Final = (1 << _TIME_BITS) - 1
_HASH_BITS: Final = 31  # of a hash, that are kept of an id in four bytes
_FEW: Final = 1_024
_RUNS: Final = 8
_PER_BLOCK_BITS: Final = 7


class _Exact(NamedTuple):
    """Ids of a day in eight bytes: 37 bits of the hash and the millisecond; sorted."""

    day: int
    entries: array[int]

    def seen(self, hashed: int, since: int, besides: tuple[int, int]) -> bool:
        start, top = self.day * _DAY, hashed >> _TIME_BITS
        at = bisect_left(self.entries, top << _TIME_BITS | max(0, since - start))
        while at < len(self.entries) and self.entries[at] >> _TIME_BITS == top:
            if not besides[0] <= start + (self.entries[at] & _TIME) <= besides[1]:
                return True
            at += 1
        return False


class _Packed(NamedTuple):
    """Many ids of a day in four bytes: a part of the hash and the time of day in steps; sorted, in blocks.

    The number of a block is the first bits of the hash.
    """

    day: int
    bits: int
    entries: array[int]
    starts: array[int]

    def seen(self, hashed: int, since: int, besides: tuple[int, int]) -> bool:
        top, time_bits = hashed >> (64 - _HASH_BITS), self.bits + 1
        block, rest = top >> (_HASH_BITS - self.bits), top & ((1 << (_HASH_BITS - self.bits)) - 1)
        low, high = self._step(besides[0]), self._step(besides[1])
        end = self.starts[block + 1]
        at = bisect_left(self.entries, rest << time_bits | max(0, self._step(since)), self.starts[block], end)
        while at < end and self.entries[at] >> time_bits == rest:
            if not low <= (self.entries[at] & ((1 << time_bits) - 1)) <= high:
                return True
            at += 1
        return False

    def _step(self, time: int) -> int:
        return ((time - self.day * _DAY) << (self.bits + 1)) // _DAY


_Run: TypeAlias = "_Exact | _Packed"
_NEVER: Final = (1, 0)


class _StoredRun(msgspec.Struct, array_like=True):
    day: int
    bits: int  # 0: exact
    entries: bytes
    starts: bytes


class AgedIds:
    """Remember that ids were seen, by their hashes, for months.

    Two days after the end of a day, each of its ids takes four bytes, if they are over 1,024. Their times are
    then known to some minutes only, and at a million ids one unknown id in 2,000 is taken for a known one.
    Ids of newer days and of quieter ones take eight bytes and keep their time.

    Parameters
    ----------
    keep
        How long after its day an id is kept, in milliseconds.

    Examples
    --------
    >>> ids = AgedIds(keep=90 * 86_400_000)
    >>> ids.add(np.array([2**63 + 5], dtype=np.uint64), np.array([1_760_000_000_000]))
    >>> ids.seen_since(2**63 + 5, 1_760_000_000_000), ids.seen_since(2**63 + 5, 1_760_000_000_001)
    (True, False)
    """

    __slots__ = ("_dirty", "_dropped", "_keep", "_load", "_next", "_runs", "_tracked", "_unread")

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._next = 0
        self._runs: dict[int, _Run] = {}  # by the number of their record, the oldest day first
        self._unread: dict[int, int] = {}  # days by the number of the record
        self._load: Load = _nothing
        self._dirty: set[int] = set()
        self._dropped: list[str] = []
        self._tracked = True

    def __len__(self) -> int:
        """Count the ids; a record that was not read yet counts as one."""
        return sum(len(run.entries) for run in self._runs.values()) + len(self._unread)

    def add(self, hashes: Hashes, times: Times) -> None:
        """Note that ids were seen.

        Parameters
        ----------
        hashes
            64 bits each, the same in every process.
        times
            Epoch milliseconds.
        """
        self._read()
        days = times // _DAY
        for day in np.unique(days).tolist():
            of_day = days == day
            milliseconds = (times[of_day] - day * _DAY).astype(np.uint64)
            kept = hashes[of_day] >> np.uint64(_TIME_BITS) << np.uint64(_TIME_BITS)
            self._put(_Exact(day, _array("Q", np.unique(kept | milliseconds))))
            exact = [n for n, run in self._runs.items() if run.day == day and isinstance(run, _Exact)]
            if len(exact) > _RUNS:
                self._merge(day, exact)

    def seen_since(self, hashed: int, since: int, besides: tuple[int, int] = _NEVER) -> bool:
        """Tell whether an id was seen at `since` or later.

        Parameters
        ----------
        hashed
            The hash of the id.
        since
            Epoch milliseconds.
        besides
            Times from the first to the second do not count.
        """
        self._read()
        return any(
            run.seen(hashed, since, besides)
            for run in reversed(self._runs.values())
            if (run.day + 1) * _DAY > since
        )

    def sweep(self, clock: int) -> None:
        """Drop the days that ended more than `keep` before `clock`, and pack those that are complete."""
        for number, day in [*((n, run.day) for n, run in self._runs.items()), *self._unread.items()]:
            if (day + 1) * _DAY + self._keep < clock:
                self._drop(number)
        complete: dict[int, list[int]] = {}
        for number, run in self._runs.items():
            if isinstance(run, _Exact) and (run.day + 1) * _DAY + _OPEN < clock:
                complete.setdefault(run.day, []).append(number)
        for day, numbers in complete.items():
            if len(numbers) > 1 or len(self._runs[numbers[0]].entries) > _FEW:
                self._pack(day, self._merge(day, numbers))

    def times(self) -> tuple[int, int] | None:
        """Return the start of the oldest day and the end of the newest, or None if there is no id."""
        days = [*(run.day for run in self._runs.values()), *self._unread.values()]
        return (min(days) * _DAY, (max(days) + 1) * _DAY - 1) if days else None

    def describe(self) -> list[int]:
        """Return the number of the next record, then number and day of each."""
        description = [self._next]
        for number, day in [*self._unread.items(), *((n, run.day) for n, run in self._runs.items())]:
            description += [number, day]
        return description

    def restore(self, description: list[int], load: Load) -> None:
        """Note which records there are; they are read when an id is looked up or added."""
        self._load = load
        self._next, *rest = description
        self._unread = dict(zip(rest[::2], rest[1::2], strict=True))

    def records(self) -> Iterator[StateRecord]:
        """Yield the records that are new, and deletions of those that were dropped."""
        if not self._tracked:
            raise RuntimeError("untracked state has no records")
        for name in self._dropped:
            yield name, None
        self._dropped.clear()
        for number in sorted(self._dirty):
            run = self._runs[number]
            bits, starts = (run.bits, run.starts.tobytes()) if isinstance(run, _Packed) else (0, b"")
            yield (
                str(number),
                msgspec.msgpack.encode(_StoredRun(run.day, bits, run.entries.tobytes(), starts)),
            )
        self._dirty.clear()

    def untrack(self) -> None:
        """Note no more changes."""
        self._tracked = False
        self._dirty.clear()
        self._dropped.clear()

    def _put(self, run: _Run) -> int:
        number = self._next
        self._next += 1
        self._runs[number] = run
        if any(other.day > run.day for other in self._runs.values()):
            self._runs = dict(sorted(self._runs.items(), key=lambda item: item[1].day))
        if self._tracked:
            self._dirty.add(number)
        return number

    def _drop(self, number: int) -> None:
        self._runs.pop(number, None)
        self._unread.pop(number, None)
        if self._tracked:
            if number in self._dirty:
                self._dirty.discard(number)
            else:
                self._dropped.append(str(number))

    def _merge(self, day: int, numbers: list[int]) -> int:
        merged = np.unique(np.concatenate([np.frombuffer(self._runs[n].entries, np.uint64) for n in numbers]))
        for number in numbers:
            self._drop(number)
        return self._put(_Exact(day, _array("Q", merged)))

    def _pack(self, day: int, number: int) -> None:
        entries = np.frombuffer(self._runs[number].entries, np.uint64)
        if len(entries) <= _FEW:
            return
        bits = max(1, len(entries).bit_length() - _PER_BLOCK_BITS)
        tops = entries >> np.uint64(64 - _HASH_BITS)
        steps = ((entries & np.uint64(_TIME)) << np.uint64(bits + 1)) // np.uint64(_DAY)
        # 31 bits of the hash and bits + 1 of the time: the lower 32 are the entry, those above the block.
        values = np.unique(tops << np.uint64(bits + 1) | steps)
        blocks = values >> np.uint64(32)
        starts = np.searchsorted(blocks, np.arange((1 << bits) + 1, dtype=np.uint64))
        self._drop(number)
        packed = (values & np.uint64(0xFFFF_FFFF)).astype(np.uint32)
        self._put(_Packed(day, bits, _array("I", packed), _array("I", starts.astype(np.uint32))))

    def _read(self) -> None:
        if not self._unread:
            return
        for number in self._unread:
            content = self._load(str(number))
            if content is None:
                continue
            stored = msgspec.msgpack.decode(content, type=_StoredRun)
            if stored.bits:
                starts = array("I", stored.starts)
                self._runs[number] = _Packed(stored.day, stored.bits, array("I", stored.entries), starts)
            else:
                self._runs[number] = _Exact(stored.day, array("Q", stored.entries))
        self._unread = {}
        self._runs = dict(sorted(self._runs.items(), key=lambda item: (item[1].day, item[0])))


def _array(code: str, numbers: np.ndarray[Any, Any]) -> array[int]:
    return array(code, numbers.tobytes())


def _nothing(name: str) -> bytes | None:
    return None
