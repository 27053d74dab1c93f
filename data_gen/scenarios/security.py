"""A dear article is paid, a second one is not: the gate raises an alarm as the customer leaves."""

from dataclasses import dataclass
from random import Random

from data_gen.day import StoreDay
from data_gen.honest import HIGH_VALUE
from data_gen.scenarios.base import Injection, incident_of
from data_gen.world import MINUTE, SECOND


@dataclass(frozen=True)
class GateTheft:
    """A sale of 200 or more, and within two minutes a gate alarm about goods that were not rung up.

    Parameters
    ----------
    minimum
        The least amount of the sale.
    soonest, latest
        Seconds from the sale to the alarm.

    Examples
    --------
    >>> GateTheft(latest=60).name
    'security_correlation'
    """

    minimum: float = 200.0
    soonest: int = 15
    latest: int = 110
    name: str = "security_correlation"

    def inject(self, day: StoreDay, rng: Random) -> Injection | None:
        """Choose a quiet moment, in which no other dear sale could explain the alarm."""
        products = day.catalogue.products
        paid = [p for p in products if p.price >= self.minimum and day.stock.can_sell(p.sku, 1)]
        carried = [p for p in products if p.price >= 20 and day.stock.can_lose(p.sku, 1)]
        others = [line.event_time for line in day.sales if line.amount >= HIGH_VALUE]
        moments = (rng.randint(day.opens, day.closes - 10 * MINUTE) for _ in range(100))
        quiet = (at for at in moments if all(abs(at - other) > 4 * MINUTE for other in others))
        at = next(quiet, None)
        if at is None or not paid or not carried:
            return None
        stolen = rng.choice(carried)
        day.stock.lose(stolen.sku, 1)
        cashier = day.suspect(day.on_shift(at), rng)
        sale = day.sale(day.number("t"), cashier, rng.choice(paid), 1, at, "card")
        alarm_at = at + rng.randint(self.soonest, self.latest) * SECOND
        alarm = day.gate("GATE_ALARM", alarm_at, rng, alarm=True)
        incident = incident_of(
            day,
            self.name,
            cashier,
            (at, alarm_at),
            transactions=[sale.transaction_id],
            loss=stolen.price,
        )
        return Injection(incident, [sale, alarm])
