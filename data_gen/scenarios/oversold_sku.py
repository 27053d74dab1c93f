"""A shelf is swept: the count finds fewer pieces of a sku than the tills have sold."""

from dataclasses import dataclass

from data_gen.day import StoreDay
from data_gen.scenarios.base import Course, Scenario, untouched
from data_gen.world import HOUR


@dataclass(frozen=True, kw_only=True)
class OversoldSku(Scenario):
    """Most pieces of a well-selling sku leave unpaid, and the evening's count finds it.

    The books miss the same pieces, so that the rule on stock discrepancies sees it too; only one
    that looks at sales and the count alone needs it to be this bad.

    Parameters
    ----------
    short
        How many pieces fewer than were sold remain; the rule asks for 5.

    Examples
    --------
    >>> OversoldSku(short=12).detector
    'inventory_shrinkage'
    """

    name = "oversold_sku"
    detector = "inventory_shrinkage"
    short: int = 8

    def act(self, course: Course, day: StoreDay) -> None:
        """Choose a sku that sold well and needs few missing pieces to alert."""
        rng, stock = course.rng, day.stock
        sold_well = [
            p
            for p in untouched(day)
            if stock.sold[p.sku] >= self.short
            and stock.on_hand[p.sku] - stock.sold[p.sku] + self.short >= self.short
        ]
        if not sold_well:
            return
        sold_well.sort(key=lambda p: (stock.on_hand[p.sku] - stock.sold[p.sku], p.sku))
        product = rng.choice(sold_well[:5])
        pieces = stock.on_hand[product.sku] - (stock.sold[product.sku] - self.short)
        stock.lose(product.sku, pieces)
        start = rng.randint(day.opens + HOUR, day.closes)
        count = day.count_after_closing(product.sku, rng, rng.choice((-1, 0, 0, 1)))
        day.events.append(count)
        course.product = product
        course.happened(start, count.event_time, loss=pieces * product.price)
