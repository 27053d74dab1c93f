"""The engine: one event in, its alerts out.

`Engine.process` moves the store's clock, drops a repeated event, and hands the event to the detectors that
look at its kind. It does no I/O and reads no clock. The memory of a store is a `StoreMemory`, which the host
holds and passes in.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from retail_anomaly.core.alerts import Alert, ShadowAlert
from retail_anomaly.core.clock import source_of
from retail_anomaly.core.collections import Load
from retail_anomaly.core.detector import Detector
from retail_anomaly.core.dispatch import Dispatch, IndexedDetector
from retail_anomaly.core.events import (
    INVENTORY_COUNTS,
    POS_EVENTS,
    REFUND,
    SALE,
    SECURITY_EVENTS,
    STOCK_MOVEMENTS,
    CountEvent,
    Event,
    MovementEvent,
    PosEvent,
    SecurityEvent,
    ShiftEvent,
    TillEvent,
)
from retail_anomaly.core.local_time import UTC
from retail_anomaly.core.memory import Steps, StoreMemory
from retail_anomaly.core.pseudonyms import Pseudonyms
from retail_anomaly.core.receipts import NumberedBy
from retail_anomaly.core.rotation import Rotation
from retail_anomaly.core.taking_back import TAKING_BACK, take_back
from retail_anomaly.core.trading_days import TradingDays

_DAY: Final = 86_400_000
_HOUR: Final = 3_600_000
AnyDetector = Detector[Any, Any]
INDEXED: Final = "rules"
"""The name of the state that the rules share."""


class Engine:
    """The detectors that run, ready to process the events of any number of stores.

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
        By store, the engine that stands in for this one there: that of stores with other parameters.
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
    >>> from retail_anomaly.core.events import CountEvent
    >>> detector = StockDiscrepancy(StockDiscrepancy.Parameters(threshold=2), max_late=86_400_000)
    >>> engine = Engine([detector])
    >>> store = engine.new_store("s")
    >>> engine.process(CountEvent("s", "k", 9, 1_760_000_000_000), store)
    []
    >>> engine.process(CountEvent("s", "k", 7, 1_760_000_060_000), store)[0].type
    'STOCK_DISCREPANCY'
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
        in_stores: Mapping[str, "Engine"] | None = None,
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
        self.void_memory = void_memory
        self.max_ahead = max_ahead
        self.detectors = tuple(detectors)
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
        self._on_movement = self._overriding("on_movement")
        self._on_return = self._overriding("on_return")
        # A till with a wrong clock must neither add days to a model nor end the days that it counts.
        self._models = frozenset(d.name for d in self.detectors if d.counts_days)

    def of(self, store_id: str) -> "Engine":
        """Return the engine of a store: this one, unless the store has other parameters."""
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
            The rules that run in the store; None: those among the engine's own detectors.

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

    def process(self, event: Event, store: StoreMemory) -> list[Alert]:
        """Process one event of a store.

        Parameters
        ----------
        event
            A valid event whose ``store_id`` is the store's.
        store
            The store's memory; it is changed.

        Returns
        -------
        list of Alert
            The alerts that the event raises; the host sets their ``detected_at``.
        """
        if self._in_stores and store.store_id in self._in_stores:
            return self._in_stores[store.store_id].process(event, store)
        if self._rotation is not None:
            event = self._rotation.continued(event, store)
        alerts: list[Alert] = []
        # Nearly every event is a receipt line in time: its branch comes first and calls few methods of ours.
        if isinstance(event, PosEvent):
            time, clock = event.event_time, store.clock
            if clock <= time <= clock + self.max_late and store.held is None:
                store.clock, held_back = time, False
            else:
                held_back = store.advance(time, event.register_id or POS_EVENTS)
                if store.released:
                    alerts += self._release(store)
            event_id = event.event_id
            if event.training:
                alerts += self._ask_rules_of_training(event, store)
            elif event_id is None or self._is_new(event_id, event, store):
                if store.first_pos_time is None:
                    store.first_pos_time = time
                kind = event.event_type
                if kind != SALE and kind != REFUND:  # noqa: PLR1714 - a set or tuple takes longer
                    kind = kind.upper()
                if kind == SALE:
                    store.line = store.lines.add(event, 1, store.clock)
                    steps = store.on_sale
                elif kind == REFUND:
                    store.line = store.lines.add(event, -1, store.clock)
                    steps = store.on_refund
                else:
                    steps = ()
                    self._take_back(kind, event, store)
                is_nobody = self.nobody and event.cashier_id in self.nobody
                if is_nobody:
                    steps = _without_cashiers(steps)
                if held_back:
                    steps = self._hold_back(event, steps, store)
                for step, state in steps:
                    raised = step(event, state, store)
                    if raised:
                        alerts.extend(raised)
                dispatch = store.dispatch
                if dispatch is not None and is_nobody:
                    alerts += self._ask_rules(POS_EVENTS, kind, event, store)
                elif dispatch is not None:
                    rules = dispatch.of_pos.get(kind)
                    if rules is None:
                        rules = dispatch.steps(POS_EVENTS, kind)
                    # As `_ask_rules`, without the call.
                    for test, names, ask in rules:
                        found = test(event, store)
                        if found:
                            alerts.extend(ask(names or found, event, store.indexed, store))
        elif isinstance(event, ShiftEvent):
            store.keep_shift(event, None if self._rotation is None else self._rotation.second_name(event))
            return alerts
        else:
            time = event.event_time
            held_back = store.advance(time, source_of(event))
            if store.released:
                alerts += self._release(store)
            alerts.extend(self._process_other(event, store))
        if self._on_time or (store.indexed is not None and time >= store.indexed.next_due):
            alerts.extend(self._pass_time(time, store, held_back=held_back))
        if alerts:
            alerts = self._checked(alerts)
        # Sweep last: the event, and the decisions that it released, may need state that it made expire.
        if store.clock >= store.next_sweep:
            store.forget()
        return alerts

    def process_again(self, event: Event, store: StoreMemory) -> None:
        """Process an event whose alerts are known, so that the store remembers it; nothing counts twice."""
        undecided = [(detector, detector.undecided.copy()) for detector in self.of(store.store_id).detectors]
        self.process(event, store)
        for detector, counted in undecided:
            detector.undecided = counted

    def follow_returns(self) -> None:
        """Tell the detectors that the host calls `take_return`."""
        for detector in self.all_detectors:
            detector.follows_returns = True

    def take_return(self, event: PosEvent, home: StoreMemory | None) -> list[Alert]:
        """Process another store's refund in the store whose receipt it names.

        Parameters
        ----------
        event
            A refund with ``names_receipt_elsewhere``; its own store processes it as any other event.
        home
            The memory of the receipt's store; None if the host knows no such store.

        Returns
        -------
        list of Alert
            The alerts, which are about the store of the refund.
        """
        alerts: list[Alert] = []
        for detector in self.of(event.original_store_id or "")._on_return:
            if home is None:
                detector.undecided["other store"] += 1
            elif not (detector.per_cashier and event.cashier_id in self.nobody):
                alerts.extend(detector.on_return(event, home.detectors[detector.name], home))
        return self._checked(alerts)

    def _checked(self, alerts: list[Alert]) -> list[Alert]:
        """Return alerts without the name of nobody, and those that are not sure enough for the shadow."""
        if self.nobody:
            alerts = [self._naming_somebody(alert) for alert in alerts]
        if self._is_sure is not None:
            alerts = [alert if self._is_sure(alert) else _shadowed(alert) for alert in alerts]
        return alerts

    def _naming_somebody(self, alert: Alert) -> Alert:
        if alert.employee_id not in self.nobody:
            return alert
        message = alert.message
        for word, unnamed in (("Cashier", "An unnamed cashier"), ("cashier", "an unnamed cashier")):
            message = message.replace(f"{word} {alert.employee_id} ", f"{unnamed} ")
        return msgspec.structs.replace(alert, employee_id=None, message=message)

    def _is_new(self, event_id: str, event: PosEvent | TillEvent, store: StoreMemory) -> bool:
        """Note the id of a POS event; tell whether it was not seen before."""
        if self.numbered_by != "store":
            event_id = f"{event.register_id or ''}\x1f{event_id}"
        time, clock = event.event_time, store.clock
        if time < clock:
            if store.is_stuck:
                sighted, since = store.sighting(time, self.dedupe_memory)
                return store.seen_pos.add_unless_since(event_id, sighted, since)
            time = clock
        return store.seen_pos.add_unless_since(event_id, time, clock - self.dedupe_memory)

    def _ask_rules_of_training(self, event: PosEvent | TillEvent, store: StoreMemory) -> list[Alert]:
        """Ask the rules that name training; such events are told apart among themselves."""
        if store.dispatch is None:
            return []
        event_id = event.event_id
        if event_id is not None and not self._is_new(f"training\x1f{event_id}", event, store):
            return []
        return self._ask_rules(POS_EVENTS, event.event_type.upper(), event, store, training=True)

    def _take_back(self, kind: str, event: PosEvent | TillEvent, store: StoreMemory) -> None:
        if kind not in TAKING_BACK:
            return
        for taken in take_back(
            kind, event, store.lines, store.numbering, clock=store.clock, void_memory=self.void_memory
        ):
            for step, state in store.on_taken_back:
                step(taken, state, store)

    def _process_other(
        self, event: TillEvent | SecurityEvent | CountEvent | MovementEvent, store: StoreMemory
    ) -> list[Alert]:
        alerts: list[Alert] = []
        if isinstance(event, TillEvent):
            if event.training:
                return self._ask_rules_of_training(event, store)
            if event.event_id is not None and not self._is_new(event.event_id, event, store):
                return alerts
            if store.first_pos_time is None:
                store.first_pos_time = event.event_time
            kind = event.event_type.upper()
            self._take_back(kind, event, store)
            asked = POS_EVENTS, kind
        elif isinstance(event, SecurityEvent):
            seen = store.sighting(event.event_time, self.dedupe_memory)
            if not store.seen_security.add_unless_since(event.event_id, *seen):
                return alerts
            for detector in self._on_security:
                alerts.extend(detector.on_security(event, store.detectors[detector.name], store))
            asked = SECURITY_EVENTS, event.event_type.upper()
        elif isinstance(event, MovementEvent):
            known, seen = event.movement_id, store.sighting(event.event_time, self.dedupe_memory)
            if known is not None and not store.seen_movements.add_unless_since(known, *seen):
                return alerts
            for detector in self._on_movement:
                alerts.extend(detector.on_movement(event, store.detectors[detector.name], store))
            asked = STOCK_MOVEMENTS, ""
        else:
            for detector in self._on_count:
                alerts.extend(detector.on_count(event, store.detectors[detector.name], store))
            asked = INVENTORY_COUNTS, ""
        if store.dispatch is not None:
            alerts += self._ask_rules(*asked, event, store)
        return alerts

    def _ask_rules(
        self, topic: str, kind: str, event: Event, store: StoreMemory, *, training: bool = False
    ) -> list[Alert]:
        alerts: list[Alert] = []
        is_nobody = bool(self.nobody) and getattr(event, "cashier_id", None) in self.nobody
        for test, names, step in store.dispatch.steps(topic, kind, training):
            if is_nobody and step.__self__.per_cashier:
                continue
            found = test(event, store)
            if found:
                alerts.extend(step(names or found, event, store.indexed, store))
        return alerts

    def _hold_back(self, event: PosEvent, steps: Steps, store: StoreMemory) -> Steps:
        """Keep a line from the detectors that count by days; return the steps of the others."""
        if steps and self._models and event.event_time > store.clock:
            store.hold_back(event)
        return [step for step in steps if not self._counts_days(step)]

    def _release(self, store: StoreMemory) -> list[Alert]:
        """Show the lines that were held back to the detectors that count by days."""
        alerts: list[Alert] = []
        released, store.released = store.released, []
        for event in released:
            steps = store.on_sale if event.event_type.upper() == SALE else store.on_refund
            for step, state in steps:
                if self._counts_days((step, state)):
                    alerts.extend(step(event, state, store))
        return alerts

    def _counts_days(self, step: tuple[Any, Any]) -> bool:
        return step[0].__self__.name in self._models

    def _pass_time(self, time: int, store: StoreMemory, *, held_back: bool) -> list[Alert]:
        alerts: list[Alert] = []
        for detector in self._on_time:
            if not (held_back and detector.counts_days):
                alerts.extend(detector.on_time(time, store.detectors[detector.name], store))
        if store.dispatch is not None:
            alerts += store.dispatch.pass_time(time, store.indexed, store)
        return alerts

    def tick(self, time: int, store: StoreMemory) -> list[Alert]:
        """Let time pass in a store that sends no event.

        Parameters
        ----------
        time
            Epoch milliseconds; the store's own clock does not move.
        store
            The store's memory; it is changed.

        Returns
        -------
        list of Alert
            The alerts that were waiting for that time.
        """
        if self.of(store.store_id) is not self:
            return self.of(store.store_id).tick(time, store)
        # After a closed day the first lines are held back until a second till sells too, or 50 lines have
        # come. To a model that cannot see them, the shop would seem to sell nothing.
        alerts = self._pass_time(time, store, held_back=store.holds_back(time))
        return self._checked(alerts)

    @property
    def undecided(self) -> Counter[tuple[str, str]]:
        """How many events could not be judged, by detector and reason."""
        total: Counter[tuple[str, str]] = Counter()
        for each in self.all_detectors:
            for reason, count in each.undecided.items():
                total[each.name, reason] += count
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
            *((d, store.detectors[d.name]) for d in self._on_time),
            *((d, store.indexed) for d in timed),
        ]:
            waiting = detector.waiting(state)
            if waiting is not None:
                count += waiting[0]
                first = waiting[1] if first is None else min(first, waiting[1])
        return count, first

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
            on_refund=[(d.on_refund, states[d.name]) for d in self._overriding("on_refund")],
            on_taken_back=[(d.on_taken_back, states[d.name]) for d in self._overriding("on_taken_back")],
            on_forgotten=[(d.on_forgotten, states[d.name]) for d in self._overriding("on_forgotten")],
            numbered_by=self.numbered_by,
            void_memory=self.void_memory,
            max_ahead=self.max_ahead,
            config_hashes=self.config_hashes,
            zone=self._zone(store_id),
            trading_days=self._trading_days(store_id),
            has_pseudonyms=self._has_pseudonyms,
        )
        if INDEXED in states:
            store.dispatch, store.indexed = dispatch, states[INDEXED]
        return store

    def _overriding(self, method: str) -> tuple[AnyDetector, ...]:
        """Return the detectors that override a method, and so look at its kind of event."""
        base = getattr(Detector, method)
        return tuple(d for d in self.detectors if getattr(type(d), method) is not base)


def _shadowed(alert: Alert) -> ShadowAlert:
    return alert if isinstance(alert, ShadowAlert) else ShadowAlert.of(alert)


def _without_cashiers(steps: Steps) -> Steps:
    return [step for step in steps if not step[0].__self__.per_cashier]  # type: ignore[attr-defined]
