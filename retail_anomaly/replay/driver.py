"""One pass of events through an engine."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from heapq import heappop, heappush
from typing import TypeAlias

from retail_anomaly.core.alerts import Alert, ShadowAlert
from retail_anomaly.core.clock import source_of
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import (
    EVENT_TYPES,
    POS_EVENTS,
    Event,
    PosEvent,
    ShiftEvent,
    TillEvent,
    TimedEvent,
)
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.quorum_clock import QuorumClock
from retail_anomaly.replay.look_ahead import LookAhead
from retail_anomaly.replay.rules_log import RunningRules
from retail_anomaly.sources import Place

Order: TypeAlias = tuple[Place, int, int, str]
"""The place of an alert among all alerts: the place of its event, then 0, or 0 and 1 if the store of the
receipt that it names raised it. An alert of another store whose waiting time ended at this event follows:
with 1, its due time and its store."""


class Replay:
    """One pass of events through an engine; it holds the stores' state and never the events.

    Parameters
    ----------
    engine
        The detectors.
    shadow
        Takes the alerts of rules in the shadow; by default they are dropped.
    rules
        The rules that run in place of those among the detectors, where they change within the log.
    return_stores
        Whether a refund that names a receipt of another store is compared with it there.

    Attributes
    ----------
    stores
        The memory of each store by its id.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> from retail_anomaly.settings import Settings, build_engine
    >>> replay = Replay(build_engine(Settings()))
    >>> counts = [CountEvent("s", "k", n, 1_760_000_000_000) for n in (20, 12)]
    >>> [alert.type for alert in replay.alerts(counts)]
    ['STOCK_DISCREPANCY']
    >>> replay.events["inventory-counts"], replay.held
    (2, 0)
    """

    def __init__(
        self,
        engine: Engine,
        shadow: Callable[[Alert], object] = bool,
        rules: RunningRules | None = None,
        *,
        return_stores: bool = False,
    ) -> None:
        self._engine = engine
        self._return_stores = return_stores
        if return_stores:
            engine.follow_returns()
        self._shadow = shadow
        self._rules = rules
        self._counts: Counter[type] = Counter()
        # Nothing is paid for ticks where no detector waits.
        self._ticks = _Ticks(engine) if engine.needs_ticks or rules is not None else None
        self.stores: dict[str, StoreMemory] = {}
        # A store's memory takes 15 kB even if it is empty. Until a store's second event its first one is kept
        # in place of it, and processed once more then: invented store ids cost little.
        self._once: dict[str, Event] = {}
        self._keeps_first = rules is None and all(each.listener is None for each in engine.all_detectors)

    @property
    def events(self) -> Counter[str]:
        """How many events were processed, by topic."""
        counts = Counter({topic: self._counts[kind] for topic, kind in EVENT_TYPES.items()})
        counts[POS_EVENTS] += self._counts[TillEvent]
        return counts

    @property
    def undecided(self) -> Counter[tuple[str, str]]:
        """How many events could not be judged, by detector and reason."""
        return self._engine.undecided

    @property
    def store_count(self) -> int:
        """How many stores there are."""
        return len(self.stores) + len(self._once)

    @property
    def store_ids(self) -> Set[str]:
        """The ids of the stores."""
        return self.stores.keys() | self._once.keys()

    @property
    def held(self) -> int:
        """How many decisions still wait for time to pass."""
        return sum(self._engine.waiting(store)[0] for store in self.stores.values())

    def alerts(self, events: Iterable[Event]) -> Iterator[Alert]:
        """Process events and yield the alerts they raise, stamped with the time of their emission.

        Alerts in the shadow are not among them. A store that waits for time to pass, and that no event comes
        from, is ticked when the clock of the stores (`QuorumClock`) reaches its due time.
        """
        ticks, rules, step, follows = self._ticks, self._rules, self._step, self._return_stores
        ahead = LookAhead(events)
        for event in events if rules is None else ahead:
            if rules is not None:
                self._reach(event, rules, ahead.behind())
            raised = step(event)
            if raised:
                yield from self._live(raised)
            if follows and isinstance(event, PosEvent) and event.names_receipt_elsewhere:
                yield from self._live(self._return(event))
            if ticks is None or isinstance(event, ShiftEvent):
                continue
            if ticks.pass_time(event):
                if rules is not None:
                    self._change(rules, rules.reach_all(ticks.now, event, ahead.behind()))
                yield from self._live(alert for _, alert in ticks.run(self.stores))

    def placed_alerts(
        self, events: Iterable[tuple[Place, Event]], owns: Callable[[str], bool]
    ) -> Iterator[tuple[Order, Alert]]:
        """Process the events of some stores, and let time pass in them by the events of the others.

        Parameters
        ----------
        events
            Events with their places, in order; those of other stores only where detectors wait, or returns
            are followed.
        owns
            Tells whether a store is one of those.

        Yields
        ------
        tuple of Order and Alert
            The alerts of `alerts` and those in the shadow, each with its place among those of other stores.
        """
        ticks, rules, step = self._ticks, self._rules, self._step
        mixed = ticks is not None or self._return_stores
        ahead = LookAhead(events)
        for place, event in events if rules is None else ahead:
            if rules is not None:
                self._reach(event, rules, (each for _, each in ahead.behind()))
            raised = step(event) if not mixed or owns(event.store_id) else ()
            for alert in raised:
                yield (place, 0, 0, ""), alert.detected(_now())
            if self._return_stores and isinstance(event, PosEvent) and event.names_receipt_elsewhere:
                for alert in self._return(event) if owns(event.original_store_id or "") else ():
                    yield (place, 0, 1, ""), alert.detected(_now())
            if ticks is None or isinstance(event, ShiftEvent):
                continue
            if ticks.pass_time(event):
                if rules is not None:
                    behind = (each for _, each in ahead.behind())
                    self._change(rules, rules.reach_all(ticks.now, event, behind))
                for due, alert in ticks.run(self.stores):
                    yield (place, 1, due, alert.store_id), alert.detected(_now())

    def _reach(self, event: Event, rules: RunningRules, behind: Iterable[Event]) -> None:
        """Let the rules that come in force before an event run in all stores of its partition."""
        if not isinstance(event, ShiftEvent) and rules.reach(event, behind):
            self._change(rules, {rules.partition(event.store_id)})

    def _change(self, rules: RunningRules, partitions: Collection[int]) -> None:
        """Let the rules of some partitions run in all of their stores."""
        for store_id, store in self.stores.items() if partitions else ():
            if rules.partition(store_id) in partitions:
                self._engine.change_rules(store, rules.of(store_id))

    def _live(self, raised: Iterable[Alert]) -> Iterator[Alert]:
        now = _now()
        for alert in raised:
            if isinstance(alert, ShadowAlert):
                self._shadow(alert.detected(now))
            else:
                yield alert.detected(now)

    def _step(self, event: Event) -> list[Alert]:
        store_id = event.store_id
        store = self.stores.get(store_id)
        self._counts[type(event)] += 1
        if store is None:
            rules = None if self._rules is None else self._rules.of(store_id)
            store = self._engine.new_store(store_id, rules)
            first = self._once.pop(store_id, None)
            if first is not None:
                self._engine.process_again(first, store)
            elif self._keeps_first:
                raised = self._engine.process(event, store)
                if not self._engine.waiting(store)[0]:
                    self._once[store_id] = event
                    return raised
                self.stores[store_id] = store
                return self._expected(store, raised)
            self.stores[store_id] = store
        return self._expected(store, self._engine.process(event, store))

    def _return(self, event: PosEvent) -> list[Alert]:
        """Ask the store of the receipt that a refund names."""
        home = event.original_store_id or ""
        first = self._once.pop(home, None)
        if first is not None:
            self.stores[home] = self._engine.new_store(home)
            self._engine.process_again(first, self.stores[home])
        return self._engine.take_return(event, self.stores.get(home))

    def _expected(self, store: StoreMemory, raised: list[Alert]) -> list[Alert]:
        if self._ticks is not None:
            self._ticks.expect(store)
        return raised


class _Ticks:
    """Which stores wait for time to pass, and the time that most stores have reached."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._clock = QuorumClock(engine.max_late, engine.max_ahead)
        self._due: list[tuple[int, str]] = []
        self._expected: dict[str, int] = {}  # the due time that stands for a store in the heap

    @property
    def now(self) -> int:
        """The time that most stores have reached."""
        return self._clock.time or 0

    def expect(self, store: StoreMemory) -> None:
        """Note the due time of a store, if it waits."""
        due = self._engine.waiting(store)[1]
        if due is not None and self._expected.get(store.store_id) != due:
            self._expected[store.store_id] = due
            heappush(self._due, (due, store.store_id))

    def pass_time(self, event: TimedEvent) -> bool:
        """Move the clock; tell whether a store has waited long enough."""
        self._clock.see(event.store_id, event.event_time, source_of(event))
        return bool(self._due) and self._due[0][0] <= self.now

    def run(self, stores: Mapping[str, StoreMemory]) -> Iterator[tuple[int, Alert]]:
        """Tick the stores that have waited long enough; yield the due time with each alert."""
        now = self.now
        ticked = []
        while self._due and self._due[0][0] <= now:
            due, store_id = heappop(self._due)
            if self._expected.get(store_id) == due:  # else a due time that was overtaken
                del self._expected[store_id]
                for alert in self._engine.tick(now, stores[store_id]):
                    yield due, alert
                ticked.append(stores[store_id])
        # Not within the loop: a store whose till may have a wrong clock goes on waiting for the same time.
        for store in ticked:
            self.expect(store)


def _now() -> int:
    return int(time.time() * 1000)
