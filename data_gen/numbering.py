"""The numbers that tills print on receipts: unique in the chain, in a register, or in a register on a day."""

from collections.abc import Iterable
from datetime import date
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from retail_anomaly.core.events import Event, PosEvent, TillEvent

NumberedBy: TypeAlias = Literal["store", "register", "register_day"]
NUMBERED_BY: Final[tuple[NumberedBy, ...]] = ("store", "register", "register_day")
# References reach as far back as customers may return goods.
_REMEMBERED_DAYS: Final = 200


class Printed(NamedTuple):
    """A receipt as its till has printed it."""

    register: str
    number: str
    day: date


class TillNumbers:
    """Gives the receipts of one store the numbers of its tills, day by day.

    While a day is simulated each receipt has an id that is unique in the chain. If the tills number for
    themselves, each counts its receipts in order of time: from 1 on for good, or from 1 on each day.

    Parameters
    ----------
    numbered_by
        What a number is unique within, as the setting of the detectors says. With ``store`` nothing changes.

    Examples
    --------
    >>> sale = PosEvent("t-1", "s-1", "c-1", "sku-1", 9.5, "SALE", 1_760_000_000_000, register_id="till-1")
    >>> numbering = TillNumbers("register_day")
    >>> [event] = numbering.printed([sale], date(2025, 10, 9))
    >>> event.transaction_id, event.business_date, numbering.number_of("t-1")
    ('1', '2025-10-09', '1')
    """

    def __init__(self, numbered_by: NumberedBy) -> None:
        self._by = numbered_by
        self._last: dict[str, int] = {}
        self._known: dict[str, Printed] = {}
        self._days: list[tuple[date, list[str]]] = []

    def printed(self, events: Iterable[Event], day: date) -> list[Event]:
        """Return the events of a day, in order of time, with the numbers that the tills print.

        Parameters
        ----------
        events
            The store's events of the day, in order of time.
        day
            Its date, which the receipts bear as business date if numbers restart every day.
        """
        if self._by == "store":
            return list(events)
        self._forget(day)
        return [
            self._renumbered(event, day) if isinstance(event, PosEvent | TillEvent) else event
            for event in events
        ]

    def number_of(self, receipt: str) -> str:
        """Return the number that was printed on a receipt."""
        known = self._known.get(receipt)
        return receipt if known is None else known.number

    def _renumbered(self, event: PosEvent | TillEvent, day: date) -> PosEvent | TillEvent:
        receipt, original = event.transaction_id, event.original_transaction_id
        changed: dict[str, object] = {}
        if self._by == "register_day":
            changed["business_date"] = day.isoformat()
        if receipt is not None:
            printed = self._known.get(receipt)
            if printed is not None and (printed.day != day or printed.register != event.register_id):
                # A refund under its sale's number: this till prints one of its own, and names the sale.
                original = original or receipt
                receipt = f"{receipt} {event.register_id} {day}"
            changed["transaction_id"] = self._number(receipt, event.register_id or "", day)
        if original is not None:
            sale = self._known.get(original)
            changed["original_transaction_id"] = original if sale is None else sale.number
            if sale is not None:
                changed["original_register_id"] = sale.register
                if self._by == "register_day":
                    changed["original_business_date"] = sale.day.isoformat()
        return msgspec.structs.replace(event, **changed)

    def _number(self, receipt: str, register: str, day: date) -> str:
        known = self._known.get(receipt)
        if known is None:
            self._last[register] = self._last.get(register, 0) + 1
            known = self._known[receipt] = Printed(register, str(self._last[register]), day)
            self._days[-1][1].append(receipt)
        return known.number

    def _forget(self, day: date) -> None:
        self._days.append((day, []))
        if self._by == "register_day":
            self._last.clear()
        while (day - self._days[0][0]).days > _REMEMBERED_DAYS:
            for receipt in self._days.pop(0)[1]:
                del self._known[receipt]
