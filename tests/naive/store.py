"""One store as the contract tells it: its clock, its receipts and lines, its shifts, the ids it has seen."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

Event = dict[str, Any]

HOUR = 3_600_000
DAY = 24 * HOUR
TINY = 1e-9


@dataclass(eq=False)
class Line:
    """A SALE or REFUND line and what is left of it."""

    event: Event
    kind: str
    time: int
    clock: int  # the store's, when the line was processed
    receipt: Receipt
    off_shift: bool | None
    quantity: float
    left: float

    @property
    def sku(self) -> str:
        return str(self.event["sku"])

    @property
    def amount(self) -> float:
        return float(self.event["amount"]) * self.share

    @property
    def share(self) -> float:
        return self.left / self.quantity

    @property
    def is_left(self) -> bool:
        return self.left > TINY


@dataclass(eq=False)
class Receipt:
    """Lines of one identity, each within a day of the one that was processed first."""

    identity: tuple[str, ...]
    first: int
    lines: list[Line] = field(default_factory=list)


@dataclass(eq=False)
class Shift:
    employee: str
    start: int
    end: int
    shift_id: str | None


class Store:
    """Everything that a store has seen, in the order in which it was processed."""

    def __init__(self, store_id: str, config: dict[str, Any]) -> None:
        self.store_id = store_id
        self.config = config
        own = config.get("stores", {}).get(store_id, {})
        self.zone = ZoneInfo(own.get("time_zone", "UTC"))
        self.numbered_by = config.get("numbered_by", "store")
        self.void_memory = duration(config.get("void_memory", "24h"))
        self.dedupe_memory = duration(config.get("dedupe_memory", "24h"))
        self.clock: int | None = None
        self.first_pos: int | None = None
        self.receipts: list[Receipt] = []
        self.lines: list[Line] = []
        self.shifts: list[Shift] = []
        self.known: set[str] = set()
        self._seen: dict[tuple[Any, ...], int] = {}
        self._ahead: dict[str, int] = {}
        self._newest: dict[str, int] = {}
        self._in_a_row: tuple[str, int] = ("", 0)

    # --- time -----------------------------------------------------------------------------------

    def advance(self, topic: str, event: Event) -> None:
        """Move the clock, unless only one till says that the time has come."""
        time = event["eventTime"]
        source = str(event.get("registerId") or topic)
        self._newest[source] = max(self._newest.get(source, time), time)
        if self.clock is None or time <= self.clock + DAY:
            self.clock = max(self.clock or time, time)
            self._ahead.clear()
            self._in_a_row = ("", 0)
            return
        confirmed = [t for other, t in self._ahead.items() if other != source and abs(time - t) <= HOUR]
        self._ahead[source] = max(self._ahead.get(source, time), time)
        count = self._in_a_row[1] + 1 if self._in_a_row[0] == source else 1
        self._in_a_row = (source, count)
        others = [t for other, t in self._newest.items() if other != source and t >= time - DAY]
        if confirmed:
            self.clock = max(time, *confirmed)
        elif count >= 50 and not others:
            self.clock = time
        else:
            return
        self._ahead.clear()
        self._in_a_row = ("", 0)

    def local(self, time: int) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(time / 1000, self.zone)

    # --- ids ------------------------------------------------------------------------------------

    def is_repeated(self, topic: str, event: Event) -> bool:
        """Tell whether an event's id was seen before, and note it where not."""
        event_id = event.get("movementId" if topic == "stock-movements" else "eventId")
        if event_id is None or topic == "inventory-counts":
            return False
        register = str(event.get("registerId") or "") if self.numbered_by != "store" else ""
        key = (topic, register if topic == "pos-events" else "", bool(event.get("training")), event_id)
        assert self.clock is not None
        sighting = self._seen.get(key)
        if sighting is not None and self.clock <= sighting + self.dedupe_memory:
            return True
        self._seen[key] = max(event["eventTime"], self.clock)
        return False

    # --- receipts -------------------------------------------------------------------------------

    def identity(self, event: Event) -> tuple[str, ...]:
        number, register = str(event["transactionId"]), str(event.get("registerId") or "")
        if self.numbered_by == "store":
            return (number,)
        if self.numbered_by == "register":
            return number, register
        return number, register, event.get("businessDate") or f"{self.local(event['eventTime']):%Y-%m-%d}"

    def named_by(self, event: Event) -> tuple[str | None, ...] | None:
        """Return the identity that a reference names, None where a part is left out."""
        if not event.get("originalTransactionId"):
            return None
        parts = (
            event["originalTransactionId"],
            event.get("originalRegisterId"),
            event.get("originalBusinessDate"),
        )
        return parts[: {"store": 1, "register": 2, "register_day": 3}[self.numbered_by]]

    def _own(self, event: Event) -> tuple[str | None, ...]:
        """Return the identity of a void's own receipt; without a business date it is of any date."""
        own = self.identity(event)
        return own if len(own) < 3 or event.get("businessDate") else (*own[:2], None)

    def sell_or_refund(self, kind: str, event: Event) -> Line:
        """Process a line: it joins a receipt or begins one."""
        identity, time = self.identity(event), event["eventTime"]
        fitting = [r for r in self.receipts if r.identity == identity and abs(time - r.first) <= DAY]
        if fitting:
            receipt = fitting[-1]
        else:
            receipt = Receipt(identity, time)
            self.receipts.append(receipt)
        quantity = float(event.get("quantity") or 1)
        assert self.clock is not None
        line = Line(
            event,
            kind,
            time,
            self.clock,
            receipt,
            self.off_shift(event["cashierId"], time),
            quantity,
            quantity,
        )
        receipt.lines.append(line)
        self.lines.append(line)
        return line

    def take_back(self, kind: str, event: Event) -> list[tuple[Line, float]]:
        """Take lines back; return each with the quantity that it lost."""
        if kind == "LINE_VOID":
            return self._void_line(event)
        named = self.named_by(event) or self._own(event)
        receipts = [r for r in self.receipts if agrees(named, r.identity) and self._kept(r.lines)]
        if not receipts:
            return []
        chosen = max(receipts, key=lambda r: self._newest_of(self._kept(r.lines)))
        taken = [(line, line.left) for line in self._kept(chosen.lines)]
        for line, _ in taken:
            line.left = 0.0
        return taken

    def _void_line(self, event: Event) -> list[tuple[Line, float]]:
        own, time, sku = self._own(event), event["eventTime"], event["sku"]

        def of_sku(receipt: Receipt) -> list[Line]:
            return [line for line in self._kept(receipt.lines) if line.sku == sku]

        receipts = [
            r for r in self.receipts if agrees(own, r.identity) and abs(time - r.first) <= DAY and of_sku(r)
        ]
        if not receipts:
            return []
        lines = of_sku(max(receipts, key=lambda r: self._newest_of(of_sku(r))))
        sales = [line for line in lines if line.kind == "SALE"]
        wanted = event.get("quantity")
        taken = []
        for line in reversed(sales or lines):
            quantity = line.left if wanted is None else min(line.left, wanted)
            line.left = max(0.0, line.left - quantity)
            if line.left <= TINY:
                line.left = 0.0
            taken.append((line, quantity))
            if wanted is None:
                break
            wanted -= quantity
            if wanted <= TINY:
                break
        return taken

    def _kept(self, lines: Iterable[Line]) -> list[Line]:
        assert self.clock is not None
        return [x for x in lines if x.is_left and self.clock <= max(x.time, x.clock) + self.void_memory]

    def _newest_of(self, lines: list[Line]) -> tuple[int, int]:
        return max((line.time, self.lines.index(line)) for line in lines)

    def sales_seen_by(self, event: Event) -> list[Line]:
        """Return the SALE lines that a refund's look-ups may find: not those of its own exchange."""
        identity, time = self.identity(event), event["eventTime"]
        within = 30 * 60_000 if event.get("lineNumber") is not None else 0
        return [
            line
            for line in self.lines
            if line.kind == "SALE"
            and line.is_left
            and not (line.receipt.identity == identity and abs(line.time - time) <= within)
        ]

    # --- shifts ---------------------------------------------------------------------------------

    def keep_shift(self, event: Event) -> None:
        employee, start, shift_id = event["employeeId"], event["shiftStart"], event.get("shiftId")
        same = [
            s
            for s in self.shifts
            if (shift_id is not None and s.shift_id == shift_id)
            or ((s.employee, s.start) == (employee, start))
        ]
        if event.get("cancelled"):
            self.shifts = [s for s in self.shifts if s not in same]
            return
        self.known.add(employee)
        self.shifts = [s for s in self.shifts if s not in same]
        self.shifts.append(Shift(employee, start, event["shiftEnd"], shift_id))

    def off_shift(self, employee: str, time: int) -> bool | None:
        if employee not in self.known:
            return None
        return not any(s.employee == employee and s.start <= time <= s.end for s in self.shifts)


def agrees(named: tuple[str | None, ...], identity: tuple[str, ...]) -> bool:
    return all(part is None or part == own for part, own in zip(named, identity, strict=True))


def duration(value: str | int) -> int:
    """Return milliseconds of `10m`, `24h`, `90d`."""
    if isinstance(value, int):
        return value
    return int(value[:-1]) * {"s": 1_000, "m": 60_000, "h": HOUR, "d": DAY}[value[-1]]
