"""Pieces vanish from a full shelf. Only the books show it, since far more pieces are left than were sold."""

from dataclasses import dataclass

from data_gen.day import StoreDay
from data_gen.scenarios.base import Course, Scenario, untouched
from data_gen.world import HOUR


@dataclass(frozen=True, kw_only=True)
class ShelfTheft(Scenario):
    """Eight to fifteen pieces of a sku leave unpaid, and the evening's count finds it.

    Parameters
    ----------
    fewest, most
        Pieces that vanish. The rule alerts from 5 missing pieces on. Honest counts are off by less: two
        counts together by 4 at most, except where somebody slips and writes a wrong number.

    Examples
    --------
    >>> ShelfTheft(fewest=10).detector
    'stock_discrepancy'
    """

    name = "shelf_theft"
    detector = "stock_discrepancy"
    fewest: int = 8
    most: int = 15

    def act(self, course: Course, day: StoreDay) -> None:
        """Choose a sku with so many pieces on the shelf that sales alone raise no alert."""
        rng, stock = course.rng, day.stock
        pieces = rng.randint(self.fewest, self.most)
        full = [p for p in untouched(day) if stock.on_hand[p.sku] - stock.sold[p.sku] > pieces]
        if not full:
            return
        product = rng.choice(full)
        stock.lose(product.sku, pieces)
        start = rng.randint(day.opens + HOUR, day.closes)
        count = day.count_after_closing(product.sku, rng, rng.choice((-1, 0, 0, 1)))
        day.events.append(count)
        course.product = product
        course.happened(start, count.event_time, loss=pieces * product.price)
