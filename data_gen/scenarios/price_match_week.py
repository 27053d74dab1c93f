"""The competitor next door sells out, and the store matches its prices for a week."""

from dataclasses import dataclass, replace

from data_gen.day import StoreDay
from data_gen.honest.prices import PRICE_OVERRIDE
from data_gen.scenarios.base import Course, Scenario
from retail_anomaly.core.events import TillEvent


@dataclass(frozen=True, kw_only=True)
class PriceMatchWeek(Scenario):
    """Supervisors lower the price of one receipt in twelve, for a week.

    Parameters
    ----------
    overrides
        Share of receipts with a lower price.

    Examples
    --------
    >>> PriceMatchWeek().distractor
    True
    """

    name = "price_match_week"
    distractor = True
    rate: float = 0.3
    days: int = 7
    first_day: int = 1
    overrides: float = 0.08

    def prepare(self, course: Course, day: StoreDay) -> None:
        """Tell the supervisors."""
        day.rates = replace(day.rates, overrides=max(self.overrides, day.rates.overrides))

    def act(self, course: Course, day: StoreDay) -> None:
        """Record the overrides."""
        changed = [e for e in day.events if isinstance(e, TillEvent) and e.event_type == PRICE_OVERRIDE]
        if changed:
            times = [event.event_time for event in changed]
            ids = [event.transaction_id for event in changed if event.transaction_id]
            course.happened(min(times), max(times), loss=0.0, transactions=ids)
