"""The remarks about a log that a person should read before its alerts."""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from retail_anomaly.core.errors import one_line
from retail_anomaly.core.quantities import plural
from retail_anomaly.core.receipts import NumberedBy
from retail_anomaly.rules.choice import PACKAGED_TYPES


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
    >>> Findings(refunds=1).remarks()[0][:56]
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
                f"of receipt {one_line(self.first_copy)}; each counts once more: take them out of the "
                "export, or map an id of the line to eventId, whose copies are dropped"
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
