"""A cashier takes a little every day, by a few more small refunds over weeks."""

from dataclasses import dataclass

from data_gen.day import StoreDay
from data_gen.scenarios.base import WEEK, Course, Scenario, fake_refunds, plain_lines


@dataclass(frozen=True, kw_only=True)
class SlowSkimming(Scenario):
    """Two to four refunds a day of real small sales, by one cashier, over three weeks.

    Each refund is harmless. Only the cashier's number of refunds is higher than before, and than the others'.

    Parameters
    ----------
    fewest, most
        Refunds on a day.
    cheapest, dearest
        Limits of each amount.

    Examples
    --------
    >>> SlowSkimming(days=28).detector
    'refund_deviation'
    """

    name = "slow_skimming"
    detector = "refund_deviation"
    rate: float = 0.3
    days: int = 21
    first_day: int = WEEK
    fewest: int = 2
    most: int = 4
    cheapest: float = 4.0
    dearest: float = 30.0

    def act(self, course: Course, day: StoreDay) -> None:
        """Refund goods bought in the morning, if the cashier is at work."""
        lines = plain_lines(day, self.cheapest, self.dearest)
        fake_refunds(course, day, (self.fewest, self.most), lines)
