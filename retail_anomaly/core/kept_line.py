"""A kept line of a receipt."""

from typing import NamedTuple

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


class KeptSale(NamedTuple):
    """A SALE line that is kept, and of which something is left.

    Parameters
    ----------
    number_hash
        The `text_hash` of its transaction id.
    time
        Its event time, in epoch milliseconds.
    series
        The identity of its receipt without the number.
    """

    number_hash: int
    time: int
    series: Identity
