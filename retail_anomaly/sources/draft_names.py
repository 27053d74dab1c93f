"""The names that exports give to columns and event types."""

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
