"""A cashier refunds goods that were never sold and keeps the money."""

from dataclasses import dataclass

from data_gen.day import StoreDay
from data_gen.scenarios.base import Course, Scenario, plain_lines, spread


@dataclass(frozen=True, kw_only=True)
class RefundWithoutSaleScenario(Scenario):
    """One to three refunds over a shift. They name a receipt that no till has printed, or none.

    They are far apart and below 100: the pattern is the missing sale, not the haste.

    Parameters
    ----------
    most
        Refunds of one incident at most.
    cheapest, dearest
        Limits of each amount.
    unnamed
        Share of refunds that name no sale at all.

    Examples
    --------
    >>> RefundWithoutSaleScenario().name
    'refund_without_sale'
    """

    name = "refund_without_sale"
    detector = "refund_without_sale"
    most: int = 3
    cheapest: float = 15.0
    dearest: float = 85.0
    unnamed: float = 0.25

    def act(self, course: Course, day: StoreDay) -> None:
        """Choose the cashier and the goods they pretend to take back."""
        rng = course.rng
        # A line that someone bought makes a plausible article and price.
        models = plain_lines(day, self.cheapest, self.dearest)
        cashier = day.suspect(day.cashiers(), rng)
        if not models or cashier is None:
            return
        course.employee = cashier
        chosen = rng.sample(models, min(len(models), rng.randint(1, self.most)))
        events = []
        for line, at in zip(chosen, spread(day, cashier, len(chosen), rng), strict=False):
            original = None
            if rng.random() >= self.unnamed:
                # Looks like a receipt of the day, but with a number that no till reaches.
                original = f"t-{day.store.number}-{day.day:%Y%m%d}-{rng.randint(90_000, 99_999)}"
            day.stock.refund_without_goods(line.sku, line.quantity)
            events.append(day.refund(day.number("t"), cashier, line, at, original))
        course.commit(day, events)
