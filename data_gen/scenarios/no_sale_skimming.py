"""A cashier sells for cash without ringing it up: the drawer opens, and the money goes into a pocket."""

from dataclasses import dataclass

from data_gen.day import StoreDay
from data_gen.honest.drawers import opened
from data_gen.scenarios.base import Course, Scenario, spread
from data_gen.world import HOUR


@dataclass(frozen=True, kw_only=True)
class NoSaleSkimming(Scenario):
    """Six to nine drawer openings in seven hours, by one cashier, on up to three days.

    The goods leave without a sale, so that the counts miss them as well; each article loses few pieces.

    Parameters
    ----------
    fewest, most
        Openings on a day; an honest day has four at most.
    cheapest, dearest
        Limits of the amount that each opening hides.

    Examples
    --------
    >>> NoSaleSkimming().detector
    'rule:no_sale_abuse'
    """

    name = "no_sale_skimming"
    detector = "rule:no_sale_abuse"
    rate: float = 0.5
    days: int = 3
    first_day: int = 1
    fewest: int = 6
    most: int = 9
    cheapest: float = 4.0
    dearest: float = 40.0

    def act(self, course: Course, day: StoreDay) -> None:
        """Choose the cashier, who works this way on each day of the pattern, and the hidden sales."""
        rng = course.rng
        if course.employee is None:
            course.employee = day.suspect(day.cashiers(), rng)
        hours = day.hours_of(course.employee) if course.employee else None
        if course.employee is None or hours is None:
            return
        number = rng.randint(self.fewest, self.most)
        times = [at for at in spread(day, course.employee, number, rng) if at < hours[0] + 7 * HOUR]
        hidden = [
            product
            for product in day.catalogue.products
            if self.cheapest <= product.price <= self.dearest and day.stock.can_lose(product.sku, 1)
        ]
        if len(times) < self.fewest or len(hidden) < len(times):
            return
        taken = rng.sample(hidden, len(times))
        for product in taken:
            day.stock.lose(product.sku, 1)
        loss = round(sum(product.price for product in taken), 2)
        course.commit(day, [opened(day, course.employee, at) for at in times], loss)
