"""A cashier refunds several expensive articles within minutes, without a customer or goods."""

from dataclasses import dataclass

from data_gen.day import StoreDay
from data_gen.scenarios.base import Course, Scenario, plain_lines
from data_gen.world import HOUR, MINUTE, SECOND


@dataclass(frozen=True, kw_only=True)
class RefundBurstScenario(Scenario):
    """Three to five refunds of 100 or more within eight minutes, each of a real sale of the day.

    Parameters
    ----------
    fewest, most
        Refunds in a burst.
    minimum
        The least amount of each.

    Examples
    --------
    >>> RefundBurstScenario(most=4).name
    'refund_burst'
    """

    name = "refund_burst"
    detector = "refund_burst"
    fewest: int = 3
    most: int = 5
    minimum: float = 100.0

    def act(self, course: Course, day: StoreDay) -> None:
        """Choose the cashier, the moment and the receipts."""
        rng = course.rng
        hours = {c: day.hours_of(c) or (0, 0) for c in day.cashiers()}
        spans = {c: (first, last - 20 * MINUTE) for c, (first, last) in hours.items()}
        # Begin only after enough sales to refund.
        fit = [c for c, (_, last) in spans.items() if last > day.opens + 5 * HOUR]
        cashier = day.suspect(fit, rng)
        if cashier is not None:
            course.employee = cashier
            burst(course, day, spans[cashier], (self.fewest, self.most), self.minimum)


def burst(
    course: Course, day: StoreDay, span: tuple[int, int], number: tuple[int, int], minimum: float
) -> None:
    """Refund that many expensive articles within eight minutes.

    Parameters
    ----------
    course, day
        The pattern, with its employee, and the day.
    span
        The earliest and the latest time at which it may begin, in epoch milliseconds.
    number
        The fewest and the most refunds; where fewer such articles were sold there is no burst.
    minimum
        The least amount of each.
    """
    rng, employee = course.rng, course.employee
    lines = plain_lines(day, minimum, float("inf"), span[1])
    if len(lines) < number[0] or employee is None:
        return
    # Leave some time after the sales it refunds.
    start = rng.randint(max(span[0], min(lines[number[0] - 1].event_time + 30 * MINUTE, span[1])), span[1])
    lines = plain_lines(day, minimum, float("inf"), start + MINUTE)
    chosen = rng.sample(lines, min(len(lines), rng.randint(*number)))
    step = 8 * MINUTE // len(chosen)
    events = []
    for index, line in enumerate(chosen):
        at = start + index * step + rng.randint(0, step // 2) // SECOND * SECOND
        day.stock.refund_without_goods(line.sku, line.quantity)
        events.append(day.refund(day.number("t"), employee, line, at, line.transaction_id))
    course.commit(day, events)
