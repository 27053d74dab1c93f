"""A promotion: an honest spike of sales."""

from dataclasses import dataclass

from data_gen.day import Offer, StoreDay
from data_gen.scenarios.base import WEEK, Course, Scenario
from data_gen.scenarios.price_error import sold_on_offer
from data_gen.world import MINUTE


@dataclass(frozen=True, kw_only=True)
class Promotion(Scenario):
    """An article at four fifths of its price for three days, with enough of it delivered.

    Parameters
    ----------
    share
        The price, compared with the ordinary one.
    strength
        Receipts with the article alone, compared with all receipts of an ordinary day.

    Examples
    --------
    >>> Promotion().distractor
    True
    """

    name = "promotion"
    distractor = True
    rate: float = 0.5
    days: int = 3
    first_day: int = WEEK
    share: float = 0.8
    strength: float = 0.35

    def prepare(self, course: Course, day: StoreDay) -> None:
        """Announce the offer, and have the goods delivered."""
        if course.product is None:
            taken = {offer.product.sku for offer in day.offers}
            pieces = [p for p in day.catalogue.products if not p.weighed and p.sku not in taken]
            fit = [p for p in pieces if 3 <= p.price <= 60]
            course.product = course.rng.choice(fit[:40])
        product, visits = course.product, round(day.expected * self.strength)
        day.stock.order(product.sku, 2 * visits)
        price = round(product.price * self.share, 2)
        day.offers.append(Offer(product, day.opens, day.closes - 5 * MINUTE, price, visits))

    def act(self, course: Course, day: StoreDay) -> None:
        """Record the receipts."""
        lines = sold_on_offer(day, course.product.sku) if course.product else []
        if lines:
            ids = [line.transaction_id for line in lines]
            course.happened(lines[0].event_time, lines[-1].event_time, loss=0.0, transactions=ids)
