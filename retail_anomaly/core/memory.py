"""One store's memory: its clock, its shifts, the event ids it has seen, its detectors' state."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.collections import Collection, Load, Number, StateRecord, Table, TimedIds
from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.core.events import PosEvent, ShiftEvent
from retail_anomaly.core.local_time import UTC, LocalTime

FORMAT_VERSION: Final = 1
"""Version of the stored records; raised when an older one can't be read as it stands."""

_MINUTE: Final = 60_000
_HOUR: Final = 3_600_000
_OUTLIVED: Final = 1_000


class StateFormatError(RetailAnomalyError, ValueError):
    """Stored state was written by a version that this one can't read.

    Examples
    --------
    >>> str(StateFormatError("store-1", 9))[:38]
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
    # Added since; the format allows for more at the end.
    config_hashes: dict[str, str] = {}
    outlived: int = 0


class DetectorState:
    """Base of what a detector keeps of one store: the collections among its attributes."""

    def collections(self) -> dict[str, Collection]:
        """Return the collections by attribute name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Table | TimedIds)}


Steps: TypeAlias = Sequence[tuple[Callable[[PosEvent, Any, "StoreMemory"], Sequence[Alert]], Any]]


class StoreMemory:
    """What is remembered of one store.

    Parameters
    ----------
    store_id
        The store.
    max_late, dedupe_memory
        Milliseconds; see the contract on order, time and memory.
    detectors
        The detectors' states by detector name.
    on_sale, on_refund
        What a receipt line passes: a detector's step and its state of this store, in turn.
    config_hashes
        The hashes of the detectors' parameters by detector name, to be kept with the state.
    zone
        The store's time zone, which decides its days and hours.

    Attributes
    ----------
    clock
        The newest event time so far, in epoch milliseconds; 0 before the first event.
    next_sweep
        The clock at which `forget` is due, in epoch milliseconds.
    first_pos_time
        Event time of the store's first POS event.
    local
        Tells the store's days and hours.
    written_with
        The hashes of the parameters under which the state was written, by detector name; empty
        when it was not read from records.

    Examples
    --------
    >>> store = StoreMemory("store-1", max_late=86_400_000, dedupe_memory=86_400_000, detectors={})
    >>> store.keep_shift(ShiftEvent("c-1", "store-1", 1_760_000_000_000, 1_760_000_060_000))
    >>> store.off_shift("c-1", 1_760_000_060_001), store.off_shift("c-2", 1_760_000_000_000)
    (True, None)
    """

    __slots__ = (
        "_config_hashes",
        "_max_late",
        "_outlived",
        "clock",
        "detectors",
        "first_pos_time",
        "local",
        "next_sweep",
        "on_refund",
        "on_sale",
        "seen_pos",
        "seen_security",
        "shifts",
        "store_id",
        "written_with",
    )

    def __init__(
        self,
        store_id: str,
        *,
        max_late: int,
        dedupe_memory: int,
        detectors: dict[str, DetectorState],
        on_sale: Steps = (),
        on_refund: Steps = (),
        config_hashes: dict[str, str] | None = None,
        zone: ZoneInfo = UTC,
    ) -> None:
        self.store_id = store_id
        self.local = LocalTime(zone)
        self.clock = 0
        self.next_sweep = 0
        self.first_pos_time: int | None = None
        self.detectors = detectors
        self.on_sale = on_sale
        self.on_refund = on_refund
        self.shifts: Table[list[Shift]] = Table(list[Shift], time=lambda shifts: max(s.start for s in shifts))
        # Four buckets cover the memory, so that an id is found in a handful of look-ups.
        span = max(dedupe_memory // 4, _MINUTE)
        self.seen_pos = TimedIds(span, dedupe_memory)
        self.seen_security = TimedIds(span, dedupe_memory)
        self._config_hashes = config_hashes or {}
        self.written_with: dict[str, str] = {}
        self._max_late = max_late
        self._outlived = 0

    def keep_shift(self, event: ShiftEvent) -> None:
        """Keep a shift; it replaces one of the same employee and start."""
        shifts = [
            shift for shift in self.shifts.get(event.employee_id) or () if shift.start != event.shift_start
        ]
        shifts.append(Shift(event.shift_start, event.shift_end, event.role))
        self.shifts.put(event.employee_id, self._still_of_use(shifts))

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
        """Move the clock to an event's time, if that is newer."""
        if time > self.clock:
            self.clock = time
        elif time < self.clock - self._max_late:
            # One event of a far future stops the clock. What comes is then always late, and must be
            # forgotten all the same, after a restart at the same events as without.
            self._outlived += 1
            if self._outlived >= _OUTLIVED:
                self._outlived = 0
                self.next_sweep = self.clock

    def forget(self) -> None:
        """Let go of what is of no more use; `next_sweep` says when that is due again."""
        self.next_sweep = self.clock + _HOUR
        for collection in self.collections().values():
            collection.sweep(self.clock)
        for employee, shifts in list(self.shifts.items()):
            kept = self._still_of_use(shifts)
            if len(kept) < len(shifts):
                self.shifts.put(employee, kept)

    def _still_of_use(self, shifts: list[Shift]) -> list[Shift]:
        # The newest stays for ever: it says that the employee's shifts are known.
        newest = max(shift.start for shift in shifts)
        oldest_use = self.clock - self._max_late
        return [shift for shift in shifts if shift.end >= oldest_use or shift.start == newest]

    def collections(self) -> dict[str, Collection]:
        """Return all collections, by ``collection`` or ``detector.collection``."""
        found: dict[str, Collection] = {
            "shifts": self.shifts,
            "seen_pos": self.seen_pos,
            "seen_security": self.seen_security,
        }
        for detector, state in self.detectors.items():
            for name, collection in state.collections().items():
                found[f"{detector}.{name}"] = collection
        return found

    def entries(self) -> dict[str, int]:
        """Count the entries of every collection, by ``detector.collection``."""
        return {name: len(collection) for name, collection in self.collections().items()}

    def records(self) -> Iterator[StateRecord]:
        """Yield what changed since the last call; names are unique within the store."""
        collections = self.collections()
        for name, collection in collections.items():
            for part, content in collection.records():
                yield f"{name}/{part}", content
        header = _Header(
            FORMAT_VERSION,
            self.clock,
            self.next_sweep,
            self.first_pos_time,
            {name: collection.describe() for name, collection in collections.items()},
            self._config_hashes,
            self._outlived,
        )
        yield "header", msgspec.msgpack.encode(header)

    def untrack(self) -> None:
        """Keep the store in memory only: it takes less of it, and `records` is not to be called."""
        for collection in self.collections().values():
            collection.untrack()

    def restore(self, load: Load) -> None:
        """Take up what `records` wrote; a store without a header stays empty.

        Raises
        ------
        StateFormatError
            The records are of a version that can't be read.
        """
        packed = load("header")
        if packed is None:
            return
        version = msgspec.msgpack.decode(packed)[0]
        if version != FORMAT_VERSION:
            raise StateFormatError(self.store_id, version)
        header = msgspec.msgpack.decode(packed, type=_Header)
        self.clock, self.next_sweep = header.clock, header.next_sweep
        self.first_pos_time = header.first_pos_time
        self.written_with = header.config_hashes
        self._outlived = header.outlived
        for name, collection in self.collections().items():
            description = header.collections.get(name)
            if description is not None:
                collection.restore(description, _prefixed(load, name))


def _prefixed(load: Load, name: str) -> Load:
    return lambda part: load(f"{name}/{part}")
