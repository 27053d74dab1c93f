"""A cashier books more than the customer gets back."""

from dataclasses import dataclass

from data_gen.day import StoreDay
from data_gen.scenarios.base import WEEK, Course, Scenario, plain_lines, spread


@dataclass(frozen=True, kw_only=True)
class InflatedRefunds(Scenario):
    """A cashier books honest returns at three times their price and keeps the difference.

    The goods come back, so no count shows it.

    Parameters
    ----------
    fewest, most
        Returns on a day that are booked too high.
    factor
        The amount booked, compared with the price.

    Examples
    --------
    >>> InflatedRefunds(factor=2.0).detector
    'refund_deviation'
    """

    name = "inflated_refunds"
    detector = "refund_deviation"
    rate: float = 0.5
    days: int = 10
    first_day: int = WEEK
    fewest: int = 1
    most: int = 3
    factor: float = 3.0

    def act(self, course: Course, day: StoreDay) -> None:
        """Take back goods of earlier in the day, for more than they cost."""
        rng = course.rng
        if course.employee is None:
            course.employee = day.suspect(day.cashiers(), rng)
        if course.employee is None:
            return
        events, loss = [], 0.0
        for at in spread(day, course.employee, rng.randint(self.fewest, self.most), rng):
            lines = plain_lines(day, 10.0, 60.0, at)
            if not lines:
                continue
            line = rng.choice(lines)
            amount = round(line.amount * self.factor * rng.uniform(0.9, 1.1), 2)
            day.stock.put_back(line.sku, line.quantity)
            events.append(day.refund(day.number("t"), course.employee, line, at, line.transaction_id, amount))
            loss += amount - line.amount
        course.commit(day, events, loss)
