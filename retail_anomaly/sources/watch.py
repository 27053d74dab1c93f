"""Takes note of events as they pass: the counts behind the remarks about a log."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from retail_anomaly.core.events import (
    LINE_VOID,
    POS_EVENTS,
    POST_VOID,
    REFUND,
    SALE,
    VOID,
    Event,
    MovementEvent,
    PosEvent,
    SecurityEvent,
    TillEvent,
)
from retail_anomaly.core.receipts import NumberedBy
from retail_anomaly.sources.findings import Findings
from retail_anomaly.sources.mapping import NULL_WORDS

# Lines of one receipt are minutes apart; a till that starts anew each day comes to a number again at about
# the same hour, so somewhat less than a day later as well.
_ANOTHER_DAY: Final = 12 * 3_600_000
_EXCHANGE: Final = 30 * 60_000
# Beyond it memory would grow with the log; a remark is then about the events up to here.
_MOST_IDS: Final = 300_000
_LOOKED_AT: Final = frozenset({SALE, REFUND, LINE_VOID, VOID, POST_VOID})
_MOST_TYPES: Final = 1_000
_MOST_LINES: Final = 100
# Events that pass are looked at in one loop, which costs half of a chain of calls for each.
_AT_ONCE: Final = 256
# Not every form of them: Nan is a name as well.
_NOTHINGS: Final = frozenset({*map(str.upper, NULL_WORDS), *NULL_WORDS, "NaN", "None", "\\N"})


class Watch:
    """Takes note of events as they pass.

    Parameters
    ----------
    nobody
        Cashiers that a constant filled in.
    numbered_by
        The setting, which says what an event id is unique within.
    return_stores
        Whether refunds are compared with receipts of other stores.

    Examples
    --------
    >>> refund = PosEvent("t-9", "s", "c", "k", 20.0, "REFUND", 1_760_000_000_000)
    >>> watch = Watch()
    >>> [event.transaction_id for event in watch.passed([refund])], watch.findings.refunds
    (['t-9'], 1)
    """

    def __init__(
        self,
        nobody: Collection[str] = (),
        numbered_by: NumberedBy = "store",
        *,
        return_stores: bool = False,
    ) -> None:
        self._findings = Findings()
        self._waiting: list[Event] = []
        self._return_stores = return_stores
        # By the hash of store and number: the newest refund that came before its receipt, and how many did.
        self._early: dict[int, tuple[int, int]] = {}
        self._ids_by_register = numbered_by != "store"
        self._nobody = frozenset(nobody)
        self._unnamed = self._nobody | _NOTHINGS
        self._ids: set[int] = set()
        self._lines: set[int] = set()
        # By number: the time of its first sale and the register, then those of other registers.
        self._receipts: dict[int, tuple[Any, ...]] = {}
        # Numbers of two registers, and of two days; and the articles sold under a number, where a register
        # is known.
        self._on_registers: set[int] = set()
        self._on_days: set[int] = set()
        self._sold: set[int] = set()
        self._bought: set[int] = set()

    @property
    def findings(self) -> Findings:
        """The findings about the events so far."""
        self._catch_up()
        return self._findings

    def passed(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events."""
        take, returns = self.take, self._return_stores
        for event in events:
            take(event)
            if returns:
                self.take_return(event)
            yield event

    def take(self, event: Event) -> None:
        """Take note of one event."""
        self._waiting.append(event)
        if len(self._waiting) >= _AT_ONCE:
            self._catch_up()

    def take_return(self, event: Event) -> None:
        """Take note of a refund in any store whose receipt is one of another store."""
        if not isinstance(event, PosEvent) or not event.names_receipt_elsewhere:
            return
        self._catch_up()
        key = hash((event.original_store_id, event.original_transaction_id))
        if key not in self._receipts and (key in self._early or len(self._early) < _MOST_IDS):
            newest, count = self._early.get(key, (0, 0))
            self._early[key] = max(newest, event.event_time), count + 1

    def _catch_up(self) -> None:
        """Take note of the events that have passed; what is usual costs no call."""
        waiting, self._waiting = self._waiting, []
        receipts, ids, sold, unnamed = self._receipts, self._ids, self._sold, self._unnamed
        by_register, has_early = self._ids_by_register, bool(self._early)
        for event in waiting:
            if type(event) is not PosEvent or event.event_type != SALE or event.training or has_early:
                self._take(event)
                continue
            store, register = event.store_id, event.register_id
            event_id = event.event_id
            if event_id is not None:
                # As `_take_id`.
                id_key = hash((store, register if by_register else POS_EVENTS, event_id))
                if id_key in ids:
                    self._findings.repeated += 1
                elif len(ids) < _MOST_IDS:
                    ids.add(id_key)
            elif event.line_number is not None:
                self._take_line(event)
            if event.cashier_id in unnamed:
                self._take_unnamed(event.cashier_id)
            number = store, event.transaction_id
            key = hash(number)
            known = receipts.get(key)
            # As `_take_sale`: nearly every line is of a new number, or of the register and day that it knows.
            if known is None:
                if len(receipts) < _MOST_IDS:
                    receipts[key] = (event.event_time, register)
            elif known[1] != register or not -_ANOTHER_DAY < event.event_time - known[0] < _ANOTHER_DAY:
                self._take_number(event, key, known)
            if register is not None and len(sold) < _MOST_IDS:
                sold.add(hash((number, event.sku)))
            token = event.customer_token or event.card_token
            if token is not None and not self._findings.matched and len(self._bought) < _MOST_IDS:
                self._bought.add(hash((store, token, event.sku)))

    def _take(self, event: Event) -> None:
        if not isinstance(event, PosEvent):
            self._take_other(event)
            return
        if event.training:
            return
        if event.event_id is not None:
            self._take_id(event, event.event_id)
        elif event.line_number is not None:
            self._take_line(event)
        if event.cashier_id in self._unnamed:
            self._take_unnamed(event.cashier_id)
        name = event.event_type
        if name == SALE:
            self._take_sale(event)
            return
        name = name.upper()
        if name == SALE:
            self._take_sale(event)
        elif name == REFUND:
            self._take_refund(event)
        else:
            self._take_type(name)

    def _take_sale(self, event: PosEvent) -> None:
        number = event.store_id, event.transaction_id
        key = hash(number)
        known = self._receipts.get(key)
        if self._early:
            newest, count = self._early.pop(key, (0, 0))
            self._findings.late += count if event.event_time <= newest else 0
        if known is None:
            if len(self._receipts) < _MOST_IDS:
                self._receipts[key] = (event.event_time, event.register_id)
        else:
            self._take_number(event, key, known)
        if event.register_id is not None and len(self._sold) < _MOST_IDS:
            self._sold.add(hash((number, event.sku)))
        token = event.customer_token or event.card_token
        if token is not None and not self._findings.matched and len(self._bought) < _MOST_IDS:
            self._bought.add(hash((event.store_id, token, event.sku)))

    def _take_number(self, event: PosEvent, key: int, known: tuple[Any, ...]) -> None:
        if self._is_of_another(event, key, known):
            self._receipts[key] = (*known, event.event_time, event.register_id)

    def _take_refund(self, event: PosEvent) -> None:
        elsewhere = event.names_receipt_elsewhere
        self._findings.elsewhere += elsewhere
        self._findings.refunds += not elsewhere
        number = event.store_id, event.transaction_id
        key = hash(number)
        known = self._receipts.get(key)
        if (
            known is not None
            and event.original_transaction_id is None
            and event.register_id is not None
            # Many tills ring a refund under the number of its sale, at any register and on any day.
            and hash((number, event.sku)) not in self._sold
            and len(self._sold) < _MOST_IDS
        ):
            self._is_of_another(event, key, known)
        if self._findings.matched or elsewhere:
            return
        named = event.original_transaction_id
        token = event.customer_token or event.card_token
        self._findings.matched = (
            hash((event.store_id, named)) in self._receipts
            if named
            else known is not None and not _is_exchange(event, known[0])
        ) or hash((event.store_id, token, event.sku)) in self._bought
        if self._findings.matched:
            self._bought.clear()

    def _is_of_another(self, event: PosEvent, key: int, known: tuple[Any, ...]) -> bool:
        """Count a number that comes again, once; tell whether a further register uses it."""
        register = event.register_id
        for n in range(0, len(known), 2):
            if known[n + 1] == register:
                if abs(event.event_time - known[n]) >= _ANOTHER_DAY and key not in self._on_days:
                    self._on_days.add(key)
                    self._findings.on_days += 1
                return False
        if register is None or known[1] is None:
            return False
        if key not in self._on_registers:
            self._on_registers.add(key)
            self._findings.on_registers += 1
            self._findings.on_lines += event.event_time == known[0] and _are_lines(register, known[1])
        return True

    def _take_other(self, event: Event) -> None:
        if isinstance(event, TillEvent):
            if event.event_id is not None:
                self._take_id(event, event.event_id)
            if event.cashier_id in self._unnamed:
                self._take_unnamed(event.cashier_id)
            self._take_type(event.event_type.upper())
        elif isinstance(event, SecurityEvent):
            self._take_id(event, event.event_id)
        elif isinstance(event, MovementEvent) and event.movement_id is not None:
            self._take_id(event, event.movement_id)

    def _take_unnamed(self, cashier: str) -> None:
        counts = self._findings.nobody if cashier in self._nobody else self._findings.nothings
        counts[cashier] += 1

    def _take_type(self, name: str) -> None:
        types = self._findings.types
        if name not in _LOOKED_AT and (name in types or len(types) < _MOST_TYPES):
            types[name] += 1

    def _take_line(self, line: PosEvent) -> None:
        key = hash(line)
        if key in self._lines:
            self._findings.copies += 1
            self._findings.first_copy = (
                self._findings.first_copy or f"{line.transaction_id} ({line.store_id})"
            )
        elif len(self._lines) < _MOST_IDS:
            self._lines.add(key)

    def _take_id(self, event: Event, event_id: str) -> None:
        kind: Any = type(event)
        if isinstance(event, PosEvent | TillEvent):
            kind = event.register_id if self._ids_by_register else POS_EVENTS
        key = hash((event.store_id, kind, event_id))
        if key in self._ids:
            self._findings.repeated += 1
        elif len(self._ids) < _MOST_IDS:
            self._ids.add(key)


def _is_exchange(refund: PosEvent, sold: int) -> bool:
    """Tell whether a sale line of the refund's own receipt was rung up with it, which is no earlier sale."""
    apart = _EXCHANGE if refund.line_number is not None else 0
    return abs(refund.event_time - sold) <= apart


def _are_lines(*registers: str) -> bool:
    """Tell whether registers look like the numbers of a receipt's lines."""
    return all(name.isascii() and name.isdigit() and int(name) < _MOST_LINES for name in registers)
