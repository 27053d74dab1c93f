"""One store's memory: its clock, its shifts, the event ids it has seen, its detectors' state."""

from collections.abc import Iterator
from typing import Final

import msgspec

from retail_anomaly.events import ShiftEvent
from retail_anomaly.state import Collection, Load, Number, Record, Table, TimedIds

FORMAT_VERSION: Final = 1
"""Version of the stored records; raised when an older one can't be read as it stands."""

_MINUTE: Final = 60_000
_HOUR: Final = 3_600_000


class StoredFormatError(ValueError):
    """Stored state was written by a version that this one can't read.

    Examples
    --------
    >>> str(StoredFormatError("store-1", 9))[:38]
    'state of store store-1 has format 9, t'
    """

    def __init__(self, store_id: str, found: int) -> None:
        super().__init__(
            f"state of store {store_id} has format {found}, this version "
            f"reads {FORMAT_VERSION}: run the version that wrote it, or start with a new "
            "consumer group"
        )


class Shift(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A kept shift: start and end in epoch milliseconds, both inclusive.

    Examples
    --------
    >>> Shift(1, 9, "CASHIER").covers(9)
    True
    """

    start: int
    end: int
    role: str | None

    def covers(self, time: int) -> bool:
        """Tell whether the shift was worked at `time`."""
        return self.start <= time <= self.end


class _Header(msgspec.Struct, array_like=True):
    version: int
    clock: int
    next_sweep: int
    first_pos_time: int | None
    collections: dict[str, list[Number]]


class DetectorState:
    """Base of what a detector keeps of one store: the collections among its attributes."""

    def collections(self) -> dict[str, Collection]:
        """Return the collections by attribute name."""
        return {
            name: value for name, value in vars(self).items() if isinstance(value, Table | TimedIds)
        }


class StoreState:
    """What is remembered of one store.

    Parameters
    ----------
    store_id
        The store.
    max_late, dedupe_memory
        Milliseconds; see the contract on order, time and memory.
    detectors
        The detectors' states by detector name.

    Attributes
    ----------
    clock
        The newest event time so far, in epoch milliseconds; 0 before the first event.
    first_pos_time
        Event time of the store's first POS event.

    Examples
    --------
    >>> store = StoreState("store-1", max_late=86_400_000, dedupe_memory=86_400_000, detectors={})
    >>> store.keep_shift(ShiftEvent("c-1", "store-1", 1_760_000_000_000, 1_760_000_060_000))
    >>> store.off_shift("c-1", 1_760_000_060_001), store.off_shift("c-2", 1_760_000_000_000)
    (True, None)
    """

    __slots__ = (
        "_max_late",
        "clock",
        "detectors",
        "first_pos_time",
        "next_sweep",
        "seen_pos",
        "seen_security",
        "shifts",
        "store_id",
    )

    def __init__(
        self, store_id: str, *, max_late: int, dedupe_memory: int, detectors: dict[str, DetectorState]
    ) -> None:
        self.store_id = store_id
        self.clock = 0
        self.next_sweep = 0
        self.first_pos_time: int | None = None
        self.detectors = detectors
        self.shifts: Table[list[Shift]] = Table(list[Shift])
        # Four buckets cover the memory, so that an id is found in a handful of look-ups.
        span = max(dedupe_memory // 4, _MINUTE)
        self.seen_pos = TimedIds(span, dedupe_memory)
        self.seen_security = TimedIds(span, dedupe_memory)
        self._max_late = max_late

    def keep_shift(self, event: ShiftEvent) -> None:
        """Keep a shift: it replaces one of the same start, and old ones are let go.

        The employee's newest shift stays for ever: it says that the shifts are known.
        """
        oldest_use = self.clock - self._max_late
        kept = [
            shift
            for shift in self.shifts.get(event.employee_id) or ()
            if shift.start != event.shift_start
        ]
        kept.append(Shift(event.shift_start, event.shift_end, event.role))
        newest = max(shift.start for shift in kept)
        kept = [shift for shift in kept if shift.end >= oldest_use or shift.start == newest]
        self.shifts.put(event.employee_id, kept)

    def off_shift(self, employee_id: str, time: int) -> bool | None:
        """Tell whether an employee was off shift; None when no shift of theirs is known."""
        shifts = self.shifts.get(employee_id)
        if shifts is None:
            return None
        return not any(shift.covers(time) for shift in shifts)

    def shift_at(self, employee_id: str, time: int) -> Shift | None:
        """Return the shift that covers a time, else the nearest to it, else None."""
        shifts = self.shifts.get(employee_id)
        if not shifts:
            return None
        return min(shifts, key=lambda s: (max(s.start - time, time - s.end, 0), -s.start))

    def advance(self, time: int) -> None:
        """Move the clock to an event's time and, once an hour of it, forget what is of no use."""
        if time > self.clock:
            self.clock = time
            if time >= self.next_sweep:
                self.next_sweep = time + _HOUR
                for collection in self._collections().values():
                    collection.sweep(time)

    def entries(self) -> dict[str, int]:
        """Count the entries of every collection, by ``detector.collection``."""
        return {name: len(collection) for name, collection in self._collections().items()}

    def records(self) -> Iterator[Record]:
        """Yield what changed since the last call; names are unique within the store."""
        collections = self._collections()
        for name, collection in collections.items():
            for part, content in collection.records():
                yield f"{name}/{part}", content
        header = _Header(
            FORMAT_VERSION,
            self.clock,
            self.next_sweep,
            self.first_pos_time,
            {name: collection.describe() for name, collection in collections.items()},
        )
        yield "header", msgspec.msgpack.encode(header)

    def restore(self, load: Load) -> None:
        """Take up what `records` wrote; a store without a header stays empty.

        Raises
        ------
        StoredFormatError
            The records are of a version that can't be read.
        """
        packed = load("header")
        if packed is None:
            return
        version = msgspec.msgpack.decode(packed)[0]
        if version != FORMAT_VERSION:
            raise StoredFormatError(self.store_id, version)
        header = msgspec.msgpack.decode(packed, type=_Header)
        self.clock, self.next_sweep = header.clock, header.next_sweep
        self.first_pos_time = header.first_pos_time
        for name, collection in self._collections().items():
            description = header.collections.get(name)
            if description is not None:
                collection.restore(description, _prefixed(load, name))

    def _collections(self) -> dict[str, Collection]:
        found: dict[str, Collection] = {
            "shifts": self.shifts,
            "seen_pos": self.seen_pos,
            "seen_security": self.seen_security,
        }
        for detector, state in self.detectors.items():
            for name, collection in state.collections().items():
                found[f"{detector}.{name}"] = collection
        return found


def _prefixed(load: Load, name: str) -> Load:
    return lambda part: load(f"{name}/{part}")
