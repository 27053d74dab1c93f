"""What of a refund its receipt does not cover."""

from typing import Final, NamedTuple

from retail_anomaly.core.events import MOST_PIECES, PosEvent
from retail_anomaly.core.ledger.sold_receipt import Article, SoldReceipt

WEIGHTS: Final = {
    "OTHER_ARTICLE": 0.9,
    "OVER_QUANTITY": 0.9,
    "OVER_PRICE": 0.7,
    "TENDER": 0.6,
    "TOO_OLD": 0.4,
    "QUICK": 0.4,
}
"""The risk of each reason, in the order in which reasons are told."""

_TINY: Final = 1e-9
_CASH: Final = "cash"


class Tolerances(NamedTuple):
    """The limits that decide about a line; 0 switches a duration off.

    Parameters
    ----------
    price_tolerance, price_floor
        What a refund may be dearer than its sale: a share of the price, and an amount.
    return_window, quick
        After how long a return is too old, and until when it is quick, in milliseconds.
    tender_switch
        Whether cash for a sale by card is a reason.

    Examples
    --------
    >>> Tolerances().of(10.0)
    0.1
    """

    price_tolerance: float = 0.01
    price_floor: float = 0.05
    return_window: int = 0
    quick: int = 0
    tender_switch: bool = False

    def of(self, price: float) -> float:
        """Return what an amount may be off a price."""
        return max(self.price_floor, self.price_tolerance * price)


class Coverage(NamedTuple):
    """A REFUND line beside the receipt that it takes back.

    Parameters
    ----------
    quantity
        The line's own quantity, or the one that its amount tells.
    remaining
        The quantity that was left to refund, 0 or more.
    losses
        By reason, the amount in question.

    Examples
    --------
    >>> coverage = Coverage(3, 1.0, {"OVER_QUANTITY": 59.98})
    >>> coverage.booked, coverage.loss(89.97)
    (1.0, 59.98)
    """

    quantity: float
    remaining: float
    losses: dict[str, float]

    @property
    def booked(self) -> float:
        """The quantity that the refund takes from the receipt."""
        return min(self.quantity, self.remaining)

    def loss(self, amount: float) -> float:
        """Return the amount in question: the sum over the reasons, at most the line's own amount."""
        return min(amount, sum(self.losses.values()))


def coverage(event: PosEvent, receipt: SoldReceipt, rule: Tolerances) -> Coverage:
    """Compare a REFUND line with the receipt that it takes back.

    Examples
    --------
    >>> from retail_anomaly.core.ledger import LedgerLine, Place
    >>> receipt = SoldReceipt(("t-1",), 5, home=Place(0, 0))
    >>> receipt.add(Place(0, 0), LedgerLine("k", 2, 20.0, 5, "c-1"))
    >>> refund = PosEvent("r-1", "s", "c-2", "k", 30.0, "REFUND", 9, 3)
    >>> coverage(refund, receipt, Tolerances()).losses
    {'OVER_QUANTITY': 10.0}
    """
    article = receipt.articles.get(event.sku)
    if article is None:
        quantity = round(event.quantity, 6) if event.has_quantity else 1
        return Coverage(quantity, 0.0, {"OTHER_ARTICLE": event.amount})
    quantity = _quantity(event, article.unit_price, rule)
    remaining = max(0.0, receipt.remaining(event.sku))
    losses = _price_losses(event, quantity, remaining, article.unit_price, rule)
    losses |= dict.fromkeys(_suspicions(event, article, rule), event.amount)
    return Coverage(quantity, remaining, losses)


def _quantity(event: PosEvent, unit: float, rule: Tolerances) -> float:
    if event.has_quantity:
        return round(event.quantity, 6)
    if unit == 0:
        return 1
    # Bounded as the quantities of events are: a price may be next to nothing.
    measured = min(event.amount / unit, MOST_PIECES)
    pieces = max(1, round(measured))
    if abs(event.amount - pieces * unit) <= rule.of(pieces * unit) + _TINY:
        return pieces
    return round(measured, 6)


def _price_losses(
    event: PosEvent, quantity: float, remaining: float, unit: float, rule: Tolerances
) -> dict[str, float]:
    losses = {}
    if quantity > remaining + _TINY:
        uncovered = event.amount * (quantity - remaining) / quantity
        if uncovered > rule.price_floor + _TINY:
            losses["OVER_QUANTITY"] = uncovered
    excess = event.amount - quantity * unit
    if excess > rule.of(quantity * unit) + _TINY:
        losses["OVER_PRICE"] = excess
    return losses


def _suspicions(event: PosEvent, article: Article, rule: Tolerances) -> list[str]:
    sale, age = article.newest, event.event_time - article.newest.time
    found = []
    if rule.tender_switch and is_cash(event.tender) and sale.tender and not is_cash(sale.tender):
        found.append("TENDER")
    if 0 < rule.return_window < age:
        found.append("TOO_OLD")
    if rule.quick > 0 and 0 <= age <= rule.quick and sale.cashier_id == event.cashier_id:
        found.append("QUICK")
    return found


def is_cash(tender: str | None) -> bool:
    """Tell whether a tender is cash, in any case."""
    return tender is not None and tender.lower() == _CASH
