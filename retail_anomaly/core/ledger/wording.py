"""What a store manager reads about a refund that its receipt does not cover."""

from collections.abc import Callable
from typing import Final

from retail_anomaly.core.durations import Duration
from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.ledger.coverage import Coverage
from retail_anomaly.core.ledger.sold_receipt import SoldReceipt
from retail_anomaly.core.quantities import rounded

_STEPS: Final = (86_400_000, 60_000, 1_000)


def mismatch_message(event: PosEvent, receipt: SoldReceipt, covered: Coverage, loss: float) -> str:
    """Return the message about a REFUND line.

    Parameters
    ----------
    event
        The line.
    receipt
        The receipt that it takes back.
    covered
        What of it the receipt does not cover.
    loss
        The amount in question over all lines of the refund so far.

    Examples
    --------
    >>> from retail_anomaly.core.ledger import LedgerLine, Place
    >>> receipt = SoldReceipt(("42",), 5, home=Place(0, 0), booked={"k": 1.0})
    >>> receipt.add(Place(0, 0), LedgerLine("k", 2, 59.98, 5, "c-1"))
    >>> refund = PosEvent("43", "s", "c-2", "k", 89.97, "REFUND", 9, 3)
    >>> covered = Coverage(3, 1.0, {"OVER_QUANTITY": 59.98})
    >>> mismatch_message(refund, receipt, covered, 59.98)  # doctest: +ELLIPSIS
    'Refund of 3 pieces of k for 89.97: receipt 42 sold 2, of which 1 was refunded before; 59.98 is not ...'
    """
    reasons = [_CLAUSES[reason](event, receipt) for reason in covered.losses]
    own = covered.loss(event.amount)
    state = "not covered" if covered.losses.keys() & _NOT_COVERED else "in question"
    rest = "" if loss - own < 0.005 else f", {loss:.2f} with the lines before"
    return (
        f"Refund of {_pieces(covered.quantity)} of {event.sku} for {event.amount:.2f}: "
        f"receipt {receipt.number} {' and '.join(reasons)}; {own:.2f} is {state}{rest}."
    )


def _pieces(quantity: float) -> str:
    if quantity == 1:
        return "1 piece"
    return f"{rounded(quantity)} pieces" if quantity == int(quantity) else str(rounded(quantity))


def _other_article(event: PosEvent, receipt: SoldReceipt) -> str:
    return "has none of it"


def _over_quantity(event: PosEvent, receipt: SoldReceipt) -> str:
    before = receipt.booked.get(event.sku, 0.0)
    refunded = f", of which {rounded(before)} was refunded before" if rounded(before) else ""
    return f"sold {rounded(receipt.articles[event.sku].sold)}{refunded}"


def _over_price(event: PosEvent, receipt: SoldReceipt) -> str:
    return f"has it at {receipt.articles[event.sku].unit_price:.2f} each"


def _tender(event: PosEvent, receipt: SoldReceipt) -> str:
    return f"was paid by {receipt.articles[event.sku].newest.tender}, not in cash"


def _too_old(event: PosEvent, receipt: SoldReceipt) -> str:
    return f"is {_age(event, receipt)} old"


def _quick(event: PosEvent, receipt: SoldReceipt) -> str:
    return f"was rung by the same cashier {_age(event, receipt)} before"


def _age(event: PosEvent, receipt: SoldReceipt) -> Duration:
    age = event.event_time - receipt.articles[event.sku].newest.time
    step = next((step for step in _STEPS if age >= step), 1)
    return Duration(max(0, age // step * step))


_CLAUSES: Final[dict[str, Callable[[PosEvent, SoldReceipt], str]]] = {
    "OTHER_ARTICLE": _other_article,
    "OVER_QUANTITY": _over_quantity,
    "OVER_PRICE": _over_price,
    "TENDER": _tender,
    "TOO_OLD": _too_old,
    "QUICK": _quick,
}
_NOT_COVERED: Final = {"OTHER_ARTICLE", "OVER_QUANTITY", "OVER_PRICE"}
