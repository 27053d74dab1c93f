"""A new cashier: slow, and often wrong, but honest."""

from dataclasses import dataclass, replace
from typing import Final

from data_gen.day import StoreDay
from data_gen.honest.voids import scan_twice
from data_gen.scenarios.base import WEEK, Course, Scenario
from data_gen.till_rates import TillRates
from data_gen.world import MINUTE, Employee

# As at any till: most mistakes are seen before the customer pays, and are a line void.
_TILLS: Final = TillRates()
AFTER_PAYMENT: Final = _TILLS.post_voids / (_TILLS.post_voids + _TILLS.line_voids)


@dataclass(frozen=True, kw_only=True)
class NewCashier(Scenario):
    """A new cashier joins. For two weeks they ring up lines wrongly and take these back at once.

    Most mistakes are seen before the customer pays, and the line is voided. After that it is refunded. By its
    rate a store of ten cashiers hires five a year.

    Parameters
    ----------
    fewest, most
        Corrections on a day.
    refunded
        Share of them that are made after the payment.

    Examples
    --------
    >>> NewCashier().distractor
    True
    """

    name = "new_cashier"
    distractor = True
    rate: float = 0.15
    days: int = 14
    first_day: int = WEEK
    fewest: int = 1
    most: int = 5
    refunded: float = AFTER_PAYMENT

    def prepare(self, course: Course, day: StoreDay) -> None:
        """Hire the cashier on the first day; at the end they are as quick as the others."""
        if course.employee is None:
            number = sum(employee.startswith("c-") for employee in day.staff) + 1
            course.employee = f"c-{day.store.number}-{number}"
            day.staff[course.employee] = Employee(course.employee, speed=0.5)
        elif course.number == self.days - 1:
            day.staff[course.employee] = replace(day.staff[course.employee], speed=1.0)

    def act(self, course: Course, day: StoreDay) -> None:
        """Take back lines that were rung up wrongly, minutes later."""
        rng, seen = course.rng, day.rng("seen in time")
        own = [
            line
            for line in day.sales
            if line.cashier_id == course.employee and line.event_time < day.closes - 15 * MINUTE
        ]
        events = []
        for line in rng.sample(own, min(len(own), rng.randint(self.fewest, self.most))):
            at = line.event_time + rng.randint(1, 6) * MINUTE
            if seen.random() >= self.refunded:
                events += scan_twice(day, line, rng)
            elif line.cashier_id in day.present(at):
                day.stock.put_back(line.sku, line.quantity)
                refund = day.refund(day.number("t"), line.cashier_id, line, at, line.transaction_id)
                events.append(refund)
        course.commit(day, sorted(events, key=lambda event: event.event_time))
