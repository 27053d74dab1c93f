"""A cashier gives a friend large discounts."""

from dataclasses import dataclass
from typing import Final

from data_gen.day import Buyer, StoreDay
from data_gen.honest.prices import reduced
from data_gen.scenarios.base import Course, Scenario, spread
from data_gen.world import Product

# The days of the pattern on which the friend comes, from 0.
_VISITS: Final = frozenset({0, 1, 3, 5, 8, 11, 15, 19})


@dataclass(frozen=True, kw_only=True)
class SweetheartDiscount(Scenario):
    """One customer buys a dear article at half its price, always at the same cashier's till, for weeks.

    Nobody approves it. The friend comes on some days of the pattern, if the cashier works.

    Parameters
    ----------
    cheapest, dearest
        Limits of the article's list price.
    share
        The price paid, compared with the list price.

    Examples
    --------
    >>> SweetheartDiscount().detector
    'rule:sweetheart'
    """

    name = "sweetheart_discount"
    detector = "rule:sweetheart"
    rate: float = 0.4
    days: int = 21
    first_day: int = 1
    cheapest: float = 45.0
    dearest: float = 180.0
    share: float = 0.5

    def act(self, course: Course, day: StoreDay) -> None:
        """Let the friend come."""
        rng = course.rng
        if course.employee is None:
            course.employee = day.suspect(day.cashiers(), rng)
        if course.employee is None or course.number not in _VISITS:
            return
        fit = [p for p in day.catalogue.products if self._fits(p, day)]
        times = spread(day, course.employee, 1, rng)
        if not fit or not times:
            return
        receipt, at = day.number("t"), times[0]
        friend = Buyer("card", f"customer-{course.incident_id}")
        sold = day.sale(receipt, course.employee, rng.choice(fit), 1, at, friend)
        line = reduced(sold, self.share)
        course.commit(day, [line], line.discount_amount)

    def _fits(self, product: Product, day: StoreDay) -> bool:
        return self.cheapest <= product.price <= self.dearest and day.stock.can_sell(product.sku, 1)
