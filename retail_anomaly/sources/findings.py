"""The remarks about a log that a person should read before its alerts."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

import msgspec

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
from retail_anomaly.core.quantities import plural
from retail_anomaly.core.receipts import NumberedBy
from retail_anomaly.rules.choice import PACKAGED_TYPES
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
# Not every form of them: Nan is a name as well.
_NOTHINGS: Final = frozenset({*map(str.upper, NULL_WORDS), *NULL_WORDS, "NaN", "None", "\\N"})


class Findings(msgspec.Struct):
    """The counts behind the remarks; those of several shares of the stores add up.

    Parameters
    ----------
    types
        How many POS events have a type that the packaged rules do not look at, by that type.
    repeated
        How many events bear an id that another event of their store has borne.
    copies, first_copy
        How many receipt lines without an event id equal an earlier one in every field, its line number too,
        and the receipt of the first. Without a line number the second may be a second piece.
    refunds
        How many refund lines there are that name no receipt of another store.
    elsewhere
        How many name one.
    late
        How many of those came before the receipt, though it is the older one; counted where returns are
        compared with receipts of other stores.
    matched
        Whether one of them names a sale in the data.
    nobody
        How many POS events have a cashier that a constant filled in, by that cashier.
    nothings
        How many have a word for nothing in the place of a cashier, by that word.
    on_registers
        How many transaction numbers two registers of a store have used.
    on_days
        How many transaction numbers a register has used on two days.
    on_lines
        How many transaction numbers two registers have used at one time, whose names are small numbers.

    Examples
    --------
    >>> refund = PosEvent("t-9", "s", "c", "k", 20.0, "REFUND", 1_760_000_000_000)
    >>> Findings.of([refund]).remarks()[0][:56]
    'none of the refunds (1) names a sale: refund_without_sal'
    """

    types: Counter[str] = msgspec.field(default_factory=Counter)
    repeated: int = 0
    copies: int = 0
    first_copy: str = ""
    refunds: int = 0
    elsewhere: int = 0
    late: int = 0
    matched: bool = False
    nobody: Counter[str] = msgspec.field(default_factory=Counter)
    nothings: Counter[str] = msgspec.field(default_factory=Counter)
    on_registers: int = 0
    on_days: int = 0
    on_lines: int = 0

    @classmethod
    def of(
        cls, events: Iterable[Event], nobody: Collection[str] = (), numbered_by: NumberedBy = "store"
    ) -> "Findings":
        """Return the findings about events."""
        watch = Watch(nobody, numbered_by)
        for _ in watch.passed(events):
            pass
        return watch.findings

    def add(self, other: "Findings") -> None:
        """Add the findings about other stores."""
        self.types += other.types
        self.repeated += other.repeated
        self.copies += other.copies
        self.first_copy = self.first_copy or other.first_copy
        self.refunds += other.refunds
        self.elsewhere += other.elsewhere
        self.late += other.late
        self.matched = self.matched or other.matched
        self.nobody += other.nobody
        self.nothings += other.nothings
        self.on_registers += other.on_registers
        self.on_days += other.on_days
        self.on_lines += other.on_lines

    def remarks(
        self,
        detectors: Collection[str] | None = None,
        seen_types: Collection[str] = (),
        numbered_by: NumberedBy = "store",
    ) -> list[str]:
        """Return the sentences for a person, the most telling first.

        Parameters
        ----------
        detectors
            The detectors that run; None: the packaged ones.
        seen_types
            Event types that declarative rules look at.
        numbered_by
            The setting.
        """
        said = []
        if self.refunds and not self.matched and (detectors is None or "refund_without_sale" in detectors):
            within = " within one store" if self.elsewhere else ""
            said.append(
                f"none of the refunds ({self.refunds:,}){within} names a sale: refund_without_sale "
                "alerts on every refund that it judges here, which tells you nothing; map the number of the "
                "sale to originalTransactionId or a customer to customerToken, or switch the rule off"
            )
        if self.late:
            said.append(
                f"refunds of another store's receipt ({self.late:,}) came before that receipt, and "
                "could not be compared: order the logs by time over all stores"
            )
        unseen = Counter({name: n for name, n in self.types.items() if name not in seen_types})
        if packaged := Counter({name: n for name, n in unseen.items() if name in PACKAGED_TYPES}):
            said.append(
                f"only packaged rules look at these event types: {_most_common(packaged)}; "
                "`rules: {packs: [pos], choice: default}` in a configuration runs them"
            )
        if unknown := unseen - packaged:
            first = unknown.most_common(1)[0][0]
            said.append(
                f"no rule looks at these event types: {_most_common(unknown)}; if one is a sale or a refund, "
                f"say so in a mapping: `types: {{{_yaml(first)}: ...}}`"
            )
        for cashier, count in self.nobody.items():
            said.append(
                f"{_events_have(count)} the cashier {cashier!r} of a constant, who is nobody: rules per "
                "cashier (refund_burst, refund_deviation) skip them"
            )
        for word, count in self.nothings.items():
            said.append(
                f"{_events_have(count)} the cashier {word!r}, which is a word for nothing: a mapping with "
                "`constants: {cashierId: unknown}` makes them nobody's, and rules per cashier skip them"
            )
        if self.repeated:
            said.append(
                (
                    "1 event repeats an event id of its store and changes nothing"
                    if self.repeated == 1
                    else f"{self.repeated:,} events repeat an event id of their store and change nothing"
                )
                + (
                    "; if each register counts its own ids, set `numbered_by: register`"
                    if numbered_by == "store"
                    else ""
                )
            )
        if self.copies:
            said.append(
                f"lines that equal an earlier one in every field, lineNumber too: {self.copies:,}, the first "
                f"of receipt {self.first_copy}; each counts once more: take them out of the export, or "
                "map an id of the line to eventId, whose copies are dropped"
            )
        said += self._about_numbers(numbered_by)
        return said

    def _about_numbers(self, numbered_by: NumberedBy) -> Iterator[str]:
        on_registers = self.on_registers if numbered_by == "store" else 0
        on_days = self.on_days if numbered_by != "register_day" else 0
        if self.on_lines * 2 > self.on_registers:
            yield (
                f"registerId differs between the lines of {plural(self.on_lines, 'receipt')}: if its column "
                "numbers their lines, map it to lineNumber"
            )
            on_registers = 0
        used = [
            *([f"{on_registers:,} by two registers of a store"] if on_registers else ()),
            *([f"{on_days:,} by one register on two days"] if on_days else ()),
        ]
        if used:
            right = "register_day" if on_days else "register"
            yield (
                f"transaction numbers are used again, {' and '.join(used)}: set `numbered_by: {right}`, "
                "or refunds and voids meet the wrong sale"
            )


def _is_exchange(refund: PosEvent, sold: int) -> bool:
    """Tell whether a sale line of the refund's own receipt was rung up with it, which is no earlier sale."""
    apart = _EXCHANGE if refund.line_number is not None else 0
    return abs(refund.event_time - sold) <= apart


