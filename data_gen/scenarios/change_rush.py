"""A day on which one till gives change to everybody: an honest look-alike of skimming."""

from dataclasses import dataclass

from data_gen.day import StoreDay
from data_gen.honest.drawers import opened
from data_gen.scenarios.base import Course, Scenario, spread


@dataclass(frozen=True, kw_only=True)
class ChangeRush(Scenario):
    """A cashier opens the drawer six to ten times, each time with the reason CHANGE: a market is next door.

    Parameters
    ----------
    fewest, most
        Openings on the day.

    Examples
    --------
    >>> ChangeRush().distractor
    True
    """

    name = "change_rush"
    distractor = True
    rate: float = 0.5
    first_day: int = 1
    fewest: int = 6
    most: int = 10

    def act(self, course: Course, day: StoreDay) -> None:
        """Choose the cashier."""
        rng = course.rng
        course.employee = day.suspect(day.cashiers(), rng)
        if course.employee is not None:
            times = spread(day, course.employee, rng.randint(self.fewest, self.most), rng)
            course.commit(day, [opened(day, course.employee, at, "CHANGE") for at in times], 0.0)
