"""The lines of a POSLog transaction as parts of events."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from retail_anomaly.sources.importers.card_numbers import holds_card_number
from retail_anomaly.sources.importers.dialect import Dialect
from retail_anomaly.sources.importers.dsfinvk_receipt import as_quantity
from retail_anomaly.sources.importers.numbers import plain_number
from retail_anomaly.sources.importers.pos_elements import PosRecord, sku_field
from retail_anomaly.sources.importers.pos_texts import PosTexts, ReadNumber
from retail_anomaly.sources.importers.report import ImportReport

_CENT: Final = 0.005
_LONGEST_ARTICLE: Final = 14


class Good(NamedTuple):
    """A line that sells or takes back goods.

    Parameters
    ----------
    number
        Its number in the transaction, as it stands.
    sku, amount, quantity
        The article, the line's total and the pieces, as they stand: negative where the till says so.
    event
        The event's fields.
    links
        The links of the line.
    voided, voids
        Whether it is flagged as voided, and the number of the line that it then voids, if it names one.
    """

    number: str
    sku: str
    amount: float
    quantity: float | None
    event: dict[str, Any]
    links: list[PosRecord]
    voided: bool
    voids: str


class Goods:
    """Reads the goods of transactions.

    Parameters
    ----------
    dialect
        Where the fields are.
    report
        Told of lines that can't be mapped.
    """

    def __init__(self, dialect: Dialect, report: ImportReport) -> None:
        self._report = report
        self._texts = PosTexts(report)
        self._tender_kinds = dialect.tender_kinds
        self._place = dialect.lines.elements[0]
        self._kinds = tuple(
            (part, event_type, element, [sku_field(place) for place in range(len(goods.fields["sku"]))])
            for part, event_type, element, goods in (
                ("sales", "SALE", "Sale", dialect.sales),
                ("returns", "REFUND", "Return", dialect.returns),
            )
        )

    def of(self, transaction: PosRecord) -> list[Good]:
        """Return the goods of a transaction in the order of its lines."""
        found = []
        for line in transaction.parts.get("lines", ()):
            parts = line.parts
            for part, event_type, element, skus in self._kinds:
                for item in parts.get(part, ()):
                    sku = self._sku(item.texts, skus, element)
                    good = self._good(line, item, sku, event_type, element) if sku else None
                    if good is not None:
                        found.append(good)
        return found

    def payment(self, transaction: PosRecord) -> dict[str, Any]:
        """Return the kind of payment with the largest sum, and the token of the first card."""
        card = ""
        sums: dict[str, float] = {}
        for line in transaction.parts.get("lines", ()):
            tenders = line.parts.get("tenders", ())
            if not tenders or self._texts.is_set(line.texts, "voided", self._place):
                continue
            for tender in tenders:
                texts = tender.texts
                card = card or texts.get("card", "")
                number = self._texts.reader(f"{self._place}/Tender")
                paid = (number(texts, "amount") or 0.0) - (number(texts, "change") or 0.0)
                kind = texts.get("kind", "")
                sums[kind] = sums.get(kind, 0.0) + paid
        sums.pop("", None)
        kind = max(sums, key=lambda kind: abs(sums[kind]), default="")
        return {"tender": self._tender_kinds.get(kind, kind.lower()), "cardToken": card}

    def totals(self, transaction: PosRecord) -> list[float]:
        """Return the totals that a transaction states."""
        number = self._texts.reader("Total")
        amounts = (number(total.texts, "amount") for total in transaction.parts.get("totals", ()))
        return [amount for amount in amounts if amount is not None]

    def _sku(self, texts: dict[str, str], fields: Sequence[str], element: str) -> str:
        for field in fields:
            if (text := texts.get(field)) and (sku := _article(text)):
                return sku
        self._report.skip(f"{self._place}/{element}", "without an article")
        return ""

    def _good(self, line: PosRecord, item: PosRecord, sku: str, event_type: str, element: str) -> Good | None:
        texts, in_line = item.texts, line.texts
        place = f"{self._place}/{element}"
        number_of = self._texts.reader(place)
        quantity, amount = number_of(texts, "quantity"), number_of(texts, "amount")
        if amount is None:
            if texts.get("amount"):
                return None
            unit_price = plain_number(texts.get("unit_price", ""))
            if unit_price is None or (quantity is None and texts.get("quantity")):
                self._report.skip(place, "without an amount")
                return None
            amount = round(unit_price * (1 if quantity is None else quantity), 2)
            self._report.note("lines without ExtendedAmount: amount is price times quantity")
        voided = self._texts.is_set(in_line, "voided", self._place)
        if event_type == "SALE" and not voided and (amount < 0 or (quantity or 0) < 0):
            self._report.note("Sale elements with a negative amount: a REFUND")
            event_type = "REFUND"
        event: dict[str, Any] = {"eventType": event_type, "sku": sku, "amount": abs(amount)}
        if quantity:
            event["quantity"] = as_quantity(quantity)
        elif quantity == 0:
            self._report.note("lines with a quantity of 0: one piece")
        number = in_line.get("number", "")
        if number.isdecimal() and len(number) < 10:
            event["lineNumber"] = int(number)
        if entry_method := in_line.get("entry_method"):
            event["entryMethod"] = entry_method
        changes = [*line.parts.get("modifications", ()), *item.parts.get("modifications", ())]
        self._add_prices(event, in_line, texts, changes, amount, place)
        links = [*item.parts.get("links", ()), *line.parts.get("links", ())]
        return Good(number, sku, amount, quantity, event, links, voided, texts.get("voids_line", ""))

    def _add_prices(
        self,
        event: dict[str, Any],
        in_line: dict[str, str],
        texts: dict[str, str],
        changes: Sequence[PosRecord],
        amount: float,
        place: str,
    ) -> None:
        """Add the prices of a line to its event, and who allowed them to be changed."""
        number = self._texts.reader(place)
        unit_price, list_price = number(texts, "unit_price"), number(texts, "list_price")
        if discount := number(texts, "discount"):
            event["discountAmount"] = abs(discount)
        approver = texts.get("approver") or in_line.get("approver")
        reason = texts.get("reason")
        changed = False
        for change in reversed(changes):
            said = change.texts
            if self._texts.is_set(said, "voided", f"{place}/RetailPriceModifier"):
                continue
            if unit_price is None:
                unit_price = _new_price(said, number)
            # The first change began at the price of the list.
            before = number(said, "previous_price")
            list_price = list_price if before is None else before
            approver = said.get("approver") or approver
            reason = said.get("reason") or reason
            changed = True
        if unit_price is None and changed:
            unit_price = round(amount / (plain_number(texts.get("quantity", "")) or 1), 6)
        if unit_price is not None:
            event["unitPrice"] = abs(unit_price)
        if list_price is not None:
            event["listPrice"] = abs(list_price)
        if approver:
            event["approverId"] = approver
        if reason:
            event["reasonCode"] = reason


def in_receipt(goods: Sequence[Good], totals: Sequence[float]) -> Iterator[Good]:
    """Yield the goods of a receipt as they become events: a voided line's sale, once, and its LINE_VOID.

    Parameters
    ----------
    goods
        The goods in the order of the lines.
    totals
        The totals that the transaction states.

    Notes
    -----
    A flag may stand on the line itself, or on a second line that takes an earlier one back: one that names
    it, one with a negative amount, or one without which the lines do not add up to a total.
    """
    by_number = {good.number: good for good in goods if good.number}
    earlier = _takes_earlier_back(goods, totals, by_number)
    for good in goods:
        if not good.voided:
            yield good
            continue
        named = _named(good, by_number)
        if named is not None and named.voided:
            continue  # Its own flag has made the LINE_VOID.
        if named is None and not (_is_negative(good) or earlier):
            yield good
        yield good._replace(event=good.event | {"eventType": "LINE_VOID"})


def _takes_earlier_back(goods: Sequence[Good], totals: Sequence[float], by_number: dict[str, Good]) -> bool:
    """Tell whether flagged lines that say nothing else take earlier lines back, by the receipt's total."""
    open_ones = [
        good for good in goods if good.voided and not _is_negative(good) and _named(good, by_number) is None
    ]
    if not open_ones:
        return False
    kept = sum(_signed(good) for good in goods if not good.voided)
    kept -= sum(
        abs(good.amount)
        for good in goods
        if good.voided and good not in open_ones and not _doubly(good, by_number)
    )
    taken = sum(_signed(good) for good in open_ones)
    return not _among(kept, totals) and _among(kept - taken, totals)


def _doubly(good: Good, by_number: dict[str, Good]) -> bool:
    named = _named(good, by_number)
    return named is not None and named.voided


def _named(good: Good, by_number: dict[str, Good]) -> Good | None:
    """Return the earlier line of the same article that a flagged line names."""
    named = by_number.get(good.voids)
    return named if named is not None and named is not good and named.sku == good.sku else None


def _is_negative(good: Good) -> bool:
    return good.amount < 0 or (good.quantity or 0) < 0


def _signed(good: Good) -> float:
    return -abs(good.amount) if good.event["eventType"] == "REFUND" else good.amount


def _among(amount: float, totals: Iterable[float]) -> bool:
    return any(abs(amount - total) < _CENT for total in totals)


def _new_price(change: dict[str, str], number: ReadNumber) -> float | None:
    price = number(change, "new_price")
    if price is None and change.get("action", "").lower() == "replace":
        price = number(change, "amount")
    return price


def _article(text: str) -> str:
    # An EAN has at most 14 digits; 15 and more that pass as a card number may be one.
    return "" if len(text) > _LONGEST_ARTICLE and holds_card_number(text) else text
