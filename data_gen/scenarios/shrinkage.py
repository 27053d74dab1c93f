"""A shelf is swept: at the count less is left of a sku than the tills have sold of it."""

from dataclasses import dataclass
from random import Random

from data_gen.day import StoreDay
from data_gen.scenarios.base import Injection, incident_of, untouched
from data_gen.world import HOUR


@dataclass(frozen=True)
class ShelfSweep:
    """Most pieces of a well-selling sku leave unpaid, and the evening's count finds it.

    The books miss the same pieces, so that the rule on stock discrepancies sees it too; only one
    that looks at sales and the count alone needs it to be this bad.

    Parameters
    ----------
    short
        How many pieces fewer than were sold remain; the rule asks for 5, a count errs by 1.

    Examples
    --------
    >>> ShelfSweep(short=12).name
    'inventory_shrinkage'
    """

    short: int = 8
    name: str = "inventory_shrinkage"

    def inject(self, day: StoreDay, rng: Random) -> Injection | None:
        """Choose a sku that sold well and of which little must vanish."""
        stock = day.stock
        sold_well = [p for p in untouched(day) if stock.sold[p.sku] >= self.short]
        if not sold_well:
            return None
        sold_well.sort(key=lambda p: (stock.on_hand[p.sku] - stock.sold[p.sku], p.sku))
        product = rng.choice(sold_well[:5])
        pieces = stock.on_hand[product.sku] - (stock.sold[product.sku] - self.short)
        stock.lose(product.sku, pieces)
        start = rng.randint(day.opens + HOUR, day.closes)
        count = day.count_after_closing(product.sku, rng)
        incident = incident_of(
            day,
            self.name,
            None,
            (start, count.event_time),
            loss=pieces * product.price,
            sku=product.sku,
        )
        return Injection(incident, [count])
