"""The day after a holiday: one person takes back goods all day, honestly."""

from dataclasses import dataclass

from data_gen.day import StoreDay
from data_gen.scenarios.base import Course, Scenario
from data_gen.world import CASHIER
from retail_anomaly.core.events import REFUND, PosEvent


@dataclass(frozen=True, kw_only=True)
class ReturnDesk(Scenario):
    """Many customers bring goods of the same day back, and one cashier takes all of them.

    Parameters
    ----------
    returned
        Share of the day's receipts of which goods come back, beyond the usual ones.

    Examples
    --------
    >>> ReturnDesk().distractor
    True
    """

    name = "return_desk"
    distractor = True
    rate: float = 0.4
    first_day: int = 1
    returned: float = 0.04

    def prepare(self, course: Course, day: StoreDay) -> None:
        """Choose the cashier; on some days they are not at work."""
        cashiers = [e.employee_id for e in day.staff.values() if e.role == CASHIER]
        course.employee = day.return_desk = day.suspect(cashiers, course.rng)
        day.more_returns = self.returned

    def act(self, course: Course, day: StoreDay) -> None:
        """Record the refunds."""
        taken = [
            event
            for event in day.events
            if isinstance(event, PosEvent)
            and event.event_type == REFUND
            and event.cashier_id == course.employee
        ]
        if taken:
            times = [event.event_time for event in taken]
            ids = [event.transaction_id for event in taken]
            course.happened(min(times), max(times), loss=0.0, transactions=ids)
