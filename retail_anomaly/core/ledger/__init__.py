"""What was sold on each receipt, and what of it was refunded.

A `Ledger` keeps the SALE lines of months in a few bytes each, because refunds are few and sales are many. A
refund asks it for the receipts of a number, of a customer or of a card, and books what it takes back.
"""

from retail_anomaly.core.ledger.block import LedgerLine, Place
from retail_anomaly.core.ledger.coverage import WEIGHTS, Coverage, Tolerances, coverage
from retail_anomaly.core.ledger.elsewhere import Elsewhere, TakenElsewhere
from retail_anomaly.core.ledger.ledger import Ledger
from retail_anomaly.core.ledger.matching import Match, match
from retail_anomaly.core.ledger.refund_link import RefundLink, refund_link
from retail_anomaly.core.ledger.sold_receipt import Article, Exchange, SoldReceipt
from retail_anomaly.core.ledger.wording import mismatch_message

__all__ = [
    "WEIGHTS",
    "Article",
    "Coverage",
    "Elsewhere",
    "Exchange",
    "Ledger",
    "LedgerLine",
    "Match",
    "Place",
    "RefundLink",
    "SoldReceipt",
    "TakenElsewhere",
    "Tolerances",
    "coverage",
    "match",
    "mismatch_message",
    "refund_link",
]
