"""A wrong price: many customers buy the article before somebody notices."""

from dataclasses import dataclass

from data_gen.day import Offer, StoreDay
from data_gen.scenarios.base import WEEK, Course, Scenario
from data_gen.world import HOUR
from retail_anomaly.core.events import PosEvent


@dataclass(frozen=True, kw_only=True)
class PriceError(Scenario):
    """An article sells at a tenth of its price for some hours, and many come for it.

    Parameters
    ----------
    hours
        Until somebody notices.
    share
        The wrong price, compared with the right one.
    strength
        Receipts with the article alone, compared with all receipts of an ordinary hour.

    Examples
    --------
    >>> PriceError(share=0.01).detector
    'sales_deviation'
    """

    name = "price_error"
    detector = "sales_deviation"
    rate: float = 0.5
    first_day: int = WEEK
    hours: int = 3
    share: float = 0.1
    strength: float = 1.0

    def prepare(self, course: Course, day: StoreDay) -> None:
        """Choose a well-stocked article that customers would come for."""
        rng = course.rng
        on_offer = {offer.product.sku for offer in day.offers}
        pieces = [p for p in day.catalogue.products if not p.weighed and p.sku not in on_offer]
        dear = [p for p in pieces if 10 <= p.price <= 150]
        dear.sort(key=lambda p: (-day.stock.on_hand[p.sku], p.sku))
        course.product = rng.choice(dear[:10])
        start = rng.randint(day.opens + HOUR, day.closes - (self.hours + 1) * HOUR)
        visits = round(day.expected * HOUR / (day.closes - day.opens) * self.hours * self.strength)
        end = start + self.hours * HOUR
        price = round(course.product.price * self.share, 2)
        day.offers.append(Offer(course.product, start, end, price, visits))

    def act(self, course: Course, day: StoreDay) -> None:
        """Record the lines that were sold too cheaply."""
        product = course.product
        if product is not None:
            lines = sold_on_offer(day, product.sku)
            lost = sum(product.price * line.quantity - line.amount for line in lines)
            if lines:
                ids = [line.transaction_id for line in lines]
                course.happened(lines[0].event_time, lines[-1].event_time, loss=lost, transactions=ids)


def sold_on_offer(day: StoreDay, sku: str) -> list[PosEvent]:
    """Return today's lines of an article at its other price."""
    return [
        line
        for offer in day.offers
        if offer.product.sku == sku
        for line in day.sales
        if line.sku == sku and offer.start <= line.event_time <= offer.end
    ]
