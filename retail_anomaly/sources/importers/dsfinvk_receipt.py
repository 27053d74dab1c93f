"""One receipt of DSFinV-K as events."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from retail_anomaly.sources.importers.card_numbers import holds_card_number
from retail_anomaly.sources.importers.report import ImportReport

NOBODY: Final = "unknown"
"""The cashier of a receipt that names none."""

_RECEIPT: Final = "beleg"
_TRAINING: Final = "avtraining"
_OLD_VOID: Final = "avbelegstorno"
# A receipt that is referred to and not an order; empty: the export lacks it.
_SOLD: Final = ("", _RECEIPT, _TRAINING)
_GOODS: Final = frozenset({"umsatz", "pfand", "pfandrueckzahlung"})
_VOUCHERS: Final = frozenset({"einzweckgutscheinkauf", "mehrzweckgutscheinkauf"})
_CASH: Final = frozenset(
    {
        "anfangsbestand",
        "auszahlung",
        "einzahlung",
        "geldtransit",
        "lohnzahlung",
        "privateinlage",
        "privatentnahme",
    }
)
_TENDERS: Final = {
    "bar": "cash",
    "unbar": "non_cash",
    "eckarte": "card",
    "kreditkarte": "card",
    "elzahlungsdienstleister": "online",
    "guthabenkarte": "gift_card",
}
_NO_TENDER: Final = "keine"
_CENT: Final = 0.005


class Head(NamedTuple):
    """A receipt without its lines.

    Parameters
    ----------
    receipt
        Till, closing and number.
    kind, void
        `BON_TYP` in lower case, and whether it is a Storno.
    time, date
        Its end in epoch milliseconds, and its business date.
    cashier, total, customer, till, store
        The rest of its fields; empty where the export has none, a total None.
    """

    receipt: str
    kind: str
    void: bool
    time: int
    date: str
    cashier: str
    total: float | None
    customer: str
    till: str
    store: str


class ReceiptLine(msgspec.Struct, array_like=True, gc=False):
    """A line of a receipt.

    Parameters
    ----------
    place
        `POS_ZEILE`.
    kind, void
        `GV_TYP` as it stands, and whether it is a Positionsstorno.
    article, gtin, words
        Three ways to name the article.
    quantity, factor, unit
        `MENGE`, `FAKTOR` and the price of a unit.
    voucher
        The number of a voucher.
    gross
        The sum of its gross amounts; None without any.
    discount
        The sum of its discounts; None without any.
    """

    place: str
    kind: str
    void: bool
    article: str
    gtin: str
    words: str
    quantity: float | None
    factor: float | None
    unit: float | None
    voucher: str
    gross: float | None = None
    discount: float | None = None


class Reference(NamedTuple):
    """A receipt that another one refers to.

    Parameters
    ----------
    place
        The line that refers to it; empty: the receipt does.
    original, till
        The receipt's number as `Head.receipt`, and its till.
    kind
        The `BON_TYP` of that receipt in lower case; empty if the export lacks it.
    articles
        The articles of that receipt.
    """

    place: str
    original: str
    till: str
    kind: str
    articles: frozenset[str]


def is_receipt(kind: str) -> bool:
    """Tell whether a `BON_TYP` in lower case is one whose lines become events.

    Examples
    --------
    >>> is_receipt("beleg"), is_receipt("avtraining"), is_receipt("avbestellung")
    (True, True, False)
    """
    return kind in (_RECEIPT, _TRAINING, _OLD_VOID)


def receipt_events(
    head: Head,
    lines: Sequence[ReceiptLine],
    payments: Sequence[tuple[str, float]],
    references: Sequence[Reference],
    report: ImportReport,
) -> Iterator[dict[str, Any]]:
    """Yield the events of a receipt, as JSON has them.

    Parameters
    ----------
    head, lines
        The receipt, and its lines in their order.
    payments
        Kind and amount of each payment.
    references
        The receipts that it refers to.
    report
        Told of the parts that become no event.
    """
    if not is_receipt(head.kind):
        return
    common: dict[str, Any] = {
        "storeId": head.store,
        "cashierId": head.cashier or NOBODY,
        "eventTime": head.time,
        "transactionId": head.receipt,
        "registerId": head.till,
        "businessDate": head.date,
    }
    if not head.cashier:
        report.note("receipts without a cashier: cashierId is unknown")
    if head.kind == _TRAINING:
        common["training"] = True
    if head.void or head.kind == _OLD_VOID:
        yield _void(head, common, references, report)
        return
    if not lines:
        report.skip("transactions.csv", "receipts without lines")
    if tender := _tender(payments):
        common["tender"] = tender
    if head.customer and not _is_hidden(head.customer, "transactions.csv", "KUNDE_ID", report):
        common["customerToken"] = head.customer
    for number, line in enumerate(_in_order(head, lines)):
        event = _line_event(line, report)
        if event is None:
            continue
        if event["eventType"] == "REFUND":
            event |= _original(line, references)
        if line.place.isdecimal() and len(line.place) < 10:
            event["lineNumber"] = int(line.place)
        event["eventId"] = f"{head.receipt}/{line.place or number}"
        yield common | event


def _void(
    head: Head, common: dict[str, Any], references: Sequence[Reference], report: ImportReport
) -> dict[str, Any]:
    """Return the one event of a Storno: its lines are copies of those that it takes back."""
    event = common | {"eventType": "VOID", "eventId": f"{head.receipt}/storno"}
    if head.total is not None:
        event["amount"] = abs(head.total)
    sold = [reference for reference in references if reference.kind in _SOLD]
    if not sold:
        report.note("Storno receipts without a reference: a VOID of their own receipt")
        return event
    if len({reference.original for reference in sold}) > 1:
        report.skip("references.csv", "a second receipt that a Storno refers to")
    first = sold[0]
    return event | {
        "eventType": "POST_VOID",
        "originalTransactionId": first.original,
        "originalRegisterId": first.till,
    }


def _in_order(head: Head, lines: Sequence[ReceiptLine]) -> list[ReceiptLine]:
    """Return the lines, a Positionsstorno of itself first, where it takes nothing back.

    A till that marks the line itself leaves it out of the total; one that adds a second line counts both. If
    the total is that of the lines without a mark, a marked line has no other line to take back.
    """
    marked = [line for line in lines if line.void and (line.gross or 0) > 0]
    if not marked or head.total is None:
        return list(lines)
    kept = sum(line.gross or 0 for line in lines if not line.void)
    if abs(kept - head.total) > _CENT:
        return list(lines)
    return [*marked, *(line for line in lines if line not in marked)]


def _line_event(line: ReceiptLine, report: ImportReport) -> dict[str, Any] | None:
    kind = line.kind.lower()
    gross = line.gross
    if gross is None:
        gross = _priced(line)
        if gross is None:
            report.skip("lines.csv", "lines without a gross amount in lines_vat.csv")
            return None
        report.note("lines without a row in lines_vat.csv: amount is MENGE times STK_BR")
    if kind in _CASH:
        return {
            "eventType": "PAID_OUT" if gross < 0 else "PAID_IN",
            "amount": abs(gross),
            "reasonCode": line.kind,
        }
    if kind not in _GOODS and kind not in _VOUCHERS:
        report.skip("lines.csv", f"GV_TYP {line.kind or 'empty'}")
        return None
    sku = _sku(line, report)
    if sku is None:
        report.skip("lines.csv", "lines without an article")
        return None
    back = gross < 0 or (gross == 0 and (line.quantity or 0) < 0)
    event: dict[str, Any] = {
        "eventType": "LINE_VOID" if line.void else "REFUND" if back else "SALE",
        "sku": sku,
        "amount": abs(gross),
    }
    if line.quantity:
        event["quantity"] = as_quantity(line.quantity)
    else:
        report.note("lines without MENGE: one piece")
    if line.unit is not None and line.unit >= 0:
        event["unitPrice"] = line.unit
    if line.discount:
        event["discountAmount"] = abs(line.discount)
    if line.voucher and not _is_hidden(line.voucher, "lines.csv", "GUTSCHEIN_NR", report):
        event["giftCardToken"] = line.voucher
    return event


def as_quantity(number: float) -> float:
    """Return a quantity without its sign; pieces as an integer.

    Examples
    --------
    >>> as_quantity(-2.0), as_quantity(-0.42)
    (2, 0.42)
    """
    number = abs(number)
    return int(number) if number.is_integer() else number


def _priced(line: ReceiptLine) -> float | None:
    if line.quantity is None or line.unit is None or line.factor not in (None, 0, 1):
        return None
    return round(line.quantity * line.unit, 2)


def _sku(line: ReceiptLine, report: ImportReport) -> str | None:
    for sku in (line.article, line.gtin):
        # An EAN has at most 14 digits; 15 and more that pass as a card number may be one.
        if sku and not (len(sku) > 14 and holds_card_number(sku)):
            return sku
    if line.words and not holds_card_number(line.words):
        report.note("lines without ART_NR and GTIN: sku is ARTIKELTEXT")
        return line.words
    return None


def _original(line: ReceiptLine, references: Sequence[Reference]) -> dict[str, str]:
    """Return the fields of the sale that a refund line refers to."""
    found = [reference for reference in references if reference.place == line.place]
    found = found or [reference for reference in references if not reference.place]
    found = [reference for reference in found if reference.kind in _SOLD]
    if not found:
        return {}
    sku = line.article or line.gtin or line.words
    chosen = next((reference for reference in found if sku in reference.articles), found[0])
    return {"originalTransactionId": chosen.original, "originalRegisterId": chosen.till}


def _tender(payments: Sequence[tuple[str, float]]) -> str | None:
    """Return the kind of payment with the largest sum; change is taken off the cash."""
    sums: defaultdict[str, float] = defaultdict(float)
    for kind, amount in payments:
        if kind.lower() != _NO_TENDER:
            sums[kind] += amount
    if not sums:
        return None
    largest = max(sums, key=lambda kind: abs(sums[kind]))
    return _TENDERS.get(largest.lower(), "other")


def _is_hidden(text: str, path: str, field: str, report: ImportReport) -> bool:
    if not holds_card_number(text):
        return False
    report.skip(path, f"{field} that is a card number")
    return True
