"""The same article comes back again and again, always at the same till."""

from dataclasses import dataclass

from data_gen.day import StoreDay
from data_gen.scenarios.base import WEEK, Course, Scenario, fake_refunds


@dataclass(frozen=True, kw_only=True)
class OneSkuRefunds(Scenario):
    """Two to five refunds a day of one article by one cashier, for a week.

    The piece is taken from the shelf, refunded and put back: the books gain a piece each time, and
    the article's next count shows it.

    Parameters
    ----------
    fewest, most
        Refunds on a day.
    cheapest, dearest
        Limits of the article's price.

    Examples
    --------
    >>> OneSkuRefunds().detector
    'refund_deviation'
    """

    name = "one_sku_refunds"
    detector = "refund_deviation"
    rate: float = 0.5
    days: int = 7
    first_day: int = WEEK
    fewest: int = 2
    most: int = 5
    cheapest: float = 8.0
    dearest: float = 60.0

    def act(self, course: Course, day: StoreDay) -> None:
        """Choose an article that sells well, and refund real sales of it."""
        rng = course.rng
        if course.product is None:
            sold = {line.sku for line in day.sales}
            fit = [
                p
                for p in day.catalogue.products[:60]
                if self.cheapest <= p.price <= self.dearest and p.sku in sold
            ]
            course.product = rng.choice(fit) if fit else None
        if course.product is None:
            return
        lines = [line for line in day.sales if line.sku == course.product.sku and line.quantity == 1]
        # Receipts that customers left behind, also on earlier days.
        course.seen = (course.seen + lines)[-20:]
        fake_refunds(course, day, (self.fewest, self.most), course.seen)
