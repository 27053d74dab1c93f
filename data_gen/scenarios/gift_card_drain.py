"""A cashier loads gift cards without being paid, and a friend spends them within minutes."""

from dataclasses import dataclass

from data_gen.day import Buyer, StoreDay
from data_gen.honest.gift_cards import GiftCard, load, redeem
from data_gen.scenarios.base import Course, Scenario, spread
from data_gen.world import MINUTE, Product
from retail_anomaly.core.events import PosEvent, TillEvent


@dataclass(frozen=True, kw_only=True)
class GiftCardDrain(Scenario):
    """Three or four cards of 50 to 150 within twenty minutes, each spent within a quarter of an hour.

    Parameters
    ----------
    fewest, most
        Cards.

    Examples
    --------
    >>> GiftCardDrain().detector
    'rule:gift_drain'
    """

    name = "gift_card_drain"
    detector = "rule:gift_drain"
    rate: float = 0.4
    first_day: int = 1
    fewest: int = 3
    most: int = 4

    def act(self, course: Course, day: StoreDay) -> None:
        """Choose the cashier and the goods that the cards buy."""
        rng = course.rng
        fit = [p for p in day.catalogue.products if _fits(p, day)]
        course.employee = day.suspect(day.cashiers(), rng)
        times = spread(day, course.employee, 1, rng) if course.employee else []
        if len(fit) < self.most or not times or course.employee is None:
            return
        events: list[PosEvent | TillEvent] = []
        loss = 0.0
        for number, product in enumerate(rng.sample(fit, rng.randint(self.fewest, self.most))):
            card = GiftCard(day.number("gift"), round(product.price * rng.choice((1.0, 1.0, 1.05)), 2))
            at = times[0] + number * 5 * MINUTE
            spent = at + rng.randint(3, 15) * MINUTE
            buyer = Buyer("gift_card", gift_card=card.token)
            line = day.sale(day.number("t"), course.employee, product, 1, spent, buyer)
            events += [load(day, course.employee, at, card, None), line]
            events.append(redeem(day, line, card, line.amount))
            loss += card.amount
        course.commit(day, events, round(loss, 2))


def _fits(product: Product, day: StoreDay) -> bool:
    return 50 <= product.price <= 150 and day.stock.can_sell(product.sku, 1)
