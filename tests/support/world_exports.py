"""The POS events of a simulated world as its tills would export them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from datetime import UTC, datetime
from typing import Any

import msgspec

from retail_anomaly.core.events import REFUND, SALE
from retail_anomaly.sources.importers.card_numbers import holds_card_number
from tests.support.dsfinvk import Rows
from tests.support.poslog import item, link, tender, transaction

LINES = (SALE, REFUND, "LINE_VOID")
VOIDS = ("VOID", "POST_VOID")
CASH = {"PAID_IN": ("Einzahlung", 1), "PAID_OUT": ("Auszahlung", -1)}
TENDERS = {"cash": "Bar", "card": "ECKarte", "voucher": "Unbar", "gift_card": "Guthabenkarte"}
POSLOG_TENDERS = {"cash": "Cash", "card": "CreditDebit", "voucher": "Voucher", "gift_card": "GiftCard"}
TOLD = frozenset({*LINES, *VOIDS, *CASH})
"""The kinds that both formats tell."""


CARD_NUMBER = "4111111111111111"
"""Stands in each payment by card, beside its token: it may come out nowhere."""


def told_by_dsfinvk(events: Iterable[Any]) -> list[Any]:
    """The world as DSFinV-K can tell it: without opened drawers and without tokens of cards."""
    return [msgspec.structs.replace(event, card_token=None) for event in _told(events, TOLD)]


def told_by_poslog(events: Iterable[Any]) -> list[Any]:
    """The world as POSLog can tell it: without the tokens of gift cards."""
    told = _told(events, {*TOLD, "NO_SALE"})
    return [msgspec.structs.replace(event, gift_card_token=None) for event in told]


def _told(events: Iterable[Any], kinds: Set[str]) -> list[Any]:
    # An export is one store's: it can't name the receipt of another store.
    own = (event for event in events if not getattr(event, "names_receipt_elsewhere", False))
    told = [event for event in own if event.event_type in kinds]
    receipts = {id(event): receipt for receipt in receipts_of(told) for event in receipt.events}
    return [_in_receipt(event, receipts[id(event)]) for event in told]


def _in_receipt(event: Any, receipt: Receipt) -> Any:
    """An event with the tokens of its receipt, which has one customer and one card."""
    gift_card = event.gift_card_token
    return msgspec.structs.replace(
        event,
        customer_token=receipt.first.customer_token,
        card_token=receipt.card if event.event_type in LINES else None,
        # Some numbers of gift cards pass for those of payment cards; such a one does not come out.
        gift_card_token=None if gift_card is None or holds_card_number(gift_card) else gift_card,
    )


class Receipt:
    """The POS events of one number, till and time."""

    def __init__(self, events: list[Any], number: str, day: int) -> None:
        self.events = events
        self.first = events[0]
        self.till = self.first.register_id or "K0"
        self.number = number
        self.day = day
        self.end = datetime.fromtimestamp(self.first.event_time / 1000, UTC).isoformat(
            timespec="milliseconds"
        )

    @property
    def kind(self) -> str:
        return str(self.first.event_type)

    @property
    def card(self) -> str | None:
        return self.first.card_token if self.first.tender else None

    @property
    def training(self) -> bool:
        return bool(getattr(self.first, "training", False))


def receipts_of(events: Iterable[Any]) -> Iterator[Receipt]:
    """Group POS events, which come in order of time; a number that comes again gets another one."""
    groups: dict[tuple[Any, ...], list[Any]] = {}
    newest: dict[tuple[Any, ...], list[Any]] = {}
    for event in events:
        receipt = (event.store_id, event.register_id, event.transaction_id)
        key: tuple[Any, ...] = (*receipt, event.event_time)
        if event.event_type == "LINE_VOID" and receipt in newest:
            newest[receipt].append(event)
            continue
        if event.event_type not in LINES:
            key = (*key, event.event_type, len(groups))
        newest[receipt] = groups.setdefault(key, [])
        newest[receipt].append(event)
    times: defaultdict[tuple[Any, ...], int] = defaultdict(int)
    for (store, till, number, *_), found in groups.items():
        again = times[store, till, number]
        times[store, till, number] += 1
        day = found[0].event_time // 86_400_000
        yield Receipt(found, f"{number or 'x'}{f'.{again}' if again else ''}", day)


class Originals:
    """Where the sale that a refund or a void refers to stands."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Receipt] = {}

    def add(self, receipt: Receipt) -> None:
        for event in receipt.events:
            if event.event_type == SALE:
                self._found[event.store_id, event.transaction_id] = receipt

    def of(self, event: Any) -> tuple[str, int, str] | None:
        """Till, day and number; of a sale before the first day its number alone is known."""
        # An event that names no other receipt is about that of its own number.
        number = event.original_transaction_id or event.transaction_id
        receipt = self._found.get((event.store_id, number))
        if receipt is not None:
            return receipt.till, receipt.day, receipt.number
        return None if event.original_transaction_id is None else ("K0", 1, number)


