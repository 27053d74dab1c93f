"""What ties a refund to its sale: the marks that models count."""

from typing import Final, NamedTuple

from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.ledger.coverage import Coverage, is_cash
from retail_anomaly.core.ledger.sold_receipt import SoldReceipt

_SOON: Final = 30 * 60_000


class RefundLink(NamedTuple):
    """How a REFUND line stands to the sale that it takes back.

    Parameters
    ----------
    line
        The number of the line in its store.
    same_cashier
        The cashier of the sale refunded it within half an hour.
    tender_switch
        Cash was paid out for a sale that was not paid in cash.
    not_covered
        It takes back more, dearer or other goods than the receipt has left.
    """

    line: int
    same_cashier: bool
    tender_switch: bool
    not_covered: bool


def refund_link(line: int, event: PosEvent, receipt: SoldReceipt, covered: Coverage) -> RefundLink:
    """Return how a REFUND line stands to its receipt.

    Examples
    --------
    >>> from retail_anomaly.core.ledger import LedgerLine, Place, Tolerances, coverage
    >>> receipt = SoldReceipt(("t-1",), 5, home=Place(0, 0))
    >>> receipt.add(Place(0, 0), LedgerLine("k", 2, 20.0, 5, "c-1", tender="card"))
    >>> refund = PosEvent("r-1", "s", "c-1", "k", 20.0, "REFUND", 9, 2, tender="cash")
    >>> refund_link(7, refund, receipt, coverage(refund, receipt, Tolerances()))
    RefundLink(line=7, same_cashier=True, tender_switch=True, not_covered=False)
    """
    article = receipt.articles.get(event.sku)
    if article is None:
        return RefundLink(line, same_cashier=False, tender_switch=False, not_covered=True)
    sale = article.newest
    return RefundLink(
        line,
        same_cashier=sale.cashier_id == event.cashier_id and 0 <= event.event_time - sale.time <= _SOON,
        tender_switch=is_cash(event.tender) and bool(sale.tender) and not is_cash(sale.tender),
        not_covered=not covered.losses.keys().isdisjoint(("OVER_QUANTITY", "OVER_PRICE")),
    )
