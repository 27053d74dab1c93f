"""Refunds just below the amount from which a rule counts them."""

from dataclasses import dataclass

from data_gen.day import StoreDay
from data_gen.scenarios.base import WEEK, Course, Scenario, fake_refunds, plain_lines
from retail_anomaly.core.events import PosEvent


@dataclass(frozen=True, kw_only=True)
class Structuring(Scenario):
    """Three to five refunds a day of 86 to 99.50, by one cashier, over a week.

    Each takes back a part of a real sale of more than that, so no refund reaches a limit of 100, however fast
    they come.

    Parameters
    ----------
    fewest, most
        Refunds on a day.
    limit
        The amount that they stay under.
    margin
        By how much at most, as a share of the limit.

    Examples
    --------
    >>> Structuring(limit=200.0).detector
    'refund_deviation'
    """

    name = "structuring"
    detector = "refund_deviation"
    rate: float = 0.5
    days: int = 7
    first_day: int = WEEK
    fewest: int = 3
    most: int = 5
    limit: float = 100.0
    margin: float = 0.14

    def act(self, course: Course, day: StoreDay) -> None:
        """Refund a part of expensive sales, of today or of the days before."""
        course.seen = (course.seen + plain_lines(day, 0.9 * self.limit, float("inf")))[-40:]

        def part(line: PosEvent) -> float:
            share = 1 - course.rng.uniform(0.005, self.margin)
            return min(round(self.limit * share, 2), line.amount)

        fake_refunds(course, day, (self.fewest, self.most), course.seen, part)
