"""The names that exports give to columns and event types."""

import re
from collections.abc import Mapping
from typing import Final

# Names of columns by field, without blanks and signs, the likeliest first.
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "transactionId": (
        *("transactionid", "receiptnumber", "receipt", "receiptid", "transaction", "invoiceno", "invoice"),
        *(
            "ordernumber",
            "orderref",
            "orderid",
            "order",
            "belegnummer",
            "bonnummer",
            "bon",
            "beleg",
            "ticket",
        ),
    ),
    "eventTime": (
        *("eventtime", "datetime", "timestamp", "createdat", "invoicedate", "orderdate", "date", "time"),
        *("datum", "zeitpunkt", "fecha", "at"),
    ),
    "storeId": ("storeid", "store", "shop", "location", "branch", "outlet", "filiale", "site", "country"),
    "cashierId": (
        *("cashierid", "cashier", "cashiername", "clerk", "employee", "teammember", "staff", "operator"),
        *("kassierer", "bediener", "user", "seller"),
    ),
    "sku": (
        *("sku", "stockcode", "articleid", "article", "productcode", "productid", "internalreference", "plu"),
        *("ean", "barcode", "artikelnummer", "artikelnr", "artnr", "artikel", "item", "product"),
    ),
    "quantity": ("quantity", "qty", "menge", "units", "pieces", "lineitemquantity", "anzahl"),
    "amount": (
        *("amount", "netsales", "linetotal", "total", "subtotal", "grosssales", "betrag", "summe", "umsatz"),
        *("unitprice", "lineitemprice", "itemcost", "price", "preis", "einzelpreis"),
    ),
    "eventType": ("eventtype", "receipttype", "transactiontype", "type", "kind", "vorgang", "art", "status"),
    "originalTransactionId": (
        *("originaltransactionid", "originalreceipt", "refundof", "returnof", "takesback", "refundedorder"),
        *("originalorder", "originalinvoice", "bezug", "bezugsbeleg", "originalbeleg", "originalbon"),
        *("ursprungsbeleg", "ursprungsbon", "ticketorigen", "ticketorigine"),
    ),
    "registerId": (
        "registerid",
        "register",
        "till",
        "pos",
        "terminal",
        "devicename",
        "device",
        "kasse",
        "kassen",
        "lane",
        "caisse",
        "caja",
        "cassa",
        "kassa",
        "kasa",
    ),
    "lineNumber": (
        *("pos", "position", "linenumber", "line", "receiptline", "seq", "sequence"),
        *("zeile", "bonposition", "belegposition", "ligne", "linea", "l\u00ednea", "rengl\u00f3n", "renglon"),
        *("riga", "linha", "regel", "rad", "linje", "rivi", "pozycja", "poz", "lp", "\u0159\u00e1dek"),
        *("radek", "sor", "sat\u0131r", "satir", "\u0441\u0442\u0440\u043e\u043a\u0430"),
    ),
    "tender": ("tender", "paymentmethod", "payment", "zahlungsart", "paymenttype"),
    "customerToken": (
        "customertoken",
        "customerid",
        "customer",
        "loyaltyid",
        "kundennummer",
        "kunde",
        "email",
    ),
    "eventId": ("eventid",),
}
UNIT_PRICES: Final = ("unitprice", "lineitemprice", "itemcost", "price", "preis", "einzelpreis")
CLOCK: Final = ("time", "uhrzeit", "zeit", "clock", "hora")
REFUNDS: Final = (
    "refund",
    "return",
    "rückgabe",
    "ruckgabe",
    "retoure",
    "gutschrift",
    "credit",
    "rückerstattung",
)
SALES: Final = (
    "sale",
    "verkauf",
    "payment",
    "purchase",
    "vente",
    "venta",
    "completed",
    "paid",
    "processing",
)
VOIDS: Final = ("void", "storno", "cancel")
# A payment that failed is no sale, a credit card no credit, and what is cancelled may be a refund.
_DOUBTFUL: Final = re.compile(
    r"\b(?:not|no|non|nicht|kein\w*|never|without|sin|sans|failed|declined|pending|fail|fehlgeschlagen|cards?|"
    r"\w*karten?)\b|(?:\b|_)(?:un|a)(?=paid|void|sale|process|complete|return|refund)"
)
_PART_OF_AMOUNT: Final = re.compile(
    r"\b(?:tax(?:es)?|vat|gst|mwst|ust|\w*steuer|discounts?|\w*rabatt|tips?|\w*trinkgeld|change|\w*r\u00fcckgeld|"
    r"shipping|fees?|iva|tva)\b"
)
_WITH_OR_WITHOUT: Final = re.compile(
    r"\b(?:incl|including|included|inc|excl|excluding|ex|inkl|exkl|zzgl|with|without|w/o|w|mit|ohne|after|before|"
    r"nach|vor|net|gross|netto|brutto|less)\b"
)


def type_of_name(name: str) -> str | None:
    """Return our event type that a name of theirs tells of; None where it may be another.

    Examples
    --------
    >>> type_of_name("Sales return"), type_of_name("Unpaid"), type_of_name("Credit card")
    ('REFUND', None, None)
    >>> type_of_name("Refund cancelled"), type_of_name("Barverkauf")
    (None, 'SALE')
    """
    lower = name.lower()
    found = [
        ours
        for words, ours in ((REFUNDS, "REFUND"), (VOIDS, "VOID"), (SALES, "SALE"))
        if any(word in lower for word in words)
    ]
    if found[:2] == ["REFUND", "VOID"] or _DOUBTFUL.search(lower.replace("-", " ").replace("_", " ")):
        return None
    return found[0] if found else None


def is_part_of_amount(name: str) -> bool:
    """Tell whether a column's name is that of a tax, a discount or the like, and not of a line's amount.

    Examples
    --------
    >>> is_part_of_amount("Tax amount"), is_part_of_amount("Total incl. tax")
    (True, False)
    """
    lower = name.lower().replace("_", " ")
    return bool(_PART_OF_AMOUNT.search(lower)) and not _WITH_OR_WITHOUT.search(lower)
