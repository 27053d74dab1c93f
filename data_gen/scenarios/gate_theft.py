"""A customer pays for one expensive article and carries out a second: the gate raises an alarm."""

from dataclasses import dataclass

from data_gen.day import Buyer, StoreDay
from data_gen.honest.sales import dear_times
from data_gen.scenarios.base import Course, Scenario
from data_gen.world import MINUTE, SECOND


@dataclass(frozen=True, kw_only=True)
class GateTheft(Scenario):
    """A sale of 200 or more, and within two minutes a gate alarm about goods that were not rung up.

    Parameters
    ----------
    minimum
        The least amount of the sale.
    soonest, latest
        Seconds from the sale to the alarm.

    Examples
    --------
    >>> GateTheft(latest=60).detector
    'security_correlation'
    """

    name = "gate_theft"
    detector = "security_correlation"
    minimum: float = 200.0
    soonest: int = 15
    latest: int = 105

    def act(self, course: Course, day: StoreDay) -> None:
        """Choose a moment in which no other expensive sale could explain the alarm."""
        rng = course.rng
        products = day.catalogue.products
        paid = [p for p in products if p.price >= self.minimum and day.stock.can_sell(p.sku, 1)]
        carried = [p for p in products if p.price >= 20 and day.stock.can_lose(p.sku, 1)]
        others = dear_times(day, self.minimum)
        moments = (rng.randint(day.opens, day.closes - 10 * MINUTE) for _ in range(100))
        quiet = (at for at in moments if all(abs(at - other) > 2 * MINUTE for other in others))
        at = next(quiet, None)
        cashier = None if at is None else day.suspect(day.cashiers(at), rng)
        if at is None or cashier is None or not paid or not carried:
            return
        course.employee = cashier
        stolen = rng.choice(carried)
        day.stock.lose(stolen.sku, 1)
        sale = day.sale(day.number("t"), cashier, rng.choice(paid), 1, at, Buyer("card"))
        alarm_at = at + rng.randint(self.soonest, self.latest) * SECOND
        alarm = day.gate("GATE_ALARM", alarm_at, rng, alarm=True)
        day.events += [sale, alarm]
        course.happened(
            sale.event_time, alarm.event_time, loss=stolen.price, transactions=[sale.transaction_id]
        )
