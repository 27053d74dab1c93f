"""A cashier takes cash receipts back after the customer has gone, and keeps the money."""

from dataclasses import dataclass

from data_gen.day import StoreDay
from data_gen.honest.voids import post_void, receipts_of
from data_gen.scenarios.base import Course, Scenario
from data_gen.world import HOUR, MINUTE
from retail_anomaly.core.events import PosEvent


@dataclass(frozen=True, kw_only=True)
class PostVoidTheft(Scenario):
    """Two to four cash receipts of a cashier's own, taken back 20 minutes to two hours after the sale.

    The goods are gone, so the counts miss them. A supervisor's code stands on some, on the others the
    cashier's own.

    Parameters
    ----------
    fewest, most
        Receipts taken back on the day.
    cheapest, dearest
        Limits of the sum of a receipt.

    Examples
    --------
    >>> PostVoidTheft().detector
    'rule:post_void'
    """

    name = "post_void_theft"
    detector = "rule:post_void"
    rate: float = 0.5
    first_day: int = 1
    fewest: int = 2
    most: int = 4
    cheapest: float = 8.0
    dearest: float = 90.0

    def act(self, course: Course, day: StoreDay) -> None:
        """Choose a cashier who has sold enough for cash, and the receipts."""
        rng = course.rng
        fit: dict[str, list[list[PosEvent]]] = {}
        for receipt in receipts_of(day.sales):
            if self._fits(receipt, day):
                fit.setdefault(receipt[0].cashier_id, []).append(receipt)
        cashiers = set(day.cashiers())
        enough = [c for c, receipts in fit.items() if c in cashiers and len(receipts) >= self.fewest]
        course.employee = day.suspect(enough, rng)
        if course.employee is None:
            return
        receipts = fit[course.employee]
        events, loss = [], 0.0
        for receipt in rng.sample(receipts, min(len(receipts), rng.randint(self.fewest, self.most))):
            at = receipt[0].event_time + rng.randint(20, 110) * MINUTE
            approver = course.employee if rng.random() < 0.5 else day.manager(at)
            events.append(post_void(day, receipt[0], at, approver, None))
            loss += sum(line.amount for line in receipt)
            for line in receipt:
                day.stock.refund_without_goods(line.sku, line.quantity)
        course.commit(day, events, round(loss, 2))

    def _fits(self, receipt: list[PosEvent], day: StoreDay) -> bool:
        first = receipt[0]
        hours = day.hours_of(first.cashier_id)
        return (
            first.tender == "cash"
            and len(receipt) <= 2
            and self.cheapest <= sum(line.amount for line in receipt) <= self.dearest
            and hours is not None
            and first.event_time + 2 * HOUR < hours[1]
            and len({line.sku for line in receipt}) == len(receipt)
            and all(line.quantity == 1 and day.stock.can_lose(line.sku, 1) for line in receipt)
        )
