"""The engine: one event in, its alerts out.

`Engine.process` moves the store's clock, drops a repeated event, and hands the event to the detectors that
look at its kind. It does no I/O and reads no clock. The memory of a store is a `StoreMemory`, which the host
holds and passes in.
"""

from typing import Any, Final

import msgspec

from retail_anomaly.core.alerts import Alert, ShadowAlert
from retail_anomaly.core.clock import source_of
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
from retail_anomaly.core.lineup import AnyDetector, Lineup
from retail_anomaly.core.memory import Steps, StoreMemory
from retail_anomaly.core.taking_back import TAKING_BACK, take_back

# More would save little: a run mostly ends earlier, at a refund, a count or a gate. Each takes 0.8 kB.
_MOST_GATHERED: Final = 16


class Engine(Lineup):
    """The detectors that run, ready to process the events of any number of stores.

    Its parameters are those of `Lineup`.

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
        # Nearly every event is a SALE line in time: its branch comes first and calls few methods of ours.
        if isinstance(event, PosEvent):
            time, clock = event.event_time, store.clock
            in_time = clock <= time <= clock + self.max_late and store.held is None
            if in_time:
                store.clock, held_back = time, False
            else:
                held_back = store.advance(time, event.register_id or POS_EVENTS)
                if store.released:
                    alerts += self._release(store)
            event_id = event.event_id
            if event.training:
                alerts += self._ask_rules_of_training(event, store)
            elif event_id is None or (
                # As `_is_new`, without the call.
                store.seen_pos.add_unless_since(event_id, time, time - self.dedupe_memory)
                if in_time and self._ids_are_unique
                else self._is_new(event_id, event, store)
            ):
                if store.first_pos_time is None:
                    store.first_pos_time = time
                kind = event.event_type
                if kind != SALE and kind != REFUND:  # noqa: PLR1714 - a set or tuple takes longer
                    kind = kind.upper()
                is_nobody = self.nobody and event.cashier_id in self.nobody
                if kind == SALE:
                    steps = store.on_sale
                    if held_back or is_nobody:
                        self._show_apart(event, store, is_nobody=bool(is_nobody), held_back=held_back)
                    else:
                        gathered = store.gathered
                        gathered.append(event)
                        store.clocks.append(store.clock)
                        if len(gathered) >= _MOST_GATHERED:
                            store.catch_up()
                elif kind == REFUND:
                    store.keep_refund(event)
                    steps = store.on_refund
                else:
                    steps = ()
                    self._take_back(kind, event, store)
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
        forgotten = self.too_many.counts.copy()
        self.process(event, store)
        self.too_many.counts = forgotten
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

    def _show_apart(self, event: PosEvent, store: StoreMemory, *, is_nobody: bool, held_back: bool) -> None:
        """Show a SALE line that some detectors pass over to the others, as a run of its own."""
        store.catch_up()
        store.gathered.append(event)
        store.clocks.append(store.clock)
        steps = store.on_sales
        if is_nobody:
            steps = [step for step in steps if not _detector(step).per_cashier]
        if held_back:
            steps = [step for step in steps if not self._counts_days(step)]
        store.catch_up(steps)

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
        return _detector(step).name in self._models

    def _pass_time(self, time: int, store: StoreMemory, *, held_back: bool) -> list[Alert]:
        alerts: list[Alert] = []
        for detector, state in self._timed(store):
            if not (held_back and detector.counts_days):
                alerts.extend(detector.on_time(time, state, store))
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


def _shadowed(alert: Alert) -> ShadowAlert:
    return alert if isinstance(alert, ShadowAlert) else ShadowAlert.of(alert)


def _without_cashiers(steps: Steps) -> Steps:
    return [step for step in steps if not _detector(step).per_cashier]


def _detector(step: tuple[Any, Any]) -> AnyDetector:
    detector: AnyDetector = step[0].__self__
    return detector
