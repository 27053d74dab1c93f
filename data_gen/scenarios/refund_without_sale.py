"""A cashier refunds what was never sold and keeps the money."""

from dataclasses import dataclass
from random import Random

from data_gen.day import StoreDay
from data_gen.scenarios.base import Injection, incident_of
from data_gen.world import MINUTE


@dataclass(frozen=True)
class RefundWithoutSale:
    """One to three refunds over a shift that name a receipt no till has printed, or none.

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
    >>> RefundWithoutSale().name
    'refund_without_sale'
    """

    most: int = 3
    cheapest: float = 15.0
    dearest: float = 85.0
    unnamed: float = 0.25
    name: str = "refund_without_sale"

    def inject(self, day: StoreDay, rng: Random) -> Injection | None:
        """Choose the cashier and what they pretend to take back."""
        cashier = day.suspect((s.employee_id for s in day.cashier_shifts()), rng)
        shift = next(s for s in day.cashier_shifts() if s.employee_id == cashier)
        first = max(shift.shift_start, day.opens) + 30 * MINUTE
        last = min(shift.shift_end, day.closes) - 15 * MINUTE
        # A line that someone bought makes a plausible article and price.
        models = {
            line.sku: line
            for line in day.sales
            if self.cheapest <= line.amount <= self.dearest
            and line.quantity == 1
            and day.stock.can_lose(line.sku, 1)
        }
        if not models:
            return None
        chosen = rng.sample(list(models.values()), min(len(models), rng.randint(1, self.most)))
        length = (last - first) // len(chosen)
        events = []
        for index, line in enumerate(chosen):
            at = first + index * length + rng.randint(0, length - 20 * MINUTE)
            original = None
            if rng.random() >= self.unnamed:
                # Looks like a receipt of the day; the tills never come that far.
                original = f"t-{day.store.number}-{day.day:%Y%m%d}-{rng.randint(90_000, 99_999)}"
            day.stock.refund_without_goods(line.sku, line.quantity)
            events.append(day.refund(day.number("t"), cashier, line, at, original))
        incident = incident_of(
            day,
            self.name,
            cashier,
            (events[0].event_time, events[-1].event_time),
            transactions=[event.transaction_id for event in events],
            loss=sum(event.amount for event in events),
        )
        return Injection(incident, events)
