"""A cashier refunds their own cash sales minutes after the customer has left."""

from dataclasses import dataclass

from data_gen.day import StoreDay
from data_gen.scenarios.base import Course, Scenario, plain_lines
from data_gen.world import HOUR, MINUTE
from retail_anomaly.core.events import PosEvent


@dataclass(frozen=True, kw_only=True)
class OwnSaleReversal(Scenario):
    """Two or three cash sales of one cashier, each refunded by the same cashier 4 to 25 minutes later.

    Parameters
    ----------
    fewest, most
        Refunds on the day.
    cheapest, dearest
        Limits of each amount.

    Examples
    --------
    >>> OwnSaleReversal().detector
    'refund_match'
    """

    name = "own_sale_reversal"
    detector = "refund_match"
    rate: float = 0.5
    first_day: int = 1
    fewest: int = 2
    most: int = 3
    cheapest: float = 10.0
    dearest: float = 90.0

    def act(self, course: Course, day: StoreDay) -> None:
        """Choose a cashier who has sold enough for cash, and the sales."""
        rng = course.rng
        own: dict[str, list[PosEvent]] = {}
        for line in plain_lines(day, self.cheapest, self.dearest):
            hours = day.hours_of(line.cashier_id)
            if line.tender == "cash" and hours is not None and line.event_time + HOUR < hours[1]:
                own.setdefault(line.cashier_id, []).append(line)
        cashiers = set(day.cashiers())
        course.employee = day.suspect(
            [c for c, lines in own.items() if c in cashiers and len(lines) >= self.fewest], rng
        )
        if course.employee is None:
            return
        lines = own[course.employee]
        events = []
        for line in rng.sample(lines, min(len(lines), rng.randint(self.fewest, self.most))):
            at = line.event_time + rng.randint(4, 25) * MINUTE
            day.stock.refund_without_goods(line.sku, line.quantity)
            events.append(day.refund(day.number("t"), course.employee, line, at, line.transaction_id))
        course.commit(day, events)
