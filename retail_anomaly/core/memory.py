"""The memory of one store: its clock, its shifts, the event ids it has seen, its detectors' state."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.collections import Collection, Load, StateRecord, Table, TimedIds
from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.core.events import PosEvent, ShiftEvent
from retail_anomaly.core.local_time import UTC, LocalTime
from retail_anomaly.core.shifts import Shift, Shifts

FORMAT_VERSION: Final = 1
"""Version of the records. Raise it when this code cannot read the records of an older version."""

_MINUTE: Final = 60_000
_HOUR: Final = 3_600_000
_LATE_PER_SWEEP: Final = 1_000


class StateFormatError(RetailAnomalyError, ValueError):
    """The state was written by a version that this one cannot read.

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


class _Header(msgspec.Struct, array_like=True):
    version: int
    clock: int
    next_sweep: int
    first_pos_time: int | None
    collections: dict[str, list[int]]
    # Added later, which the format allows: new fields go to the end and have a default.
    config_hashes: dict[str, str] = {}
    outlived: int = 0


class DetectorState:
    """Base of a detector's state of one store.

    Give your state its collections as attributes: hosts write, restore and sweep every `Table` and `TimedIds`
    that they find there. Any other attribute is lost at a restart.

    Examples
    --------
    >>> class Sold(DetectorState):
    ...     def __init__(self) -> None:
    ...         self.pieces = Table(int)
    >>> list(Sold().collections())
    ['pieces']
    """

    def collections(self) -> dict[str, Collection]:
        """Return the collections by attribute name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Table | TimedIds)}


Steps: TypeAlias = Sequence[tuple[Callable[[PosEvent, Any, "StoreMemory"], Sequence[Alert]], Any]]


class StoreMemory:
    """The memory of one store.

    Parameters
    ----------
    store_id
        The store.
    max_late
        How late an event may be and still raise an alert, in milliseconds.
    dedupe_memory
        How long a repeated event id is recognised, in milliseconds.
    detectors
        The detectors' states by detector name.
    on_sale, on_refund
        The steps of a receipt line: for each detector, its method and its state of this store.
    config_hashes
        The hashes of the detectors' parameters by detector name; they are written with the state.
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
    dispatch, indexed
        The index of the rules, and the state that they share, see `retail_anomaly.core.dispatch`; the engine
        sets them if there are rules.
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
        "_late_since_sweep",
        "_max_late",
        "clock",
        "detectors",
        "dispatch",
        "first_pos_time",
        "indexed",
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
        self.dispatch: Any = None
        self.indexed: Any = None
        self.shifts = Shifts(max_late)
        # Four buckets cover the memory: an id is then found in a handful of look-ups.
        span = max(dedupe_memory // 4, _MINUTE)
        self.seen_pos = TimedIds(span, dedupe_memory)
        self.seen_security = TimedIds(span, dedupe_memory)
        self._config_hashes = config_hashes or {}
        self.written_with: dict[str, str] = {}
        self._max_late = max_late
        self._late_since_sweep = 0

    def keep_shift(self, event: ShiftEvent) -> None:
        """Remember a shift; it replaces one of the same employee and start."""
        self.shifts.keep(event, self.clock)

    def off_shift(self, employee_id: str, time: int) -> bool | None:
        """Tell whether an employee was off shift; None if no shift of the employee is known."""
        return self.shifts.off_shift(employee_id, time)

    def shift_at(self, employee_id: str, time: int) -> Shift | None:
        """Return the shift that covers a time, or else the nearest one, or None if there is none."""
        return self.shifts.nearest(employee_id, time)

    def advance(self, time: int) -> None:
        """Move the clock to an event's time, if that is newer."""
        if time > self.clock:
            self.clock = time
        elif time < self.clock - self._max_late:
            # One event from the far future stops the clock, and all that follow are too late. Their state
            # must expire too, so every thousandth of them starts a sweep. The count is stored, so that a
            # restart changes nothing.
            self._late_since_sweep += 1
            if self._late_since_sweep >= _LATE_PER_SWEEP:
                self._late_since_sweep = 0
                self.next_sweep = self.clock

    def forget(self) -> None:
        """Drop expired state; `next_sweep` is the clock at which this is due again."""
        self.next_sweep = self.clock + _HOUR
        for collection in self.collections().values():
            collection.sweep(self.clock)

    def collections(self) -> dict[str, Collection]:
        """Return all collections, by ``collection`` or ``detector.collection``."""
        collections: dict[str, Collection] = {
            "shifts": self.shifts,
            "seen_pos": self.seen_pos,
            "seen_security": self.seen_security,
        }
        for detector, state in self.detectors.items():
            for name, collection in state.collections().items():
                collections[f"{detector}.{name}"] = collection
        return collections

    def entries(self) -> dict[str, int]:
        """Count the entries of every collection, by ``detector.collection``."""
        return {name: len(collection) for name, collection in self.collections().items()}

    def records(self) -> Iterator[StateRecord]:
        """Yield the records that changed since the last call; their names are unique within the store."""
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
            self._late_since_sweep,
        )
        yield "header", msgspec.msgpack.encode(header)

    def untrack(self) -> None:
        """Keep the state in this process only, in less memory; do not call `records` afterwards."""
        for collection in self.collections().values():
            collection.untrack()

    def restore(self, load: Load) -> None:
        """Read the state that `records` wrote; without a header record the state stays empty.

        Raises
        ------
        StateFormatError
            The records are of a version that this code cannot read.
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
        self._late_since_sweep = header.outlived
        for name, collection in self.collections().items():
            description = header.collections.get(name)
            if description is not None:
                collection.restore(description, _prefixed(load, name))


def _prefixed(load: Load, name: str) -> Load:
    return lambda part: load(f"{name}/{part}")
