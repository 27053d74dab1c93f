"""The explanation of a cashier's day: the message and the figures of its alert."""

from collections.abc import Mapping
from typing import Any, Final

from retail_anomaly.core.local_time import date_of
from retail_anomaly.models.refunds.cashier import CashierHistory
from retail_anomaly.models.refunds.verdict import RefundTails
from retail_anomaly.models.tails import band

_WORDS: Final[Mapping[str, str]] = {
    "day": "more than usual today",
    "week": "more than usual this week",
    "weeks": "more than usual for weeks",
    "hour": "many within an hour",
    "off_shift": "while off shift",
    "overpriced": "for more than the goods cost",
    "near_limit": "just under the limit",
    "no_sale_named": "without naming the sale",
    "cash": "paid out in cash",
    "same_sku": "of the same article",
    "same_sale": "of the same sale again",
    "same_cashier": "of the cashier's own sales within half an hour",
    "tender_switch": "cash for sales that were not paid in cash",
    "not_covered": "of more, dearer or other goods than were sold",
    "amount": "of unusually high amounts",
    "model": "unlike what the chosen model has seen",
}


def message(cashier_id: str, cashier: CashierHistory, tails: RefundTails) -> str:
    """Return one sentence for a store manager.

    Examples
    --------
    >>> tails = RefundTails(4, 1.5, 6.0, {"day": 0.08, "cash": 0.01}, 1.6)
    >>> message("c-1", CashierHistory(day=739_000), tails)
    'Cashier c-1 made 4 refunds on 2024-04-24 where 1.5 are usual; what stands out: paid out in cash.'
    """
    refunds = "1 refund" if tails.observed == 1 else f"{tails.observed} refunds"
    return (
        f"Cashier {cashier_id} made {refunds} on {date_of(cashier.day)} where {tails.expected:.1f} are "
        f"usual; what stands out: {_WORDS[tails.deciding]}."
    )


def evidence(cashier: CashierHistory, tails: RefundTails) -> dict[str, Any]:
    """Return the day's figures for the evidence of an alert."""
    lower, upper = band(tails.expected, tails.shape)
    return {
        "transactionIds": list(cashier.receipts),
        "direction": "more",
        "day": date_of(cashier.day),
        "observed": tails.observed,
        "expected": round(tails.expected, 3),
        "lower": lower,
        "upper": upper,
        "component": tails.deciding,
        "pValues": {name: float(f"{p:.3g}") for name, p in tails.p_values.items()},
    }
