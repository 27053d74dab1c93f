"""Drawers that open without a sale: change for a customer, a coin roll, a drawer that jams."""

from typing import Final

from data_gen.day import StoreDay
from data_gen.world import MINUTE
from retail_anomaly.core.events import TillEvent

NO_SALE: Final = "NO_SALE"
REASONS: Final = ("CHANGE", "CHANGE", "CHANGE", "COIN_ROLL", "JAMMED")
# A count of the cash is no drawer opening. More than this on one day is a habit, or a theft.
MOST: Final = 4


def drawers(day: StoreDay) -> None:
    """Open the drawers a few times."""
    rng = day.rng("drawers")
    for presence in day.presences:
        first, last = max(presence.start, day.opens), min(presence.end, day.closes) - MINUTE
        times = min(MOST, int(day.rates.drawers * 2 * rng.random() + rng.random()))
        for _ in range(times if first < last else 0):
            at = rng.randint(first, last)
            day.events.append(opened(day, presence.employee.employee_id, at, rng.choice(REASONS)))


def opened(day: StoreDay, cashier: str, at: int, reason: str | None = None) -> TillEvent:
    """Open a cashier's drawer without a sale."""
    return day.at_till(NO_SALE, cashier, at, reason_code=reason)