def _are_lines(*registers: str) -> bool:
    """Tell whether registers look like the numbers of a receipt's lines."""
    return all(name.isascii() and name.isdigit() and int(name) < _MOST_LINES for name in registers)


def _events_have(count: int) -> str:
    return f"{plural(count, 'event')} {'has' if count == 1 else 'have'}"


def _most_common(types: Counter[str]) -> str:
    named = ", ".join(f"{name!r} ({n:,})" for name, n in types.most_common(5))
    return f"{named} and {len(types) - 5:,} more" if len(types) > 5 else named


def _yaml(text: str) -> str:
    return (
        text
        if text.replace("_", "").replace("-", "").isalnum() and text.upper() not in _YAML_WORDS
        else repr(text)
    )


_YAML_WORDS: Final = frozenset({"YES", "NO", "ON", "OFF", "TRUE", "FALSE", "NULL", "Y", "N"})


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

    Attributes
    ----------
    findings
        The findings so far.
    """

    def __init__(
        self,
        nobody: Collection[str] = (),
        numbered_by: NumberedBy = "store",
        *,
        return_stores: bool = False,
    ) -> None:
        self.findings = Findings()
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

    def take_return(self, event: Event) -> None:
        """Take note of a refund in any store whose receipt is one of another store."""
        if not isinstance(event, PosEvent) or not event.names_receipt_elsewhere:
            return
        key = hash((event.original_store_id, event.original_transaction_id))
        if key not in self._receipts and (key in self._early or len(self._early) < _MOST_IDS):
            newest, count = self._early.get(key, (0, 0))
            self._early[key] = max(newest, event.event_time), count + 1

    def _take_sale(self, event: PosEvent) -> None:
        number = event.store_id, event.transaction_id
        key = hash(number)
        known = self._receipts.get(key)
        if self._early:
            newest, count = self._early.pop(key, (0, 0))
            self.findings.late += count if event.event_time <= newest else 0
        if known is None:
            if len(self._receipts) < _MOST_IDS:
                self._receipts[key] = (event.event_time, event.register_id)
        elif self._is_of_another(event, key, known):
            self._receipts[key] = (*known, event.event_time, event.register_id)
        if event.register_id is not None and len(self._sold) < _MOST_IDS:
            self._sold.add(hash((number, event.sku)))
        token = event.customer_token or event.card_token
        if token is not None and not self.findings.matched and len(self._bought) < _MOST_IDS:
            self._bought.add(hash((event.store_id, token, event.sku)))

    def _take_refund(self, event: PosEvent) -> None:
        elsewhere = event.names_receipt_elsewhere
        self.findings.elsewhere += elsewhere
        self.findings.refunds += not elsewhere
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
        if self.findings.matched or elsewhere:
            return
        named = event.original_transaction_id
        token = event.customer_token or event.card_token
        self.findings.matched = (
            hash((event.store_id, named)) in self._receipts
            if named
            else known is not None and not _is_exchange(event, known[0])
        ) or hash((event.store_id, token, event.sku)) in self._bought
        if self.findings.matched:
            self._bought.clear()

    def _is_of_another(self, event: PosEvent, key: int, known: tuple[Any, ...]) -> bool:
        """Count a number that comes again, once; tell whether a further register uses it."""
        register = event.register_id
        for n in range(0, len(known), 2):
            if known[n + 1] == register:
                if abs(event.event_time - known[n]) >= _ANOTHER_DAY and key not in self._on_days:
                    self._on_days.add(key)
                    self.findings.on_days += 1
                return False
        if register is None or known[1] is None:
            return False
        if key not in self._on_registers:
            self._on_registers.add(key)
            self.findings.on_registers += 1
            self.findings.on_lines += event.event_time == known[0] and _are_lines(register, known[1])
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
        counts = self.findings.nobody if cashier in self._nobody else self.findings.nothings
        counts[cashier] += 1

    def _take_type(self, name: str) -> None:
        types = self.findings.types
        if name not in _LOOKED_AT and (name in types or len(types) < _MOST_TYPES):
            types[name] += 1

    def _take_line(self, line: PosEvent) -> None:
        key = hash(line)
        if key in self._lines:
            self.findings.copies += 1
            self.findings.first_copy = self.findings.first_copy or f"{line.transaction_id} ({line.store_id})"
        elif len(self._lines) < _MOST_IDS:
            self._lines.add(key)

    def _take_id(self, event: Event, event_id: str) -> None:
        kind: Any = type(event)
        if isinstance(event, PosEvent | TillEvent):
            kind = event.register_id if self._ids_by_register else POS_EVENTS
        key = hash((event.store_id, kind, event_id))
        if key in self._ids:
            self.findings.repeated += 1
        elif len(self._ids) < _MOST_IDS:
            self._ids.add(key)
