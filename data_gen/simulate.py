"""The simulation: stores side by side, each day by day, as one stream in order of arrival."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from heapq import merge
from typing import Final
from zoneinfo import ZoneInfo

from data_gen import honest
from data_gen.day import StoreDay
from data_gen.scenarios import SCENARIOS, Incident, Scenario
from data_gen.stock import Stock
from data_gen.world import Catalogue, Store, days_from, make_catalogue, make_store, recorded_at
from retail_anomaly.events import Event

START: Final = date(2025, 3, 3)
INCIDENT_RATE: Final = 0.4


@dataclass
class Simulation:
    """Simulated stores with a known truth.

    The same arguments give the same events on every machine. Memory holds one day of each store,
    what may still be brought back to it, and the incidents.

    Parameters
    ----------
    stores, days
        How many; a store-day has some 900 to 2,500 receipt lines.
    seed
        Another seed is another world.
    start
        The first day.
    time_zones
        IANA names that the stores take in turn.
    incident_rate
        The chance of each scenario on each store-day. The first day of the first store has all of
        them, unless the rate is 0: that is a world without incidents.
    scenarios
        The patterns to inject.

    Attributes
    ----------
    incidents
        The ground truth of the days that `events` has begun so far; a consumer of many days may
        clear it as it goes.
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
    5
    """

    stores: int = 3
    days: int = 1
    seed: int = 7
    start: date = START
    time_zones: Sequence[str] = ("UTC",)
    incident_rate: float = INCIDENT_RATE
    scenarios: Sequence[Scenario] = tuple(SCENARIOS.values())
    incidents: list[Incident] = field(default_factory=list, init=False)
    store_days: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.stores < 1:
            raise ValueError(f"stores: expected 1 or more, got {self.stores}")
        if self.days < 1:
            raise ValueError(f"days: expected 1 or more, got {self.days}")
        if not 0 <= self.incident_rate <= 1:
            raise ValueError(f"incident_rate: expected 0 to 1, got {self.incident_rate}")
        if not 2001 <= self.start.year <= 2100 or self.days > 36_500:
            raise ValueError(f"start, days: expected 2001 to 2100, got {self.start} and {self.days}")
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
        """Simulate, and yield all events in order of arrival (see `recorded_at`).

        Calling it again starts over.

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
        self.incidents = []
        self.store_days = 0
        catalogue = make_catalogue(self.seed)
        stores = [
            make_store(self.seed, n + 1, self.time_zones[n % len(self.time_zones)])
            for n in range(self.stores)
        ]
        yield from merge(*(self._store(store, catalogue) for store in stores), key=recorded_at)

    def _store(self, store: Store, catalogue: Catalogue) -> Iterator[Event]:
        """Yield the events of one store; only its stock and open returns pass from day to day."""
        stock = Stock(catalogue, store.receipts)
        returns: honest.Returns = defaultdict(list)
        for date_ in days_from(self.start, self.days):
            day = StoreDay(self.seed, store, date_, catalogue, stock)
            self.store_days += 1
            honest.rota(day)
            honest.deliveries(day)
            honest.sales(day, returns)
            honest.refunds(day, returns)
            self._inject(day)
            honest.doors(day)
            honest.counts(day)
            yield from sorted(day.events, key=recorded_at)

    def _inject(self, day: StoreDay) -> None:
        everything = day.store.number == 1 and day.day == self.start and self.incident_rate > 0
        for scenario in self.scenarios:
            rng = day.rng(f"scenario {scenario.name}")
            if rng.random() >= self.incident_rate and not everything:
                continue
            injection = scenario.inject(day, rng)
            if injection is not None:
                day.events += injection.events
                self.incidents.append(injection.incident)
