"""Ticket sizes: whether the amounts of two hours' lines are smaller or larger than usual."""

from collections.abc import Sequence
from math import sqrt
from typing import Final

from retail_anomaly.models.sales.history import SalesHistory, WindowQuarter
from retail_anomaly.models.student import student_t

_KNOWN_FROM: Final = 200  # lines
_JUDGED_FROM: Final = 5  # lines
_DECAY: Final = 0.95  # a day


def ticket_tails(window: Sequence[WindowQuarter], store: SalesHistory) -> tuple[float, float] | None:
    """Return the chances of a mean log amount so low and so high; None where there are too few lines."""
    known = store.tickets
    lines = sum(row.lines for row in window)
    if known.lines <= _KNOWN_FROM or lines < _JUDGED_FROM:
        return None
    mean = known.logs / known.lines
    variance = max(known.squares / known.lines - mean * mean, 0.01)
    between = max(store.drift.excess + 0.01, 0.0) / (store.drift.quarters + 10)
    error = sqrt(variance / lines + between)
    t = (sum(row.log_amounts for row in window) / lines - mean) / error
    return student_t(8, t), student_t(8, -t)


def learn_tickets(store: SalesHistory) -> None:
    """Learn the lines of the quarter that is over."""
    known = store.tickets
    if known.lines > _KNOWN_FROM and store.lines >= _JUDGED_FROM:
        mean = known.logs / known.lines
        error = max(known.squares / known.lines - mean * mean, 0.0) / store.lines
        excess = (store.log_amounts / store.lines - mean) ** 2 - error
        store.drift.add(max(excess, -error))
    known.add(store.lines, store.log_amounts, store.log_squares)


def decay_tickets(store: SalesHistory) -> None:
    """Make the past count less; once a day."""
    store.tickets.decay(_DECAY)
    store.drift.decay(_DECAY)
