"""The detectors that run, and the memory that a store needs for them.

An `Engine` is such a lineup that processes events.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.collections import Load
from retail_anomaly.core.detector import Detector
from retail_anomaly.core.dispatch import Dispatch, IndexedDetector
from retail_anomaly.core.local_time import UTC
from retail_anomaly.core.memory import StoreMemory, TimedDetectors
from retail_anomaly.core.pseudonyms import Pseudonyms
from retail_anomaly.core.receipts import NumberedBy
from retail_anomaly.core.rotation import Rotation
from retail_anomaly.core.too_many import TOO_MANY, TooMany
from retail_anomaly.core.trading_days import TradingDays

_DAY: Final = 86_400_000
_HOUR: Final = 3_600_000
AnyDetector = Detector[Any, Any]
INDEXED: Final = "rules"
"""The name of the state that the rules share."""


class Lineup:
    """The detectors that run, and the stores' memories that they need.

    Parameters
    ----------
    detectors
        The detectors, in the order in which an event passes them.
    max_late
        How late an event may be and still raise an alert, in milliseconds.
    dedupe_memory
        How long a repeated event id is recognised after it was first seen, in milliseconds.
    zone
        Returns a store's time zone by its id.
    trading_days
        Returns the days on which a store is closed or trades less, by its id.
    own_rules
        By store, the rules that run there in place of those among the detectors.
    in_stores
        By store, the lineup that stands in for this one there: that of stores with other parameters.
    numbered_by
        What a transaction number is unique within.
    void_memory
        How long a receipt line can be taken back, in milliseconds.
    nobody
        Cashiers that stand for nobody: detectors per cashier pass their events over, and alerts name no one.
    max_ahead
        How near two sources must be to confirm a time far ahead of a store's clock, in milliseconds.
    pseudonyms
        Those that stand for the ids of employees in the events; None: the events bear the ids.
    is_sure
        An alert for which it is false goes to the shadow. None: all go out.

    Examples
    --------
    >>> from retail_anomaly.detectors import StockDiscrepancy
    >>> detector = StockDiscrepancy(StockDiscrepancy.Parameters(threshold=2), max_late=86_400_000)
    >>> lineup = Lineup([detector])
    >>> lineup.of("s") is lineup, lineup.needs_ticks, list(lineup.new_store("s").detectors)
    (True, False, ['stock_discrepancy'])
    """

    def __init__(  # noqa: PLR0913 - by name only
        self,
        detectors: Iterable[AnyDetector],
        *,
        max_late: int = _DAY,
        dedupe_memory: int = _DAY,
        zone: Callable[[str], ZoneInfo] = lambda store_id: UTC,
        trading_days: Callable[[str], TradingDays] = lambda store_id: TradingDays(),
        own_rules: Mapping[str, Sequence[IndexedDetector[Any, Any]]] | None = None,
        in_stores: Mapping[str, Self] | None = None,
        numbered_by: NumberedBy = "store",
        void_memory: int = _DAY,
        max_ahead: int = _HOUR,
        nobody: Collection[str] = (),
        pseudonyms: Pseudonyms | None = None,
        is_sure: Callable[[Alert], bool] | None = None,
    ) -> None:
        self._zone = zone
        self._trading_days = trading_days
        self._is_sure = is_sure
        self._has_pseudonyms = pseudonyms is not None
        self._rotation = Rotation(pseudonyms) if pseudonyms is not None and pseudonyms.starts else None
        self._in_stores = in_stores or {}
        self.nobody = frozenset(nobody)
        self.numbered_by: NumberedBy = numbered_by
        self._ids_are_unique = numbered_by == "store"
        self.void_memory = void_memory
        self.max_ahead = max_ahead
        self.detectors = tuple(detectors)
        self.too_many = TooMany()
        for lineup in self._in_stores.values():
            lineup.too_many = self.too_many
        self.max_late = max_late
        self.dedupe_memory = dedupe_memory
        self.config_hashes = {detector.name: detector.config_hash for detector in self.detectors}
        indexed = [d for d in self.detectors if isinstance(d, IndexedDetector)]
        self._own_rules = {store: Dispatch(rules) for store, rules in (own_rules or {}).items()}
        self._dispatch = Dispatch(indexed) if indexed or self._own_rules else None
        self._on_security = self._overriding("on_security")
        self._on_count = self._overriding("on_count")
        self._on_time = tuple(
            d for d in self._overriding("on_time") if d.needs_time and not isinstance(d, IndexedDetector)
        )
        # Such a detector must have seen the sales before it is asked about the time.
        self._time_follows_sales = not set(self._on_time).isdisjoint(self._overriding("on_sales"))
        self._on_movement = self._overriding("on_movement")
        self._on_return = self._overriding("on_return")
        # A till with a wrong clock must neither add days to a model nor end the days that it counts.
        self._models = frozenset(d.name for d in self.detectors if d.counts_days)

    def of(self, store_id: str) -> Self:
        """Return the lineup of a store: this one, unless the store has other parameters."""
        return self._in_stores.get(store_id, self)

    @property
    def all_detectors(self) -> tuple[AnyDetector, ...]:
        """The detectors that run in any store, each once; some may have the same name."""
        own = {id(each): each for engine in self._in_stores.values() for each in engine.detectors}
        return tuple(({id(each): each for each in self.detectors} | own).values())

    def new_store(self, store_id: str, rules: Dispatch | None = None) -> StoreMemory:
        """Return the empty memory of a new store, for a host that keeps no state, such as a replay.

        It has no records. A host that writes records calls `load_store`.

        Parameters
        ----------
        store_id
            The store.
        rules
            As for `load_store`.
        """
        store = self.of(store_id)._empty_store(store_id, rules)
        store.untrack()
        return store

    def load_store(self, store_id: str, load: Load, rules: Dispatch | None = None) -> StoreMemory:
        """Return the memory of a store, restored from its records.

        Parameters
        ----------
        store_id
            The store.
        load
            Reads a record of that store by name; returns None when there is none.
        rules
            The rules that run in the store; None: those among the lineup's own detectors.

        Raises
        ------
        StateFormatError
            The records were written by a version that this one cannot read.
        """
        store = self.of(store_id)._empty_store(store_id, rules)
        store.restore(load)
        return store

    def change_rules(self, store: StoreMemory, rules: Dispatch) -> None:
        """Let other rules run in a store from its next event on.

        Parameters
        ----------
        store
            The store's memory; it is changed.
        rules
            The rules. A rule whose groups are those of one that ran goes on with them.
        """
        if store.indexed is None and rules.new_state is not None:
            store.indexed = store.detectors[INDEXED] = rules.new_state()
        store.dispatch = rules
        store.indexed.rules_changed()

    @property
    def undecided(self) -> Counter[tuple[str, str]]:
        """How many events could not be judged, by detector and reason."""
        total: Counter[tuple[str, str]] = Counter()
        for each in self.all_detectors:
            for reason, count in each.undecided.items():
                total[each.name, reason] += count
        for name, count in self.too_many.counts.items():
            total[name, TOO_MANY] += count
        return total

    @property
    def needs_ticks(self) -> bool:
        """Whether a detector has decisions that may wait for time to pass."""
        return (
            bool(self._on_time)
            or any(each.timed for each in self.rules)
            or any(engine.needs_ticks for engine in self._in_stores.values())
        )

    @property
    def rules(self) -> tuple[Dispatch, ...]:
        """The rules of every store, and those of each store that has its own."""
        return tuple(each for each in (self._dispatch, *self._own_rules.values()) if each is not None)

    def waiting(self, store: StoreMemory) -> tuple[int, int | None]:
        """Return how many decisions wait for time to pass, and when the first of them is due."""
        if self.of(store.store_id) is not self:
            return self.of(store.store_id).waiting(store)
        count, first = 0, None
        timed = store.dispatch.timed if store.dispatch is not None else ()
        for detector, state in [
            *self._timed(store),
            *((d, store.indexed) for d in timed),
        ]:
            waiting = detector.waiting(state)
            if waiting is not None:
                count += waiting[0]
                first = waiting[1] if first is None else min(first, waiting[1])
        return count, first

    def _timed(self, store: StoreMemory) -> TimedDetectors:
        """Return the detectors that look at the time, each with its state."""
        if self._time_follows_sales:
            store.catch_up()
        return store.on_time

    def _empty_store(self, store_id: str, rules: Dispatch | None) -> StoreMemory:
        states = {d.name: d.new_state() for d in self.detectors if not isinstance(d, IndexedDetector)}
        dispatch = self._own_rules.get(store_id, self._dispatch) if rules is None else rules
        if dispatch is not None and dispatch.new_state is not None:
            states[INDEXED] = dispatch.new_state()
        store = StoreMemory(
            store_id,
            max_late=self.max_late,
            dedupe_memory=self.dedupe_memory,
            detectors=states,
            on_sale=[(d.on_sale, states[d.name]) for d in self._overriding("on_sale")],
            on_sales=[(d.on_sales, states[d.name]) for d in self._overriding("on_sales")],
            on_refund=[(d.on_refund, states[d.name]) for d in self._overriding("on_refund")],
            on_time=[(d, states[d.name]) for d in self._on_time],
            on_taken_back=[(d.on_taken_back, states[d.name]) for d in self._overriding("on_taken_back")],
            on_forgotten=[(d.on_forgotten, states[d.name]) for d in self._overriding("on_forgotten")],
            numbered_by=self.numbered_by,
            void_memory=self.void_memory,
            max_ahead=self.max_ahead,
            config_hashes=self.config_hashes,
            zone=self._zone(store_id),
            trading_days=self._trading_days(store_id),
            too_many=self.too_many,
            has_pseudonyms=self._has_pseudonyms,
        )
        if INDEXED in states:
            store.dispatch, store.indexed = dispatch, states[INDEXED]
        return store

    def _overriding(self, method: str) -> tuple[AnyDetector, ...]:
        """Return the detectors that override a method, and so look at its kind of event."""
        base = getattr(Detector, method)
        return tuple(d for d in self.detectors if getattr(type(d), method) is not base)
