"""The base of every scenario: a pattern that is put into honest days, and its incident."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import ClassVar

from data_gen.day import StoreDay
from data_gen.world import MINUTE, Product
from retail_anomaly.core.events import PosEvent, TillEvent
from retail_anomaly.core.incidents import Incident

# Days after which a model knows the usual trade of a store.
WEEK = 7


@dataclass(slots=True)
class Course:
    """A pattern under way in one store: the facts that its days share, and its acts so far.

    Parameters
    ----------
    incident_id, rng
        Its id and its random generator.

    Attributes
    ----------
    number
        The number of the present day, from 0.
    employee, product
        The employee and the article it is about, once chosen.
    seen
        Receipt lines that later days use again.
    """

    incident_id: str
    rng: Random
    number: int = 0
    employee: str | None = None
    product: Product | None = None
    seen: list[PosEvent] = field(default_factory=list)
    _start: int | None = None
    _end: int = 0
    _transactions: dict[str, None] = field(default_factory=dict)
    _loss: float = 0.0

    @property
    def has_happened(self) -> bool:
        """Whether anything was done. A day may offer no opportunity."""
        return self._start is not None

    def happened(self, start: int, end: int, *, loss: float, transactions: Iterable[str] = ()) -> None:
        """Record acts between two times, and their cost."""
        self._start = start if self._start is None else min(start, self._start)
        self._end = max(end, self._end)
        self._transactions.update(dict.fromkeys(transactions))
        self._loss += loss

    def commit(
        self, day: StoreDay, events: Sequence[PosEvent | TillEvent], loss: float | None = None
    ) -> None:
        """Add POS events to the day; the loss is the sum of their amounts unless you give another."""
        if not events:
            return
        day.events += events
        self.happened(
            min(event.event_time for event in events),
            max(event.event_time for event in events),
            loss=sum(event.amount or 0.0 for event in events) if loss is None else loss,
            transactions=[event.transaction_id for event in events if event.transaction_id],
        )

    def incident(self, scenario: "Scenario", store_id: str) -> Incident:
        """Return the incident, as far as it has happened."""
        return Incident(
            incident_id=self.incident_id,
            scenario=scenario.name,
            store_id=store_id,
            employee_id=self.employee,
            start=self._start or self._end,
            end=self._end,
            transaction_ids=list(self._transactions),
            expected_loss=0.0 if scenario.distractor else round(self._loss, 2),
            sku=self.product.sku if self.product else None,
            detector=scenario.detector,
            distractor=scenario.distractor,
        )


@dataclass(frozen=True, kw_only=True)
class Scenario(ABC):
    """A pattern with its strength as parameters.

    Parameters
    ----------
    rate
        Its frequency, compared with the other scenarios.
    days
        How many days it lasts, at most.
    first_day
        The first day of the simulation on which it can begin, from 0. A pattern that deviates from the usual
        needs some usual days before it.

    Attributes
    ----------
    name
        The name on the incidents.
    detector
        The detector meant to see it; None if none should.
    distractor
        Whether it is honest trade.
    """

    rate: float = 1.0
    days: int = 1
    first_day: int = 0

    name: ClassVar[str]
    detector: ClassVar[str | None] = None
    distractor: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.rate < 0 or self.days < 1 or self.first_day < 0:
            raise ValueError(f"{self.name}: expected rate >= 0, days >= 1 and first_day >= 0, got {self}")

    def prepare(self, course: Course, day: StoreDay) -> None:  # noqa: B027 - most have nothing to prepare
        """Change the day before its trade begins, for example close the tills for an hour."""

    @abstractmethod
    def act(self, course: Course, day: StoreDay) -> None:
        """Add the acts of one day to its honest trade, if the day offers an opportunity.

        It may take goods from `day.stock`; it does not touch the events that are already there.
        """


def plain_lines(day: StoreDay, cheapest: float, dearest: float, until: int | None = None) -> list[PosEvent]:
    """Return honest lines of one piece, one line for each sku, whose refund no count would reveal.

    Parameters
    ----------
    day
        A day after its trade.
    cheapest, dearest
        Limits of their amounts.
    until
        Sold half an hour before that time; None for all day.
    """
    limit = day.closes if until is None else until - 30 * MINUTE
    found = {
        line.sku: line
        for line in reversed(day.sales)  # The first of each sku.
        if cheapest <= line.amount <= dearest
        and line.quantity == 1
        and line.event_time < limit
        and day.stock.can_lose(line.sku, 1)
    }
    return sorted(found.values(), key=lambda line: line.event_time)


def fake_refunds(
    course: Course,
    day: StoreDay,
    number: tuple[int, int],
    lines: Sequence[PosEvent],
    amount: Callable[[PosEvent], float] | None = None,
) -> None:
    """Refund real sales one by one, far apart, by the same cashier on every day; no goods come back.

    Parameters
    ----------
    course, day
        The pattern and the day. The employee is chosen on the pattern's first day.
    number
        The fewest and the most refunds on a day.
    lines
        The lines to choose from; each is taken at most once a day.
    amount
        Gives the money paid out for a line; by default its amount.
    """
    rng = course.rng
    if course.employee is None:
        course.employee = day.suspect(day.cashiers(), rng)
    if course.employee is None:
        return
    left = list(lines)
    events = []
    for at in spread(day, course.employee, rng.randint(*number), rng):
        sold = [line for line in left if line.event_time < at - 20 * MINUTE]
        if not sold:
            continue
        line = rng.choice(sold)
        left.remove(line)
        day.stock.refund_without_goods(line.sku, line.quantity)
        paid = None if amount is None else amount(line)
        events.append(day.refund(day.number("t"), course.employee, line, at, line.transaction_id, paid))
    course.commit(day, events)


def spread(day: StoreDay, employee: str, number: int, rng: Random, *, from_: int = 0) -> list[int]:
    """Return times within an employee's hours at the till, well apart and sorted."""
    hours = day.hours_of(employee)
    if hours is None:
        return []
    first, last = max(hours[0] + 30 * MINUTE, from_), hours[1] - 10 * MINUTE
    if last - first < number * 20 * MINUTE:
        return []
    length = (last - first) // number
    return [first + n * length + rng.randint(0, length - 12 * MINUTE) for n in range(number)]


def untouched(day: StoreDay) -> list[Product]:
    """Return the articles sold in pieces with at most one missing that were not counted tonight."""
    return [
        product
        for product in day.catalogue.products
        if not product.weighed and day.stock.gone[product.sku] <= 1 and product.sku not in day.counted
    ]
