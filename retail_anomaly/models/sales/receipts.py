"""Tails of receipts: over the quarter, the hour, two hours, the day so far, and since the last sale."""

from collections.abc import Sequence
from math import sqrt
from typing import Final

import msgspec

from retail_anomaly.core.local_time import QUARTER
from retail_anomaly.models.sales.history import HORIZONS, SalesHistory, WindowQuarter
from retail_anomaly.models.sales.level import day_factor, shape_of_horizon
from retail_anomaly.models.sales.profile import UsualReceipts
from retail_anomaly.models.tails import at_most, both_tails, shape_of

_HOUR: Final = 4  # quarters


class ReceiptTails(msgspec.Struct):
    """Receipts by horizon.

    Parameters
    ----------
    observed, expected, shapes
        How many there were, how many are usual, and the shapes of the expectations' spread.
    low, high
        The chance of so few, and of so many.
    """

    observed: dict[str, float]
    expected: dict[str, float]
    shapes: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]


def receipt_tails(usual: UsualReceipts, window: Sequence[WindowQuarter], store: SalesHistory) -> ReceiptTails:
    """Return how unusual the receipts are; `window` ends with the quarter that is over."""
    factor, sure = day_factor(store)
    hour = window[-_HOUR:]
    observed = {
        "quarter": float(store.receipts),
        "hour": sum(row.receipts for row in hour),
        "two_hours": sum(row.receipts for row in window),
        # A rare quarter has been reported already: the day counts its plausible receipts instead.
        "day": store.earlier.receipts + sum(row.plausible for row in store.window) + store.receipts,
    }
    two_hours = sum(row.usual for row in window)
    expected = {
        "quarter": usual.mean * factor,
        "hour": sum(row.usual for row in hour) * factor,
        "two_hours": two_hours * factor,
        "day": store.earlier.usual + two_hours,
    }
    quarter, hours, two, day = (shape_of_horizon(horizon, store) for horizon in range(len(HORIZONS)))
    shapes = {
        "quarter": shape_of(sure, quarter, usual.support),
        "hour": shape_of(sure, hours, usual.support * 2),
        "two_hours": shape_of(sure, two, usual.support * 3),
        "day": shape_of(day, usual.support * 10),
    }
    # Early in the day the longer horizons are equal to the shorter ones. Each count counts once.
    is_repeated = {
        "hour": len(window) == 1,
        "two_hours": len(window) <= _HOUR,
        "day": store.earlier.usual == 0,
    }
    low, high = dict.fromkeys(HORIZONS, 1.0), dict.fromkeys(HORIZONS, 1.0)
    for horizon in HORIZONS:
        if not is_repeated.get(horizon):
            low[horizon], high[horizon] = both_tails(observed[horizon], expected[horizon], shapes[horizon])
    for side in (low, high):
        # Half of the evidence must be of the last two hours, or a bad morning would alert all day.
        side["day"] = sqrt(side["day"] * side["two_hours"])
    tails = ReceiptTails(observed, expected, shapes, low, high)
    _add_silence(tails, _usual_since_last_sale(window, store) * factor)
    return tails


def _add_silence(tails: ReceiptTails, expected: float) -> None:
    tails.observed["silence"], tails.expected["silence"] = 0.0, expected
    tails.shapes["silence"] = tails.shapes["quarter"]
    tails.low["silence"] = at_most(0, expected, tails.shapes["silence"])


def _usual_since_last_sale(window: Sequence[WindowQuarter], store: SalesHistory) -> float:
    """Return the receipts that are usual in the time since the last one, of two hours at most."""
    usual = 0.0
    for row in reversed(window):
        if row.receipts:
            return usual + row.usual * (1 - store.last_sale % QUARTER / QUARTER)
        usual += row.usual
    return usual
