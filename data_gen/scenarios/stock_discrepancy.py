"""Pieces vanish from a full shelf: only the books show it, as far more is left than was sold."""

from dataclasses import dataclass
from random import Random

from data_gen.day import StoreDay
from data_gen.scenarios.base import Injection, incident_of, untouched
from data_gen.world import HOUR


@dataclass(frozen=True)
class MissingStock:
    """Eight to fifteen pieces of a slow sku leave unpaid, and the evening's count finds it.

    Parameters
    ----------
    fewest, most
        Pieces that vanish; the rule asks for 5, two counts err by 2 together.

    Examples
    --------
    >>> MissingStock(fewest=10).name
    'stock_discrepancy'
    """

    fewest: int = 8
    most: int = 15
    name: str = "stock_discrepancy"

    def inject(self, day: StoreDay, rng: Random) -> Injection | None:
        """Choose a sku with so much on the shelf that sales alone raise no doubt."""
        stock = day.stock
        pieces = rng.randint(self.fewest, self.most)
        full = [p for p in untouched(day) if stock.on_hand[p.sku] - stock.sold[p.sku] > pieces]
        if not full:
            return None
        product = rng.choice(full)
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
