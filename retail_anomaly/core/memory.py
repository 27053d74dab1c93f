"""The memory of one store: its clock, its shifts, the event ids it has seen, its detectors' state."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.clock import HeldBack
from retail_anomaly.core.collections import AgedIds, Collection, Load, Snapshot, StateRecord, Table, TimedIds
from retail_anomaly.core.events import PosEvent, ShiftEvent
from retail_anomaly.core.kept_line import ForgottenSales
from retail_anomaly.core.kept_lines import KeptLines
from retail_anomaly.core.ledger import Ledger
from retail_anomaly.core.local_time import UTC, LocalTime
from retail_anomaly.core.receipts import NumberedBy, Numbering, Receipt
from retail_anomaly.core.shifts import Shift, Shifts
from retail_anomaly.core.state_errors import (
    FORMAT_VERSION,
    NamesChangedError,
    NumberingChangedError,
    StateFormatError,
)
from retail_anomaly.core.taking_back import TakenLine

_MINUTE: Final = 60_000
_HOUR: Final = 3_600_000
# Longer than any pause after which an employee takes a new pseudonym.
_ACTIVE: Final = 30 * 24 * _HOUR
_LATE_PER_SWEEP: Final = 1_000
_COLLECTIONS: Final = (Table, TimedIds, AgedIds, Ledger, Snapshot)


class _Header(msgspec.Struct, array_like=True):
    version: int
    clock: int
    next_sweep: int
    first_pos_time: int | None
    collections: dict[str, list[int]]
    # Added later, which the format allows: new fields go to the end and have a default.
    config_hashes: dict[str, str] = {}
    outlived: int = 0
    numbered_by: NumberedBy = "store"
    held_back: HeldBack | None = None
    late_at: int = 0
    is_stuck: bool = False
    has_pseudonyms: bool = False


class DetectorState:
    """Base of a detector's state of one store.

    Give your state its collections as attributes: hosts write, restore and sweep every `Table`, `TimedIds`,
    `AgedIds` and `Snapshot` that they find there. Any other attribute is lost at a restart.

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
        return {name: value for name, value in vars(self).items() if isinstance(value, _COLLECTIONS)}


