"""Find the receipt that a refund takes back."""

from collections.abc import Iterable, Iterator
from itertools import islice, takewhile
from typing import Final, NamedTuple

from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.ledger.ledger import Ledger
from retail_anomaly.core.ledger.sold_receipt import Exchange, SoldReceipt
from retail_anomaly.core.receipts import Numbering, agrees

_MOST: Final = 50
_EXCHANGE: Final = 30 * 60_000
_TINY: Final = 1e-9


class Match(NamedTuple):
    """The receipt that a refund takes back, or why there is none.

    Parameters
    ----------
    receipt
        The receipt, or None.
    matched_by
        What led to it: ``reference``, ``customer``, ``card`` or ``number``.
    candidates
        How many receipts were looked at.
    forgotten
        Whether there was a receipt, but one older than the memory.

    Examples
    --------
    >>> Match(None, "number", candidates=2).receipt is None
    True
    """

    receipt: SoldReceipt | None
    matched_by: str
    candidates: int
    forgotten: bool = False


def match(event: PosEvent, ledger: Ledger, numbering: Numbering, sale_memory: int) -> Match:
    """Find the receipt that a REFUND line takes back.

    Parameters
    ----------
    event
        The REFUND line.
    ledger
        The receipts of its store.
    numbering
        Tells the identity of receipts.
    sale_memory
        How much older than the refund the newest line of a receipt may be, in milliseconds.
    """
    search = _Search(event, ledger, numbering, event.event_time - sale_memory)
    named = numbering.named(event)
    if named is not None:
        return search.among(
            "reference",
            ledger.numbered(named[0] or "", lambda identity: agrees(named, identity), search.exchange),
        )
    if event.customer_token:
        found = search.among(
            "customer", _holding(event, ledger.of_customer(event.customer_token, search.exchange))
        )
    elif event.card_token:
        found = search.among("card", _holding(event, ledger.of_card(event.card_token, search.exchange)))
    else:
        found = Match(None, "number", 0)
    if found.receipt is not None:
        return found
    identity = search.exchange.identity
    return search.among(
        "number", ledger.numbered(identity[0], lambda other: other == identity, search.exchange)
    )


def _holding(event: PosEvent, receipts: Iterable[SoldReceipt]) -> Iterator[SoldReceipt]:
    return (receipt for receipt in receipts if event.sku in receipt.articles)


class _Search:
    def __init__(self, event: PosEvent, ledger: Ledger, numbering: Numbering, since: int) -> None:
        self._sku = event.sku
        self._since = since
        self.exchange = Exchange(
            numbering.identity(event), event.event_time, 0 if event.line_number is None else _EXCHANGE
        )

    def among(self, matched_by: str, receipts: Iterator[SoldReceipt]) -> Match:
        """Choose among receipts, of which the one with the newest line comes first."""
        forgotten: list[SoldReceipt] = []

        def is_remembered(receipt: SoldReceipt) -> bool:
            if receipt.newest < self._since:
                forgotten.append(receipt)
            return not forgotten

        first: SoldReceipt | None = None
        holding: SoldReceipt | None = None
        count = 0
        for count, receipt in enumerate(islice(takewhile(is_remembered, receipts), _MOST), 1):
            first = first or receipt
            if self._sku in receipt.articles:
                if receipt.remaining(self._sku) > _TINY:
                    return Match(receipt, matched_by, count)
                holding = holding or receipt
        # Of one receipt we know that it never sold the article; of several, the number says nothing.
        chosen = holding or (first if count == 1 else None)
        return Match(chosen, matched_by, count, bool(forgotten))
