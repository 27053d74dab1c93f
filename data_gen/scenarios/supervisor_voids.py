"""A trainee learns at the till, and a supervisor takes back what goes wrong: an honest day full of voids."""

from dataclasses import dataclass

from data_gen.day import StoreDay
from data_gen.scenarios.base import Course, Scenario
from data_gen.world import CASHIER
from retail_anomaly.core.events import POST_VOID, TillEvent


@dataclass(frozen=True, kw_only=True)
class SupervisorVoids(Scenario):
    """A third of a trainee's receipts are taken back, minutes after the sale, by a supervisor.

    Most are rung up again.

    Examples
    --------
    >>> SupervisorVoids().distractor
    True
    """

    name = "supervisor_voids"
    distractor = True
    rate: float = 0.5
    first_day: int = 1

    def prepare(self, course: Course, day: StoreDay) -> None:
        """Choose the trainee among all cashiers; on some days they are not at work."""
        cashiers = [e.employee_id for e in day.staff.values() if e.role == CASHIER]
        course.employee = day.suspect(cashiers, course.rng)
        if course.employee is not None:
            day.trainees.add(course.employee)

    def act(self, course: Course, day: StoreDay) -> None:
        """Record the voids."""
        taken = [
            event
            for event in day.events
            if isinstance(event, TillEvent)
            and event.event_type == POST_VOID
            and event.cashier_id == course.employee
        ]
        if taken:
            times = [event.event_time for event in taken]
            ids = [event.transaction_id for event in taken if event.transaction_id]
            course.happened(min(times), max(times), loss=0.0, transactions=ids)
