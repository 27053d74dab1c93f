"""The people at the tills: shifts as published, and as worked."""

from random import Random
from typing import Final

from data_gen.day import StoreDay
from data_gen.world import CASHIER, HOUR, MINUTE, SERVICE_DESK, Employee
from retail_anomaly.core.events import ShiftEvent

SWAPPED: Final = 0.06
# Share of the swaps that the office hears of in time.
REPORTED: Final = 0.7
OVERTIME: Final = 0.1


def rota(day: StoreDay) -> None:
    """Publish an early and a late shift, which overlap at midday, and man the tills.

    Cashiers swap shifts, some without telling the office, and some stay longer than planned: their
    refunds are off shift, and honest.
    """
    rng = day.rng("rota")
    middle = (day.opens + day.closes) // 2 // MINUTE * MINUTE
    hours = {0: (day.opens - 15 * MINUTE, middle + HOUR), 1: (middle - HOUR, day.closes + 30 * MINUTE)}
    cashiers = sorted(e.employee_id for e in day.staff.values() if e.role == CASHIER)
    at_work = sorted(rng.sample(cashiers, max(min(3, len(cashiers)), round(0.75 * len(cashiers)))))
    rng.shuffle(at_work)
    resting = [cashier for cashier in cashiers if cashier not in at_work]
    for index, planned in enumerate(at_work):
        start, end = hours[index % 2]
        _publish(day, planned, start, end)
        worker = planned
        if resting and rng.random() < SWAPPED:
            worker = resting.pop(rng.randrange(len(resting)))
            if rng.random() < REPORTED:
                _publish(day, worker, start, end)
        longer = rng.randint(20, 90) * MINUTE if rng.random() < OVERTIME else 0
        day.work(day.staff[worker], start, end + longer, f"till-{index + 1}")
    _desk(day, hours, rng)
    store = day.store
    for number, (start, end) in enumerate(
        ((day.opens - 2 * HOUR, middle + HOUR), (middle - HOUR, day.closes + 90 * MINUTE)), 1
    ):
        day.shifts.append(
            ShiftEvent(f"m-{store.number}-{number}", store.store_id, start, end, "manager"),
        )
    day.events += day.shifts


def _desk(day: StoreDay, hours: dict[int, tuple[int, int]], rng: Random) -> None:
    """Man the service desk: half of its people early, the others late."""
    people = sorted(e.employee_id for e in day.staff.values() if e.role == SERVICE_DESK)
    rng.shuffle(people)
    for index, employee_id in enumerate(people):
        start, end = hours[index % 2]
        _publish(day, employee_id, start, end)
        day.work(day.staff[employee_id], start, end, f"desk-{index // 2 + 1}")


def _publish(day: StoreDay, employee_id: str, start: int, end: int) -> None:
    employee: Employee = day.staff[employee_id]
    day.shifts.append(ShiftEvent(employee_id, day.store.store_id, start, end, employee.role))
