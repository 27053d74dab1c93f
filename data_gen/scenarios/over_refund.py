"""A cashier refunds more than a receipt is worth."""

from collections import Counter
from dataclasses import dataclass

import msgspec

from data_gen.day import StoreDay
from data_gen.scenarios.base import Course, Scenario, plain_lines, spread
from data_gen.world import MINUTE
from retail_anomaly.core.events import PosEvent


@dataclass(frozen=True, kw_only=True)
class OverRefund(Scenario):
    """Two to four refunds over a shift, each with the number of a real receipt.

    In turn a dearer article than was bought comes back, then the same article at twice its price, then that
    one once more.

    Parameters
    ----------
    fewest, most
        Refunds on the day.
    cheapest, dearest
        Limits of the honest amount.

    Examples
    --------
    >>> OverRefund().detector
    'refund_match'
    """

    name = "over_refund"
    detector = "refund_match"
    rate: float = 0.5
    first_day: int = 1
    fewest: int = 2
    most: int = 4
    cheapest: float = 8.0
    dearest: float = 45.0

    def act(self, course: Course, day: StoreDay) -> None:
        """Choose the cashier and the receipts."""
        rng = course.rng
        sold = Counter((line.transaction_id, line.sku) for line in day.sales)
        lines = [
            line
            for line in plain_lines(day, self.cheapest, self.dearest)
            if sold[line.transaction_id, line.sku] == 1
        ]
        course.employee = day.suspect(day.cashiers(), rng)
        if course.employee is None:
            return
        events: list[PosEvent] = []
        before: PosEvent | None = None
        for number, at in enumerate(spread(day, course.employee, rng.randint(self.fewest, self.most), rng)):
            choice = [line for line in lines if line.event_time < at - 20 * MINUTE]
            if not choice:
                continue
            line = rng.choice(choice)
            lines.remove(line)
            bought = {sku for receipt, sku in sold if receipt == line.transaction_id}
            dearer = [other for other in lines if other.amount > line.amount and other.sku not in bought]
            if number % 3 == 2 and before is not None and day.stock.can_lose(before.sku, 1):
                claimed = before
            elif number % 3 == 0 and dearer:
                claimed = msgspec.structs.replace(line, sku=dearer[0].sku, amount=dearer[0].amount)
            else:
                claimed, before = msgspec.structs.replace(line, amount=round(2 * line.amount, 2)), line
            day.stock.refund_without_goods(claimed.sku, 1)
            events.append(day.refund(day.number("t"), course.employee, claimed, at, claimed.transaction_id))
        course.commit(day, events)
