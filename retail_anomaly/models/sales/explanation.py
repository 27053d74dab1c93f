"""The explanation of a deviation: its rarest component, since when, and the message about it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from retail_anomaly.core.local_time import QUARTER, LocalTime, date_of
from retail_anomaly.models.sales.history import SalesHistory, WrongPrice
from retail_anomaly.models.sales.tills import SilentTill
from retail_anomaly.models.sales.verdict import JudgedQuarter
from retail_anomaly.models.tails import band

_TWO_HOURS: Final = 8  # quarters
_NOT_OF_RECEIPTS: Final = ("ticket", "price")


class SalesExplanation(msgspec.Struct, frozen=True):
    """Why a quarter deviates.

    Parameters
    ----------
    component
        The rarest one.
    direction
        ``drop`` or ``spike``.
    start, end
        The interval of that component, in epoch milliseconds.
    horizon
        Whose receipts and expectation to show.
    p_values
        The chances of all components on that side.
    receipts_off_price
        Receipts of two hours with a line far off the known price on that side.
    wrong_prices
        The last of those lines; empty when only receipts count.
    """

    component: str
    direction: str
    start: int
    end: int
    horizon: str
    p_values: Mapping[str, float]
    receipts_off_price: int
    wrong_prices: Sequence[WrongPrice]

    @property
    def skus(self) -> list[str]:
        """The articles of those lines."""
        return sorted({line.sku for line in self.wrong_prices})


def explain(
    quarter: JudgedQuarter, direction: str, history: SalesHistory, *, receipts_only: bool
) -> SalesExplanation:
    """Explain a quarter that deviates, by its receipts alone or by tickets and prices too."""
    tails, is_spike = quarter.tails, direction == "spike"
    p_values = tails.high if is_spike else tails.low
    component = min(
        (name for name in p_values if not (receipts_only and name in _NOT_OF_RECEIPTS)),
        key=lambda name: p_values[name],
    )
    shows_lines = tails.off_price[is_spike] and not receipts_only
    return SalesExplanation(
        component,
        direction,
        _start(component, quarter, history),
        quarter.end,
        component if component in tails.observed else "two_hours",
        p_values,
        tails.off_price[is_spike],
        [line for line in history.wrong_prices if line.is_dear == is_spike] if shows_lines else [],
    )


def _start(component: str, quarter: JudgedQuarter, history: SalesHistory) -> int:
    if component == "day":
        return quarter.day_start
    two_hours_ago = quarter.end - _TWO_HOURS * QUARTER
    if component == "silence":
        return max(history.last_sale, quarter.day_start, two_hours_ago)
    return quarter.end - {"quarter": 1, "hour": 4}.get(component, _TWO_HOURS) * QUARTER


def message(why: SalesExplanation, quarter: JudgedQuarter, store_id: str, local: LocalTime) -> str:
    """Return one sentence for a store manager."""
    clock, is_drop = local.clock, why.direction == "drop"
    span = f"{store_id} between {clock(why.start)} and {clock(why.end)} on {date_of(quarter.day)}"
    observed, expected = quarter.tails.observed[why.horizon], quarter.tails.expected[why.horizon]
    sold = f"{observed:.0f} receipts, about {expected:.0f} are usual"
    if why.component == "price":
        side = "less than half" if is_drop else "nearly double or more"
        articles = f", the last ones of {' and '.join(why.skus)}," if why.skus else ""
        have = "receipt has" if why.receipts_off_price == 1 else "receipts have"
        return (
            f"{span}: {why.receipts_off_price} {have} lines{articles} at {side} of the known price ({sold})."
        )
    if why.component == "ticket":
        return f"{span}: lines were {'smaller' if is_drop else 'larger'} than usual ({sold})."
    return f"{span}: {'fewer' if is_drop else 'more'} sales than usual ({sold})."


def till_message(silent: SilentTill, quarter: JudgedQuarter, store_id: str, local: LocalTime) -> str:
    """Return one sentence about a silent till for a store manager."""
    span = f"between {local.clock(silent.since)} and {local.clock(quarter.end)} on {date_of(quarter.day)}"
    return (
        f"{store_id}: no receipt at register {silent.register} {span}, about {silent.expected:.0f} are usual "
        f"while the others have {silent.others}."
    )


def till_evidence(silent: SilentTill, quarter: JudgedQuarter) -> dict[str, Any]:
    """Return the evidence of an alert about a silent till."""
    lower, upper = band(silent.expected, silent.shape)
    return {
        "direction": "drop",
        "registerId": silent.register,
        "start": silent.since,
        "end": quarter.end,
        "observed": 0,
        "expected": round(silent.expected, 3),
        "lower": lower,
        "upper": upper,
        "component": "till",
        "pValues": {"till": float(f"{silent.p_value:.3g}")},
        "otherReceipts": silent.others,
        "chance": float(f"{silent.chance:.3g}"),
        "learnedDays": silent.days,
    }
