"""A cashier moves to the service desk: from then on they refund all day, honestly."""

from dataclasses import dataclass, replace

from data_gen.day import StoreDay
from data_gen.scenarios.base import WEEK, Course, Scenario
from data_gen.world import CASHIER, SERVICE_DESK
from retail_anomaly.core.events import REFUND, PosEvent


@dataclass(frozen=True, kw_only=True)
class RoleChange(Scenario):
    """One of four or more cashiers moves to the service desk for good; the first two weeks are recorded.

    Parameters
    ----------
    refunds
        Honest refunds that fall to them, compared with a cashier.

    Examples
    --------
    >>> RoleChange().distractor
    True
    """

    name = "role_change"
    distractor = True
    rate: float = 0.3
    days: int = 14
    first_day: int = WEEK
    refunds: float = 20.0

    def prepare(self, course: Course, day: StoreDay) -> None:
        """Change the role on the first day."""
        cashiers = [e.employee_id for e in day.staff.values() if e.role == CASHIER]
        if course.number == 0 and len(cashiers) >= 4:
            course.employee = day.suspect(cashiers, course.rng)
            if course.employee is not None:
                employee = day.staff[course.employee]
                day.staff[course.employee] = replace(
                    employee, role=SERVICE_DESK, speed=0.2, refunds=self.refunds
                )

    def act(self, course: Course, day: StoreDay) -> None:
        """Record the refunds."""
        taken = [
            event
            for event in day.events
            if isinstance(event, PosEvent)
            and event.event_type == REFUND
            and event.cashier_id == course.employee
        ]
        if taken and course.employee:
            times = [event.event_time for event in taken]
            course.happened(
                min(times), max(times), loss=0.0, transactions=[event.transaction_id for event in taken]
            )
