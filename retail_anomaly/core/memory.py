"""The memory of one store: its clock, its shifts, the event ids it has seen, its detectors' state."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.collections import Collection, Load, StateRecord, Table, TimedIds
from retail_anomaly.core.detector_state import DetectorState
from retail_anomaly.core.events import PosEvent, ShiftEvent
from retail_anomaly.core.forgotten_sales import ForgottenSales
from retail_anomaly.core.kept_lines import KeptLines
from retail_anomaly.core.ledger import Ledger
from retail_anomaly.core.local_time import UTC, LocalTime
from retail_anomaly.core.receipts import NumberedBy, Numbering, Receipt
from retail_anomaly.core.sale_run import SaleRun
from retail_anomaly.core.shifts import Shift, Shifts
from retail_anomaly.core.state_errors import FORMAT_VERSION
from retail_anomaly.core.state_header import StateHeader, read_header
from retail_anomaly.core.store_clock import StoreClock
from retail_anomaly.core.taking_back import TakenLine
from retail_anomaly.core.too_many import TooMany
from retail_anomaly.core.trading_days import TradingDays

_MINUTE: Final = 60_000
_HOUR: Final = 3_600_000
# Longer than any pause after which an employee takes a new pseudonym.
_ACTIVE: Final = 30 * 24 * _HOUR


Steps: TypeAlias = Sequence[tuple[Callable[[PosEvent, Any, "StoreMemory"], Sequence[Alert]], Any]]
RunSteps: TypeAlias = Sequence[tuple[Callable[[SaleRun, Any, "StoreMemory"], None], Any]]
TimedDetectors: TypeAlias = Sequence[tuple[Any, Any]]
TakenSteps: TypeAlias = Sequence[tuple[Callable[[TakenLine, Any, "StoreMemory"], None], Any]]
ForgottenSteps: TypeAlias = Sequence[tuple[Callable[[ForgottenSales, Any, "StoreMemory"], None], Any]]


class StoreMemory(StoreClock):
    """The memory of one store, with its clock: the attributes of `StoreClock` are its own too.

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
    on_sales
        The steps of a run of SALE lines.
    on_time
        The detectors that look at the time, each with its state of this store.
    config_hashes
        The hashes of the detectors' parameters by detector name; they are written with the state.
    on_taken_back, on_forgotten
        The steps of a line that is taken back, and of sales that are too old to be taken back.
    zone
        The store's time zone, which decides its days and hours.
    trading_days
        The days on which the store is closed or trades less; None: none is known.
    numbered_by
        What a transaction number is unique within.
    void_memory
        How long a receipt line can be taken back, in milliseconds.
    max_ahead
        How near two sources must be to confirm a time far ahead of the clock, in milliseconds.
    has_pseudonyms
        Whether pseudonyms stand for the ids of employees.
    too_many
        Counts what is forgotten because there is too much of it.

    Attributes
    ----------
    gathered, clocks
        The SALE lines that came last, and the clock at each: neither `lines` nor the detectors with
        `on_sales` know them yet. `lines`, `line`, `detectors` and `collections` let the store catch up first,
        so nobody sees a difference.
    numbering
        Tells the receipt of an event.
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
        "_detectors",
        "_line",
        "_lines",
        "_receipt",
        "active",
        "clocks",
        "dispatch",
        "first_pos_time",
        "gathered",
        "has_pseudonyms",
        "indexed",
        "local",
        "numbering",
        "on_forgotten",
        "on_refund",
        "on_sale",
        "on_sales",
        "on_taken_back",
        "on_time",
        "seen_movements",
        "seen_pos",
        "seen_security",
        "shifts",
        "store_id",
        "too_many",
        "trading_days",
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
        on_sales: RunSteps = (),
        on_time: TimedDetectors = (),
        on_taken_back: TakenSteps = (),
        on_forgotten: ForgottenSteps = (),
        config_hashes: dict[str, str] | None = None,
        zone: ZoneInfo = UTC,
        trading_days: TradingDays | None = None,
        numbered_by: NumberedBy = "store",
        void_memory: int = 24 * _HOUR,
        max_ahead: int = _HOUR,
        has_pseudonyms: bool = False,
        too_many: TooMany | None = None,
    ) -> None:
        super().__init__(max_late, max_ahead)
        self.store_id = store_id
        self.too_many = too_many or TooMany()
        self.has_pseudonyms = has_pseudonyms
        self.local = LocalTime(zone)
        self.trading_days = trading_days or TradingDays()
        self.first_pos_time: int | None = None
        self._detectors = detectors
        self.on_sale = on_sale
        self.on_refund = on_refund
        self.on_sales = on_sales
        self.on_time = on_time
        self.gathered: list[PosEvent] = []
        self.clocks: list[int] = []
        self.dispatch: Any = None
        self.indexed: Any = None
        self.on_taken_back = on_taken_back
        self.on_forgotten = on_forgotten
        self.void_memory = void_memory
        self.numbering = Numbering(numbered_by, self.local)
        # As long as a late event may look for them, too.
        self._lines = KeptLines(self.numbering, max(void_memory, max_late))
        self._line = 0
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

    @property
    def lines(self) -> KeptLines:
        """The receipt lines that can still be taken back."""
        self.catch_up()
        return self._lines

    @property
    def line(self) -> int:
        """The number of the line that is being processed: a later line has a higher one."""
        self.catch_up()
        return self._line

    @property
    def detectors(self) -> dict[str, DetectorState]:
        """The detectors' states by detector name; one that you keep lacks the sales gathered since."""
        self.catch_up()
        return self._detectors

    def catch_up(self, steps: RunSteps | None = None) -> None:
        """Keep the gathered lines, and show them to the detectors that look at runs.

        Parameters
        ----------
        steps
            The steps to take. None: all.
        """
        if not self.gathered:
            return
        events, clocks = self.gathered, self.clocks
        self.gathered, self.clocks = [], []
        run = SaleRun(events, clocks, self._lines.add_all(events, clocks))
        self._line = run.lines[-1]
        for step, state in self.on_sales if steps is None else steps:
            step(run, state, self)

    def keep_refund(self, event: PosEvent) -> None:
        """Keep a REFUND line, which is then the one that is being processed."""
        self.catch_up()
        self._line = self._lines.add(event, -1, self.clock)

    def keep_shift(self, event: ShiftEvent, also: str | None = None) -> None:
        """Remember a shift as `Shifts.keep` does; it replaces one of the same employee and start."""
        gone = self.shifts.keep(event, self.clock, also)
        if gone:
            self.too_many.note("shifts", self.store_id, "shifts", gone)

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
        header = StateHeader(
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
        StateFormatError, NumberingChangedError, NamesChangedError
            As `read_header` does.
        """
        for name, collection in self.collections().items():
            if isinstance(collection, Ledger):
                collection.attach(_prefixed(load, name))
        packed = load("header")
        if packed is None:
            return
        header = read_header(packed, self.store_id, self.numbering.by, has_pseudonyms=self.has_pseudonyms)
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
