"""The components of a cashier's day: p-values of its counts, marks and amounts."""

from collections.abc import Iterator
from math import sqrt
from typing import Final

from retail_anomaly.models.refunds.cashier import CashierHistory
from retail_anomaly.models.refunds.store_level import StoreRefunds
from retail_anomaly.models.student import student_t
from retail_anomaly.models.tails import at_least, shape_of

_HOURS_LOOKED_AT: Final = 8
_PORTION_MARKS: Final = ("overpriced", "near_limit", "no_sale_named", "cash")
_REPEAT_MARKS: Final = ("same_sku", "same_sale")


def p_of_hour(time: int, cashier: CashierHistory, expected: float, shape: float, exposure: float) -> float:
    """Return the p-value of the last hour's refunds, held against the hour's share of the day's exposure."""
    handled = cashier.sales_lately(time)
    share = min(1.0, max(handled / exposure, 1 / _HOURS_LOOKED_AT))
    # Each hour of the day is looked at.
    return min(1.0, _HOURS_LOOKED_AT * at_least(cashier.refunds_in_hour(time), expected * share, shape))


def p_of_marks(
    cashier: CashierHistory, store: StoreRefunds, expected: float, shape: float
) -> Iterator[tuple[str, float]]:
    """Yield the p-value of each mark's count, in the order of `MARKS`."""
    counts, known = cashier.marks, store.marks
    # All of a day's have one reason, such as a shift that nobody wrote down: days are counted, not refunds.
    usual = (known.off_shift + 0.5) / (store.refund_days + 10)
    yield "off_shift", at_least(min(counts.off_shift, 1), usual, known.off_shift + 0.5)
    for mark in _PORTION_MARKS:
        seen = getattr(known, mark)
        portion = (seen + 0.5) / (store.returned + 10)
        yield mark, at_least(getattr(counts, mark), expected * portion, shape_of(shape, seen + 0.5))
    for mark in _REPEAT_MARKS:
        seen = getattr(known, mark)
        usual = cashier.chances * (seen + 0.5) / (store.chances + 50)
        yield mark, at_least(getattr(counts, mark), usual, seen + 0.5)


def p_of_amounts(cashier: CashierHistory, store: StoreRefunds) -> float | None:
    """Return the p-value of the mean log amount, or None while the store has too few refunds."""
    known = store.amounts
    if not cashier.refunds or known.count <= 20:
        return None
    mean = known.logs / known.count
    deviation = sqrt(max(known.squares / known.count - mean * mean, 0.01))
    z = (cashier.log_amounts / cashier.refunds - mean) / deviation * sqrt(cashier.refunds)
    return student_t(4, -z)