def dsfinvk_tables(events: Iterable[Any]) -> dict[str, Rows]:
    """Return the tables of one export of all tills."""
    tables: dict[str, Rows] = defaultdict(list)
    originals = Originals()
    closings: dict[tuple[str, str, int], None] = {}
    for receipt in receipts_of(events):
        store = receipt.first.store_id
        # One chain numbers its tills, so that a till is one of its store.
        till = f"{store}.{receipt.till}"
        closings[store, till, receipt.day] = None
        key = {"Z_KASSE_ID": till, "Z_NR": receipt.day, "BON_ID": receipt.number}
        rows = list(_lines(receipt))
        void = receipt.kind in VOIDS
        tables["transactions.csv"].append(
            key
            | {"BON_TYP": "AVTraining" if receipt.training else "Beleg", "BON_STORNO": int(void)}
            | {"BON_START": receipt.end, "BON_ENDE": receipt.end, "BEDIENER_ID": receipt.first.cashier_id}
            | {"UMS_BRUTTO": sum(gross for _, gross in rows), "KUNDE_ID": receipt.first.customer_token or ""}
        )
        for place, (row, gross) in enumerate(rows, 1):
            tables["lines.csv"].append(key | {"POS_ZEILE": place} | row)
            tables["lines_vat.csv"].append(
                key | {"POS_ZEILE": place, "UST_SCHLUESSEL": 1, "POS_BRUTTO": gross}
            )
        if paid := receipt.first.tender:
            tables["datapayment.csv"].append(
                key
                | {"ZAHLART_TYP": TENDERS[paid], "BASISWAEH_BETRAG": sum(gross for _, gross in rows)}
                | {"ZAHLART_NAME": f"VISA {CARD_NUMBER}" if paid == "card" else ""}
            )
        for place, event in enumerate(receipt.events, 1):
            original = originals.of(event) if event.event_type == REFUND or void else None
            if original is not None:
                tables["references.csv"].append(
                    key
                    | {"POS_ZEILE": "" if void else place, "REF_TYP": "Transaktion"}
                    | {"REF_Z_KASSE_ID": f"{store}.{original[0]}", "REF_Z_NR": original[1]}
                    | {"REF_BON_ID": original[2]}
                )
        originals.add(receipt)  # afterwards: the goods of an exchange are no sale that it refers to
    for store, till, day in closings:
        key = {"Z_KASSE_ID": till, "Z_NR": day, "Z_ERSTELLUNG": "2026-03-02T20:00:00Z"}
        tables["cashpointclosing.csv"].append(key | {"TAXONOMIE_VERSION": "2.4", "NAME": "Shops GmbH"})
        tables["location.csv"].append(key | {"LOC_NAME": store})
    return tables


def _lines(receipt: Receipt) -> Iterator[tuple[dict[str, Any], float]]:
    for event in receipt.events:
        kind, sign = CASH.get(event.event_type, ("Umsatz", -1 if event.event_type != SALE else 1))
        if event.event_type not in LINES and event.event_type not in CASH:
            continue
        quantity = sign * (event.quantity or 1)
        row = {"GV_TYP": kind, "P_STORNO": int(event.event_type == "LINE_VOID"), "ART_NR": event.sku or ""}
        price = {"MENGE": quantity, "FAKTOR": 1, "STK_BR": abs(event.amount / quantity)}
        voucher = {"GUTSCHEIN_NR": event.gift_card_token or ""}
        yield row | price | voucher, sign * event.amount


def poslog_transactions(events: Iterable[Any]) -> Iterator[str]:
    """Yield the transactions of all tills."""
    originals = Originals()
    for receipt in receipts_of(events):
        yield _transaction(receipt, originals)
        originals.add(receipt)


def _transaction(receipt: Receipt, originals: Originals) -> str:
    first, void = receipt.first, receipt.kind in VOIDS
    day = datetime.fromtimestamp(first.event_time / 1000, UTC).date().isoformat()
    parts = []
    for place, event in enumerate(receipt.events, 1):
        original = originals.of(event) if event.event_type == REFUND or void else None
        to = link(original[2], "Voided" if void else "Return", register=original[0]) if original else ""
        if void:
            parts.append(to)
        elif event.event_type in LINES:
            kind = "Return" if event.event_type == REFUND else "Sale"
            taken = event.event_type == "LINE_VOID"
            sign = -1 if taken else 1
            parts.append(
                item(
                    event.sku,
                    sign * event.amount,
                    sign * event.quantity,
                    to,
                    kind=kind,
                    line=place,
                    void=taken,
                )
            )
        elif event.event_type in CASH:
            name = "PaidIn" if event.event_type == "PAID_IN" else "PaidOut"
            parts.append(
                f"<TenderControlTransaction><{name}><Amount>{event.amount}</Amount></{name}>"
                "</TenderControlTransaction>"
            )
        elif event.event_type == "NO_SALE":
            parts.append("<ControlTransaction><NoSale/></ControlTransaction>")
    if first.tender:
        card = (
            f"<CreditDebit><PrimaryAccountNumber>{CARD_NUMBER}</PrimaryAccountNumber>"
            f"<CardToken>{receipt.card}</CardToken></CreditDebit>"
            if receipt.card
            else ""
        )
        paid = sum(event.amount or 0 for event in receipt.events)
        parts.append(tender(paid, POSLOG_TENDERS[first.tender], card))
    if first.customer_token:
        parts.append(f"<Customer><CustomerID>{first.customer_token}</CustomerID></Customer>")
    return transaction(
        receipt.number,
        *parts,
        status="PostVoided" if void else "",
        store=first.store_id,
        register=receipt.till,
        cashier=first.cashier_id,
        end=receipt.end,
        day=day,
        flags='TrainingModeFlag="true"' if receipt.training else "",
        retail=receipt.kind in LINES or void,
    )
