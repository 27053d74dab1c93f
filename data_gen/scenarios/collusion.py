"""A friend's receipts are refunded again and again: one cashier, one customer."""

from dataclasses import dataclass

from data_gen.day import StoreDay
from data_gen.scenarios.base import WEEK, Course, Scenario, fake_refunds, plain_lines


@dataclass(frozen=True, kw_only=True)
class Collusion(Scenario):
    """Two receipts of an accomplice come back one to three times a day over ten days.

    Events name no customer. The pattern shows in one cashier's refunds: they name the same receipts, and each
    receipt is refunded more than once.

    Parameters
    ----------
    receipts
        Receipts of the accomplice.
    fewest, most
        Refunds on a day.

    Examples
    --------
    >>> Collusion(receipts=1).detector
    'refund_deviation'
    """

    name = "collusion"
    detector = "refund_deviation"
    rate: float = 0.5
    days: int = 10
    first_day: int = WEEK
    receipts: int = 2
    fewest: int = 1
    most: int = 3

    def act(self, course: Course, day: StoreDay) -> None:
        """Buy on the first day; refund on each."""
        rng = course.rng
        if not course.seen:
            lines = plain_lines(day, 20.0, 90.0, (day.opens + day.closes) // 2)
            course.seen = rng.sample(lines, min(self.receipts, len(lines)))
        # The same few lines again and again.
        fake_refunds(course, day, (self.fewest, self.most), 2 * course.seen)
