"""High refunds after the cashier went home, on a login that stayed open."""

from dataclasses import dataclass

from data_gen.day import StoreDay
from data_gen.scenarios.base import Course, Scenario
from data_gen.scenarios.refund_burst import burst
from data_gen.world import HOUR, MINUTE


@dataclass(frozen=True, kw_only=True)
class OffShiftRefunds(Scenario):
    """A burst of refunds by a cashier of the early shift, an hour or more after its end.

    Parameters
    ----------
    fewest, most
        Refunds in a burst.
    minimum
        The least amount of each.

    Examples
    --------
    >>> OffShiftRefunds().detector
    'refund_burst'
    """

    name = "off_shift_refunds"
    detector = "refund_burst"
    fewest: int = 3
    most: int = 4
    minimum: float = 100.0

    def act(self, course: Course, day: StoreDay) -> None:
        """Choose a cashier who has left, and a moment before closing."""
        last = day.closes - 20 * MINUTE
        known = {shift.employee_id for shift in day.shifts}
        left = {
            p.employee.employee_id: p.end + 15 * MINUTE
            for p in day.presences
            # Only a cashier with a published shift can be off shift.
            if p.employee.employee_id in known and p.end + HOUR < last
        }
        cashier = day.suspect([c for c in left if c in set(day.cashiers())], course.rng)
        if cashier is not None:
            course.employee = cashier
            burst(course, day, (left[cashier], last), (self.fewest, self.most), self.minimum)
