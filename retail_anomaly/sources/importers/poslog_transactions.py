"""POSLog transactions as events."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from zoneinfo import ZoneInfo

from retail_anomaly.sources.importers.card_numbers import holds_card_number
from retail_anomaly.sources.importers.dialect import Dialect
from retail_anomaly.sources.importers.dsfinvk_receipt import NOBODY
from retail_anomaly.sources.importers.numbers import plain_number
from retail_anomaly.sources.importers.pos_elements import CONTROL, PosRecord, control_field
from retail_anomaly.sources.importers.pos_texts import PosTexts
from retail_anomaly.sources.importers.poslog_goods import Good, Goods, in_receipt
from retail_anomaly.sources.importers.report import ImportReport
from retail_anomaly.sources.importers.times import read_moment

_KINDS: Final = ("finished", "suspended", "cancelled", "voided", "post_voided")
# Texts that a till or its user writes, where a card number may stand: of a receipt, and of one event.
_OF_RECEIPT: Final = ("customerToken", "cardToken", "tender")
_OF_EVENT: Final = ("reasonCode", "approverId", "entryMethod")


class Transactions:
    """Makes the events of transactions, one after the other: a suspended one waits until it is resumed.

    Parameters
    ----------
    dialect
        Where the fields are.
    zone
        The time zone of a store, for times without a zone.
    store
        The id of the store; None: as each transaction says.
    report
        Told of transactions that become no event.
    """

    def __init__(
        self, dialect: Dialect, zone: Callable[[str], ZoneInfo], store: str | None, report: ImportReport
    ) -> None:
        self._dialect = dialect
        self._zone = zone
        self._store = store
        self._report = report
        self._texts = PosTexts(report)
        self._goods = Goods(dialect, report)
        self._kinds = {text.lower(): kind for kind in _KINDS for text in getattr(dialect.statuses, kind)}
        self._suspended: dict[tuple[str, str], list[Good]] = {}

    def events(self, transaction: PosRecord) -> Iterator[dict[str, Any]]:
        """Yield the events of a transaction, as JSON has them."""
        self._report.receipts += 1
        texts = transaction.texts
        kind = self._kind(texts)
        if kind == "cancelled":
            self._report.note("cancelled transactions: left out")
            return
        common = self._common(texts) if kind else None
        if common is None:
            return
        if event_type := texts.get(CONTROL):
            yield self._safe(common | self._control(texts, event_type), _OF_EVENT)
            return
        links = transaction.parts.get("links", [])
        void = self._link(links, self._dialect.link_reasons.void)
        if kind == "post_voided" or (void is not None and kind != "suspended"):
            yield self._safe(common | self._void(texts, "POST_VOID", void, common), _OF_EVENT)
            return
        if kind == "voided":
            yield self._safe(common | self._void(texts, "VOID", None, common), _OF_EVENT)
            return
        goods = self._resumed(common, links, self._lines(transaction))
        if kind == "suspended":
            self._suspended[common["storeId"], common["transactionId"]] = goods
            return
        common |= self._goods.payment(transaction)
        common["customerToken"] = texts.get("customer")
        common = _filled(self._safe(common, _OF_RECEIPT))
        receipt = common["eventId"]
        for place, good in enumerate(goods):
            event = common | good.event
            event["eventId"] = f"{receipt}/{place}"
            if event["eventType"] == "REFUND":
                event |= self._original(common, [*good.links, *links])
            yield self._safe(event, _OF_EVENT)

    def close(self) -> None:
        """Tell of suspended transactions that nobody resumed."""
        if self._suspended:
            self._report.note("suspended transactions that were not resumed: left out", len(self._suspended))

    def knows_store(self, transaction: PosRecord) -> bool:
        """Tell whether the dialect finds the store of a transaction."""
        return "store" in transaction.texts

    def _kind(self, texts: dict[str, str]) -> str | None:
        if self._texts.is_set(texts, "cancelled", self._dialect.transaction):
            return "cancelled"
        status = texts.get("status", "").rpartition(":")[2]
        kind = self._kinds.get(status.lower())
        if kind is None:
            self._report.skip(f"{self._dialect.transaction}/{self._dialect.fields['status'][0]}", status)
        return kind

    def _common(self, texts: dict[str, str]) -> dict[str, Any] | None:
        """Return the fields that all events of a transaction have; None if one is missing that they need."""
        name = self._dialect.transaction
        store = self._store or texts.get("store", "")
        number = _number_text(texts.get("number", ""))
        register = texts.get("register", "")
        if not store or not number:
            self._report.skip(name, "without a store or a number")
            return None
        moment = read_moment(texts.get("time", ""), self._zone(store))
        if moment is None:
            self._report.skip(name, "without a time in ISO 8601")
            return None
        if not moment.zoned:
            self._report.note(f"times without a zone: read as {self._zone(store).key}")
        cashier = texts.get("cashier", "")
        if not cashier:
            self._report.note("transactions without a cashier: cashierId is unknown")
        day = texts.get("business_date", "")[:10]
        common: dict[str, Any] = {
            "storeId": store,
            "cashierId": cashier or NOBODY,
            "eventTime": moment.time,
            "transactionId": _transaction(register, number),
            "eventId": f"{_transaction(register, number)}/{day or moment.date}",
        }
        if register:
            common["registerId"] = register
        if day:
            common["businessDate"] = day
        if self._texts.is_set(texts, "training", name):
            common["training"] = True
        return common

    def _control(self, texts: dict[str, str], event_type: str) -> dict[str, Any]:
        event: dict[str, Any] = {
            "eventType": event_type,
            "reasonCode": texts.get(control_field("reason")),
            "approverId": texts.get(control_field("approver")),
        }
        if event_type != "NO_SALE" and (text := texts.get(control_field("amount"))):
            if (amount := plain_number(text)) is None:
                self._report.skip(self._dialect.control_fields["amount"][0], "no number")
            else:
                event["amount"] = abs(amount)
        return _filled(event)

    def _void(
        self, texts: dict[str, str], event_type: str, link: PosRecord | None, common: dict[str, Any]
    ) -> dict[str, Any]:
        event = _filled(
            {
                "eventType": event_type,
                "approverId": texts.get("approver"),
                "reasonCode": texts.get("reason"),
            }
        )
        if link is None:
            if event_type == "POST_VOID":
                self._report.note("post-voids without a link: of their own number")
            return event
        return event | self._target(common, link)

    def _lines(self, transaction: PosRecord) -> list[Good]:
        goods = self._goods.of(transaction)
        if any(good.voided for good in goods):
            return list(in_receipt(goods, self._goods.totals(transaction)))
        return goods

    def _resumed(self, common: dict[str, Any], links: list[PosRecord], goods: list[Good]) -> list[Good]:
        """Return the goods of a transaction that resumes another one: its own, or else the other's."""
        link = self._link(links, self._dialect.link_reasons.resume)
        if link is None:
            # Some tills write a resumed transaction under the number that it had.
            self._suspended.pop((common["storeId"], common["transactionId"]), None)
            return goods
        number = self._target(common, link).get("originalTransactionId", "")
        waiting = self._suspended.pop((common["storeId"], number), [])
        return goods or waiting

    def _original(self, common: dict[str, Any], links: list[PosRecord]) -> dict[str, Any]:
        resume = self._dialect.link_reasons.resume
        link = next((link for link in links if not self._is(link, resume)), None)
        return {} if link is None else self._target(common, link)

    def _target(self, common: dict[str, Any], link: PosRecord) -> dict[str, Any]:
        """Return the reference to the transaction that a link names."""
        texts = link.texts
        register = texts.get("register", "")
        if not register:
            self._report.note("links without a register: that of their own transaction")
            register = common.get("registerId", "")
        number = _number_text(texts.get("number", ""))
        if not number:
            self._report.skip(self._dialect.links.elements[0], "without a number")
            return {}
        return _filled(
            {
                "originalTransactionId": _transaction(register, number),
                "originalRegisterId": register,
                "originalBusinessDate": texts.get("business_date", "")[:10],
                "originalStoreId": texts.get("store") if self._store is None else None,
            }
        )

    def _link(self, links: Iterable[PosRecord], reasons: list[str]) -> PosRecord | None:
        return next((link for link in links if self._is(link, reasons)), None)

    def _is(self, link: PosRecord, reasons: list[str]) -> bool:
        reason = link.texts.get("reason", "").rpartition(":")[2].lower()
        return any(reason == text.lower() for text in reasons)

    def _safe(self, event: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
        """Return an event without card numbers in some of its texts."""
        for name in names:
            if (text := event.get(name)) and holds_card_number(text):
                self._report.skip(self._dialect.transaction, f"{name} that is a card number")
                del event[name]
        return event


def _filled(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if value is not None and value != ""}


def _transaction(register: str, number: str) -> str:
    return f"{register}/{number}" if register else number


def _number_text(number: str) -> str:
    """Return the number of a transaction as all elements have it: ``0012`` is ``12``."""
    return (number.lstrip("0") or "0") if number.isdecimal() else number
