"""A cashier refunds several dear articles within minutes; no customer and no goods are there."""

from dataclasses import dataclass
from random import Random

from data_gen.day import StoreDay
from data_gen.scenarios.base import Injection, incident_of
from data_gen.world import HOUR, MINUTE, SECOND
from retail_anomaly.events import PosEvent


@dataclass(frozen=True)
class RefundBurst:
    """Three to five refunds of 100 or more within eight minutes, each of a real sale of the day.

    Parameters
    ----------
    fewest, most
        Refunds in a burst.
    minimum
        The least amount of each.
    off_shift
        Share of bursts after the cashier's shift, with a login that stayed open.

    Examples
    --------
    >>> RefundBurst(most=4).name
    'refund_burst'
    """

    fewest: int = 3
    most: int = 5
    minimum: float = 100.0
    off_shift: float = 0.5
    name: str = "refund_burst"

    def inject(self, day: StoreDay, rng: Random) -> Injection | None:
        """Choose the cashier, the moment and the receipts."""
        shifts = {shift.employee_id: shift for shift in day.cashier_shifts()}
        last = day.closes - 20 * MINUTE
        if rng.random() < self.off_shift:
            free = [c for c, s in shifts.items() if s.shift_end + HOUR < last]
            cashier = day.suspect(free, rng)
            start = rng.randint(shifts[cashier].shift_end + 15 * MINUTE, last)
        else:
            cashier = day.suspect(shifts, rng)
            shift = shifts[cashier]
            # Not before the day has sold enough to refund.
            earliest = max(shift.shift_start, day.opens + 4 * HOUR)
            start = rng.randint(earliest, min(shift.shift_end - 15 * MINUTE, last))
        lines = self._receipts(day, start)
        if len(lines) < self.fewest:
            return None
        chosen = rng.sample(lines, min(len(lines), rng.randint(self.fewest, self.most)))
        step = 8 * MINUTE // len(chosen)
        events = []
        for index, line in enumerate(chosen):
            at = start + index * step + rng.randint(0, step // 2) // SECOND * SECOND
            day.stock.refund_without_goods(line.sku, line.quantity)
            events.append(day.refund(day.number("t"), cashier, line, at, line.transaction_id))
        incident = incident_of(
            day,
            self.name,
            cashier,
            (events[0].event_time, events[-1].event_time),
            transactions=[event.transaction_id for event in events],
            loss=sum(event.amount for event in events),
        )
        return Injection(incident, events)

    def _receipts(self, day: StoreDay, start: int) -> list[PosEvent]:
        """Return lines sold well before the burst, one of each sku: a count must not notice them."""
        found = {
            line.sku: line
            for line in day.sales
            if line.amount >= self.minimum
            and line.quantity == 1
            and line.event_time < start - 30 * MINUTE
            and day.stock.can_lose(line.sku, 1)
        }
        return list(found.values())
