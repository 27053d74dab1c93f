"""One kept line of a receipt, and the sales that a store forgets."""

from typing import Any, NamedTuple

import numpy as np

from retail_anomaly.core.receipts import Identity


class KeptLine(NamedTuple):
    """A line that is kept, and how much of it is left.

    Parameters
    ----------
    line
        Its number: a line that was processed later has a higher one.
    number_hash
        The `text_hash` of its transaction id.
    is_sale
        Whether it is a SALE line, not a REFUND line.
    time, clock
        Its event time, and the store's clock when it was processed, in epoch milliseconds.
    quantity, amount
        What is left of it.
    sku
        Its article.
    series
        The identity of its receipt without the number.
    receipt_first
        The first time of its receipt, in epoch milliseconds.
    """

    line: int
    number_hash: int
    is_sale: bool
    time: int
    clock: int
    quantity: float
    amount: float
    sku: str
    series: Identity
    receipt_first: int


class ForgottenSales(NamedTuple):
    """SALE lines that are forgotten now and of which something is left, by each way to refer to them.

    Parameters
    ----------
    hashes
        The hashes of references to the receipt, and of tokens with the sku.
    times
        The times of the lines, in epoch milliseconds.
    """

    hashes: np.ndarray[Any, np.dtype[np.uint64]]
    times: np.ndarray[Any, np.dtype[np.int64]]
