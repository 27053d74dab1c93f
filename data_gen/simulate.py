"""The simulation: stores side by side, each day by day, as one stream in order of arrival."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from heapq import merge
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from data_gen.day import StoreDay
from data_gen.demand import is_closed
from data_gen.faults import Fault, Faults
from data_gen.honest.drawers import drawers
from data_gen.honest.gift_cards import Wallets, gift_cards
from data_gen.honest.movements import write_offs
from data_gen.honest.premises import breakage, counts, deliveries, doors
from data_gen.honest.refunds import Returns, earlier_sales, plan_returns, refunds
from data_gen.honest.rota import rota
from data_gen.honest.routine import routine
from data_gen.honest.sales import sales
from data_gen.honest.voids import voids
from data_gen.numbering import NUMBERED_BY, NumberedBy, TillNumbers
from data_gen.records import SimulatedRecord
from data_gen.scenarios import SCENARIOS, Course, Scenario
from data_gen.stock import ShelfStock
from data_gen.till_rates import TillRates
from data_gen.world import VOLUMES, Catalogue, Store, days_from, make_catalogue, make_store, recorded_at
from retail_anomaly.core.events import Event
from retail_anomaly.core.incidents import Incident

START: Final = date(2025, 3, 3)
INCIDENT_RATE: Final = 0.1
# Stores take turns: the first of a demo is neither tiny nor huge.
STORE_VOLUMES: Final = ("medium", "small", "large")


@dataclass
class Simulation:
    """Simulated stores with a known truth.

    The same arguments give the same events on every machine. Memory holds one day of each store, the sales
    that customers will bring back, the scenarios under way, and the incidents.

    Parameters
    ----------
    stores, days
        Their numbers. A day has some 200 receipt lines in a small store and 3,000 in a large one.
    seed
        Another seed is another world.
    start
        The first day.
    time_zones
        IANA names that the stores take in turn.
    incident_rate
        The chance that a scenario begins on a store-day; scenarios that last for weeks are rarer. On the
        first day the first store has every scenario that needs no history. With 0 there are no incidents.
    scenarios
        The patterns to inject.
    volumes
        ``small``, ``medium`` or ``large``: the sizes that the stores take in turn.
    distractor_rate
        As `incident_rate`, for honest trade that only looks unusual.
    earlier
        Whether the stores traded before the first day. Customers then also bring back goods of sales that no
        event shows, as in a real log. Otherwise the stores open on the first day.
    faults
        Faults in the data itself; none by default.
    rates
        How often honest people void, discount or open a drawer.
    numbered_by
        What a receipt's number is unique within: ``store`` (here even the chain), ``register``, or
        ``register_day``, where each till begins with 1 every day and receipts bear the business date.

    Attributes
    ----------
    incidents
        The incidents and distractors of the days that `events` has begun so far: those that have ended or
        were cut off by the last day. If you simulate many days you can clear the list as you go.
    faults_made
        The faults in the data so far. You can clear the list as you go.
    store_days
        How many store-days `events` has begun so far.

    Raises
    ------
    ValueError
        An argument is out of range; the message says which.

    Examples
    --------
    >>> simulation = Simulation(stores=1, days=1, seed=7)
    >>> number_of_events = sum(1 for _ in simulation.events())
    >>> len(simulation.incidents)
    6
    """

    stores: int = 3
    days: int = 1
    seed: int = 7
    start: date = START
    time_zones: Sequence[str] = ("UTC",)
    incident_rate: float = INCIDENT_RATE
    scenarios: Sequence[Scenario] = tuple(SCENARIOS.values())
    volumes: Sequence[str] = STORE_VOLUMES
    distractor_rate: float = INCIDENT_RATE
    earlier: bool = False
    faults: Faults = field(default_factory=Faults)
    rates: TillRates = field(default_factory=TillRates)
    numbered_by: NumberedBy = "store"
    incidents: list[Incident] = field(default_factory=list, init=False)
    faults_made: list[Fault] = field(default_factory=list, init=False)
    store_days: int = field(default=0, init=False)
    _has_begun: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if self.stores < 1:
            raise ValueError(f"stores: expected 1 or more, got {self.stores}")
        if self.days < 1:
            raise ValueError(f"days: expected 1 or more, got {self.days}")
        for name in ("incident_rate", "distractor_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        if not self.volumes or not set(self.volumes) <= set(VOLUMES):
            raise ValueError(f"volumes: expected some of {', '.join(VOLUMES)}, got {list(self.volumes)}")
        if not 2001 <= self.start.year <= 2100 or self.days > 36_500:
            raise ValueError(f"start, days: expected 2001 to 2100, got {self.start} and {self.days}")
        names = [scenario.name for scenario in self.scenarios]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"scenarios: expected each scenario once, got {twice[0]} again")
        if self.numbered_by not in NUMBERED_BY:
            raise ValueError(
                f"numbered_by: expected one of {', '.join(NUMBERED_BY)}, got {self.numbered_by!r}"
            )
        if not self.time_zones:
            raise ValueError("time_zones: expected at least one")
        for name in self.time_zones:
            try:
                ZoneInfo(name)
            except (KeyError, ValueError, OSError):
                raise ValueError(
                    f"time_zones: expected an IANA name such as Europe/Berlin, got {name!r}"
                ) from None

    def events(self) -> Iterator[Event]:
        """Simulate, and yield all events in order of arrival.

        A second call starts over. Malformed records are left out: see `records`.

        Yields
        ------
        Event
            The next event of any store.

        Examples
        --------
        >>> from data_gen.world import recorded_at
        >>> times = [recorded_at(event) for event in Simulation(stores=2).events()]
        >>> times == sorted(times)
        True
        """
        for record in self.records():
            if not isinstance(record.value, dict):
                yield record.value

    def records(self) -> Iterator[SimulatedRecord]:
        """Simulate, and yield everything that arrives, in order of arrival.

        Yields
        ------
        SimulatedRecord
            The next record of any store.

        Examples
        --------
        >>> faulty = Simulation(stores=1, faults=Faults(malformed=0.01))
        >>> malformed = sum(isinstance(record.value, dict) for record in faulty.records())
        >>> malformed == len(faulty.faults_made)
        True
        >>> faulty.faults_made[0].fault
        'malformed'
        """
        self.incidents, self.faults_made = [], []
        self.store_days = 0
        self._has_begun = False
        catalogue = make_catalogue(self.seed, self.rates.weighed)
        stores = [self._store(store, catalogue) for store in self.make_stores()]
        records = map(SimulatedRecord.of, merge(*stores, key=recorded_at))
        yield from self.faults.apply(records, self.seed, self.faults_made) if self.faults else records

    def make_stores(self) -> list[Store]:
        """Return the stores.

        Examples
        --------
        >>> [store.volume for store in Simulation(stores=3).make_stores()]
        ['medium', 'small', 'large']
        """
        zones, volumes = self.time_zones, self.volumes
        return [
            make_store(self.seed, n + 1, zones[n % len(zones)], volumes[n % len(volumes)])
            for n in range(self.stores)
        ]

    def _store(self, store: Store, catalogue: Catalogue) -> Iterator[Event]:
        """Yield the events of one store. Stock, staff, returns and running scenarios pass from day to day."""
        stock = ShelfStock(catalogue, store.receipts)
        staff = {employee.employee_id: employee for employee in store.staff}
        returns: Returns = defaultdict(list)
        wallets: Wallets = {}
        numbering = TillNumbers(self.numbered_by)
        running: list[tuple[Scenario, Course]] = []
        days = days_from(self.start, self.days)
        for number, date_ in enumerate(days):
            self.store_days += 1
            brought = returns.pop(date_, [])
            cards = wallets.pop(date_, [])
            if is_closed(date_):
                continue
            day = StoreDay(self.seed, store, self.start, date_, catalogue, stock, staff, self.rates)
            self._begin(day, number, running)
            for scenario, course in running:
                scenario.prepare(course, day)
            rota(day)
            deliveries(day)
            sales(day)
            voids(day)
            plan_returns(day, returns)
            if self.earlier:
                brought += earlier_sales(day)
            refunds(day, brought + returns.pop(date_, []))
            write_offs(day)
            breakage(day)
            drawers(day)
            gift_cards(day, wallets, cards)
            routine(day)
            for scenario, course in running:
                scenario.act(course, day)
                course.number += 1
            doors(day)
            counts(day)
            events = numbering.printed(sorted(day.events, key=recorded_at), date_)
            self._record(running, store, numbering, last=date_ == days[-1])
            yield from events

    def _begin(self, day: StoreDay, number: int, running: list[tuple[Scenario, Course]]) -> None:
        """Let scenarios that are not under way begin by chance."""
        for _, course in running:
            if course.employee is not None:
                day.keep_apart(course.employee)
        under_way = {scenario.name for scenario, _ in running}
        everything = day.store.number == 1 and self.incident_rate > 0 and not self._has_begun
        for scenario in self.scenarios:
            rng = day.rng(f"scenario {scenario.name}")
            rate = scenario.rate * (self.distractor_rate if scenario.distractor else self.incident_rate)
            chosen = rng.random() < rate or (everything and not scenario.distractor)
            if chosen and number >= scenario.first_day and scenario.name not in under_way:
                incident_id = f"{day.store.store_id}-{day.day:%Y%m%d}-{scenario.name}"
                running.append((scenario, Course(incident_id, rng)))
        self._has_begun |= day.store.number == 1

    def _record(
        self, running: list[tuple[Scenario, Course]], store: Store, numbering: TillNumbers, *, last: bool
    ) -> None:
        """Record the incidents that have ended; the last day cuts off those under way."""
        for scenario, course in list(running):
            if last or course.number == scenario.days:
                running.remove((scenario, course))
                if course.has_happened:
                    incident = course.incident(scenario, store.store_id)
                    numbers = [numbering.number_of(receipt) for receipt in incident.transaction_ids]
                    self.incidents.append(msgspec.structs.replace(incident, transaction_ids=numbers))