Steps: TypeAlias = Sequence[tuple[Callable[[PosEvent, Any, "StoreMemory"], Sequence[Alert]], Any]]
TakenSteps: TypeAlias = Sequence[tuple[Callable[[TakenLine, Any, "StoreMemory"], None], Any]]
ForgottenSteps: TypeAlias = Sequence[tuple[Callable[[ForgottenSales, Any, "StoreMemory"], None], Any]]


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
    on_taken_back, on_forgotten
        The steps of a line that is taken back, and of sales that are too old to be taken back.
    zone
        The store's time zone, which decides its days and hours.
    numbered_by
        What a transaction number is unique within.
    void_memory
        How long a receipt line can be taken back, in milliseconds.
    max_ahead
        How near two sources must be to confirm a time far ahead of the clock, in milliseconds.
    has_pseudonyms
        Whether pseudonyms stand for the ids of employees.

    Attributes
    ----------
    clock
        The newest event time so far, in epoch milliseconds; 0 before the first event.
    numbering
        Tells the receipt of an event.
    lines
        The receipt lines that can still be taken back.
    line
        The number of the line that is being processed: a later line has a higher one.
    held
        The events that are too far ahead of the clock to move it, or None.
    is_stuck
        Whether the clock stands still because it is wrong: all that comes is too late.
    released
        Lines that were held back from the detectors that count by days, and that these may see now.
    next_sweep
        The clock at which `forget` is due, in epoch milliseconds.
    first_pos_time
        Event time of the store's first POS event.
    dispatch, indexed
        The index of the rules, and the state that they share, see `retail_anomaly.core.dispatch`; the engine
        sets them if there are rules.
    local
        Tells the store's days and hours.
    active
        When each pseudonym that is about to end was seen last, in epoch milliseconds.
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
        "_late_at",
        "_late_since_sweep",
        "_max_ahead",
        "_max_late",
        "_newest_late",
        "_receipt",
        "active",
        "clock",
        "detectors",
        "dispatch",
        "first_pos_time",
        "has_pseudonyms",
        "held",
        "indexed",
        "is_stuck",
        "line",
        "lines",
        "local",
        "next_sweep",
        "numbering",
        "on_forgotten",
        "on_refund",
        "on_sale",
        "on_taken_back",
        "released",
        "seen_movements",
        "seen_pos",
        "seen_security",
        "shifts",
        "store_id",
        "void_memory",
        "written_with",
    )

    def __init__(  # noqa: PLR0913 - by name only
        self,
        store_id: str,
        *,
        max_late: int,
        dedupe_memory: int,
        detectors: dict[str, DetectorState],
        on_sale: Steps = (),
        on_refund: Steps = (),
        on_taken_back: TakenSteps = (),
        on_forgotten: ForgottenSteps = (),
        config_hashes: dict[str, str] | None = None,
        zone: ZoneInfo = UTC,
        numbered_by: NumberedBy = "store",
        void_memory: int = 24 * _HOUR,
        max_ahead: int = _HOUR,
        has_pseudonyms: bool = False,
    ) -> None:
        self.store_id = store_id
        self.has_pseudonyms = has_pseudonyms
        self.local = LocalTime(zone)
        self.clock = 0
        self.next_sweep = 0
        self.released: list[PosEvent] = []
        self.first_pos_time: int | None = None
        self.detectors = detectors
        self.on_sale = on_sale
        self.on_refund = on_refund
        self.dispatch: Any = None
        self.indexed: Any = None
        self.on_taken_back = on_taken_back
        self.on_forgotten = on_forgotten
        self.void_memory = void_memory
        self.numbering = Numbering(numbered_by, self.local)
        # As long as a late event may look for them, too.
        self.lines = KeptLines(self.numbering, max(void_memory, max_late))
        self.line = 0
        self._receipt = (0, Receipt(("",), 0))
        self.shifts = Shifts(max_late)
        self.active = Table(int, due=lambda seen: seen + _ACTIVE + max_late)
        # Four buckets cover the memory: an id is then found in a handful of look-ups.
        span = max(dedupe_memory // 4, _MINUTE)
        self.seen_pos = TimedIds(span, dedupe_memory)
        self.seen_security = TimedIds(span, dedupe_memory)
        self.seen_movements = TimedIds(span, dedupe_memory)
        self._config_hashes = config_hashes or {}
        self.written_with: dict[str, str] = {}
        self._max_late = max_late
        self._max_ahead = max_ahead
        self.held: HeldBack | None = None
        self._late_since_sweep = 0
        self._late_at = 0
        self.is_stuck = False
        self._newest_late: int | None = None

    def keep_shift(self, event: ShiftEvent, also: str | None = None) -> None:
        """Remember a shift as `Shifts.keep` does; it replaces one of the same employee and start."""
        self.shifts.keep(event, self.clock, also)

    def off_shift(self, employee_id: str, time: int) -> bool | None:
        """Tell whether an employee was off shift; None if no shift of the employee is known."""
        return self.shifts.off_shift(employee_id, time)

    def shift_at(self, employee_id: str, time: int) -> Shift | None:
        """Return the shift that covers a time, or else the nearest one, or None if there is none."""
        return self.shifts.nearest(employee_id, time)

    def receipt(self, event: PosEvent) -> Receipt:
        """Return the receipt of the SALE or REFUND line that is being processed."""
        if self._receipt[0] != self.line:
            self._receipt = (self.line, self.lines.receipt(self.line, event.transaction_id))
        return self._receipt[1]

    def advance(self, time: int, source: str = "") -> bool:
        """Move the clock to an event's time, if that is newer.

        Return whether detectors that count by days must not see the event now: it is held back, or it is
        older than `max_late`, from a till whose clock is behind.

        Parameters
        ----------
        time
            The event's time, in epoch milliseconds.
        source
            The register of the event, or its topic. A time far ahead counts once two sources bear it.
        """
        clock, is_late = self.clock, False
        if time > clock:
            if time > clock + self._max_late and clock:
                return self._hold_back(time, source)
            self.clock = time
        elif time < clock - self._max_late:
            self._note_late(time)
            is_late = not self.is_stuck
        if self.held is not None:
            self.held.came_in_time(self.clock)
            if not self.held.newest:
                self.held = None
        return is_late

    def hold_back(self, line: PosEvent) -> None:
        """Keep a line that is held back, for the detectors that count by days."""
        if self.held is not None:
            self.held.keep(line)

    def holds_back(self, time: int) -> bool:
        """Tell whether a line of this time or an older one is held back."""
        held_back = self.held
        return held_back is not None and any(line.event_time <= time for line in held_back.lines)

    def sighting(self, time: int, dedupe_memory: int) -> tuple[int, int]:
        """Return when an id of an event is first seen, and since when it must not have been.

        That is the later of the event's time and the clock. Where the clock stands still because it is wrong,
        it is the event's time: the id would else be kept for ever.
        """
        sighted = time if self.is_stuck and time < self.clock - self._max_late else max(time, self.clock)
        return sighted, min(sighted, self.clock) - dedupe_memory

    def _note_late(self, time: int) -> None:
        # Where the clock itself is wrong, it stands still and all that follow are too late. Their state must
        # expire too, so every thousandth of them starts a sweep. The count is stored, so that a restart
        # changes nothing.
        if self._late_at != self.clock:
            self._late_at, self._late_since_sweep, self.is_stuck = self.clock, 0, False
        self._late_since_sweep += 1
        if self._late_since_sweep >= _LATE_PER_SWEEP:
            self._late_since_sweep = 0
            self._newest_late = time
            self.is_stuck = True
            self.next_sweep = self.clock

    def _hold_back(self, time: int, source: str) -> bool:
        if self.held is None:
            self.held = HeldBack()
        self.released = []
        moved = self.held.confirmed(time, source, max_late=self._max_late, max_ahead=self._max_ahead)
        if moved is None:
            return True
        self.clock = moved
        self.released = self.held.lines
        self.held.came_in_time(moved)
        return False

    def forget(self) -> None:
        """Drop expired state; `next_sweep` is the clock at which this is due again."""
        self.next_sweep = self.clock + _HOUR
        sales = self.lines.forget(self.clock, self._newest_late)
        self._newest_late = None
        if sales is not None:
            for step, state in self.on_forgotten:
                step(sales, state, self)
        for collection in self.collections().values():
            collection.sweep(self.clock)

    def collections(self) -> dict[str, Collection]:
        """Return all collections, by ``collection`` or ``detector.collection``."""
        collections: dict[str, Collection] = {
            "shifts": self.shifts,
            "active": self.active,
            "lines": self.lines,
            "seen_pos": self.seen_pos,
            "seen_security": self.seen_security,
            "seen_movements": self.seen_movements,
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
            self.numbering.by,
            self.held,
            self._late_at,
            self.is_stuck,
            self.has_pseudonyms,
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
        NumberingChangedError
            They were written with another `numbered_by`.
        NamesChangedError
            They were written with clear ids of employees, and there are pseudonyms now, or the other way.
        """
        for name, collection in self.collections().items():
            if isinstance(collection, Ledger):
                collection.attach(_prefixed(load, name))
        packed = load("header")
        if packed is None:
            return
        version = msgspec.msgpack.decode(packed)[0]
        if version != FORMAT_VERSION:
            raise StateFormatError(self.store_id, version)
        header = msgspec.msgpack.decode(packed, type=_Header)
        if header.numbered_by != self.numbering.by:
            raise NumberingChangedError(self.store_id, header.numbered_by, self.numbering.by)
        if header.has_pseudonyms != self.has_pseudonyms:
            names = {True: "keyed", False: "none"}
            raise NamesChangedError(self.store_id, names[header.has_pseudonyms], names[self.has_pseudonyms])
        self.held, self._late_at = header.held_back, header.late_at
        self.is_stuck = header.is_stuck
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
