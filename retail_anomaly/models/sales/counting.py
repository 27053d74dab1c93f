"""Counting: what a sale line adds to the quarter of an hour."""

from math import log1p
from typing import Final

from retail_anomaly.models.sales.history import SalesHistory, WrongPrice

_HALF: Final = 0.55
_DOUBLE: Final = 1.8
_LARGEST_AMOUNT: Final = 1e7
_KEPT_WRONG_PRICES: Final = 3  # enough to find them, few enough for the state


def count_sale(
    store: SalesHistory, receipt: str, sku: str, time: int, amount: float, ratio: float | None
) -> None:
    """Count a sale line of the quarter; `ratio` is its unit price compared with the known one, if there is one."""
    store.last_sale = time
    if receipt != store.last_receipt:
        store.last_receipt = receipt
        store.receipts += 1
    store.lines += 1
    size = log1p(min(amount, _LARGEST_AMOUNT))
    store.log_amounts += size
    store.log_squares += size * size
    if ratio is not None and not _HALF < ratio < _DOUBLE:
        if ratio > 1:
            store.off_price.dear += 1
        else:
            store.off_price.cheap += 1
        kept = store.wrong_prices[1 - _KEPT_WRONG_PRICES :]
        store.wrong_prices = [*kept, WrongPrice(ratio > 1, sku, receipt)]
