"""Writes POSLog: transactions, lines and links as texts of XML."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape

NAMESPACE = "http://www.nrf-arts.org/IXRetail/namespace/"


def log(*transactions: str, version: int = 2, prefix: str = "") -> str:
    """A whole file; with a prefix its elements are named as ``arts:Transaction``."""
    inner = "".join(transactions)
    name = f'xmlns{":" + prefix if prefix else ""}="{NAMESPACE}" MajorVersion="{version}"'
    if prefix:
        inner = inner.replace("</", f"\0/{prefix}:").replace("<", f"<{prefix}:").replace("\0", "<")
    begin, end = (f"{prefix}:POSLog",) * 2 if prefix else ("POSLog",) * 2
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{begin} {name}>{inner}</{end}>'


def transaction(
    number: str | int,
    *parts: str,
    status: str = "",
    version: int = 2,
    store: str = "9",
    register: str = "3",
    cashier: str = "c-1",
    end: str = "2026-03-02T12:00:00+01:00",
    day: str = "2026-03-02",
    flags: str = "",
    retail: bool = True,
) -> str:
    """A transaction; its parts stand in a RetailTransaction unless `retail` is off."""
    place = (
        f"<RetailStoreID>{store}</RetailStoreID>"
        if version == 2
        else f"<BusinessUnit><UnitID>{store}</UnitID></BusinessUnit>"
    )
    inner = "".join(parts)
    if retail:
        stated = f' TransactionStatus="{status}"' if status else ""
        inner = f"<RetailTransaction{stated}>{inner}</RetailTransaction>"
    return (
        f"<Transaction {flags}>{place}<WorkstationID>{register}</WorkstationID>"
        f"<SequenceNumber>{number}</SequenceNumber><BusinessDayDate>{day}</BusinessDayDate>"
        f"<EndDateTime>{end}</EndDateTime><OperatorID>{cashier}</OperatorID>"
        f"<CurrencyCode>EUR</CurrencyCode>{inner}</Transaction>"
    )


def item(
    sku: str,
    amount: float,
    quantity: float = 1,
    *inner: str,
    kind: str = "Sale",
    line: int = 1,
    void: bool = False,
    unit: float | None = None,
) -> str:
    """A line with goods."""
    price = "" if unit is None else f"<ActualSalesUnitPrice>{unit}</ActualSalesUnitPrice>"
    return (
        f'<LineItem EntryMethod="Scanned"{" VoidFlag=" + chr(34) + "true" + chr(34) if void else ""}>'
        f'<SequenceNumber>{line}</SequenceNumber><{kind} ItemType="Stock"><ItemID>{escape(sku)}</ItemID>'
        f"<Description>Goods</Description>{price}<ExtendedAmount>{amount}</ExtendedAmount>"
        f"<Quantity>{quantity}</Quantity>{''.join(inner)}</{kind}></LineItem>"
    )


def tender(amount: float, kind: str = "Cash", inner: str = "", line: int = 90) -> str:
    return (
        f'<LineItem><SequenceNumber>{line}</SequenceNumber><Tender TenderType="{kind}">'
        f"<Amount>{amount}</Amount>{inner}</Tender></LineItem>"
    )


def total(amount: float, kind: str = "TransactionGrandAmount") -> str:
    return f'<Total TotalType="{kind}">{amount}</Total>'


def link(
    number: str | int, reason: str = "Return", *, register: str = "3", day: str = "", store: str = ""
) -> str:
    parts: Iterable[tuple[str, Any]] = (
        ("RetailStoreID", store),
        ("WorkstationID", register),
        ("SequenceNumber", number),
        ("BusinessDayDate", day),
    )
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in parts if text)
    return f'<TransactionLink ReasonCode="{reason}">{inner}</TransactionLink>'
