"""The tills are down for an hour: no sales, no refunds."""

from dataclasses import dataclass

from data_gen.day import Outage, StoreDay
from data_gen.scenarios.base import WEEK, Course, Scenario
from data_gen.world import HOUR, MINUTE


@dataclass(frozen=True, kw_only=True)
class TillOutage(Scenario):
    """No till of the store works for an hour of the day; the loss is the sales that were missed.

    Parameters
    ----------
    minutes
        How long.

    Examples
    --------
    >>> TillOutage(minutes=90).detector
    'sales_deviation'
    """

    name = "till_outage"
    detector = "sales_deviation"
    rate: float = 0.5
    first_day: int = WEEK
    minutes: int = 60

    def prepare(self, course: Course, day: StoreDay) -> None:
        """Choose the hour: neither the first nor the last two."""
        latest = day.closes - 2 * HOUR - self.minutes * MINUTE
        start = course.rng.randint(day.opens + HOUR, max(latest, day.opens + HOUR))
        day.outages.append(Outage(start, start + self.minutes * MINUTE))

    def act(self, course: Course, day: StoreDay) -> None:
        """Record the sales that were missed."""
        for outage in day.outages:
            course.happened(outage.start, outage.end, loss=outage.lost)
