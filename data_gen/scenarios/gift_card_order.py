"""A firm buys gift cards for its people: many loads at once, paid, and spent weeks later."""

from dataclasses import dataclass

from data_gen.day import StoreDay
from data_gen.honest.gift_cards import GiftCard, load
from data_gen.scenarios.base import Course, Scenario, spread
from data_gen.world import SECOND


@dataclass(frozen=True, kw_only=True)
class GiftCardOrder(Scenario):
    """Six to fifteen cards of 25 or 50, loaded one after the other at one till and paid by card.

    Parameters
    ----------
    fewest, most
        Cards.

    Examples
    --------
    >>> GiftCardOrder().distractor
    True
    """

    name = "gift_card_order"
    distractor = True
    rate: float = 0.4
    first_day: int = 1
    fewest: int = 6
    most: int = 15

    def act(self, course: Course, day: StoreDay) -> None:
        """Choose the till and the moment."""
        rng = course.rng
        course.employee = day.suspect(day.cashiers(), rng)
        times = spread(day, course.employee, 1, rng) if course.employee else []
        if not times or course.employee is None:
            return
        amount = rng.choice((25.0, 50.0))
        loads = []
        for number in range(rng.randint(self.fewest, self.most)):
            card = GiftCard(day.number("gift"), amount)
            loads.append(load(day, course.employee, times[0] + number * 20 * SECOND, card, "card"))
        course.commit(day, loads, 0.0)
