"""A rule after its check: plain values, ready to be compiled, written and compared."""

from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from retail_anomaly.core.alerts import config_hash
from retail_anomaly.core.markup import html_paragraph, html_table

DAY: Final = 86_400_000
WhenKind = Literal["count", "sum", "distinct", "ratio", "sequence", "absent"]
Status = Literal["off", "shadow", "live"]


class FieldTest(msgspec.Struct, frozen=True):
    """A test of one field of an event.

    Parameters
    ----------
    field, modifier
        For example ``amount`` and ``gte``; without a modifier, an empty text.
    wanted
        The value beside it; for equality and ``not`` a tuple of values.
    """

    field: str
    modifier: str
    wanted: Any


class EventFilter(msgspec.Struct, frozen=True):
    """Tests that all hold for an event of a topic."""

    topic: str
    tests: tuple[FieldTest, ...]

    @property
    def names_training(self) -> bool:
        """Whether the filter sees training events."""
        return any(test.field == "training" for test in self.tests)


class Condition(msgspec.Struct, frozen=True):
    """The part `when` of a rule.

    Parameters
    ----------
    kind
        Its kind.
    first
        The event that is counted; of a ratio the part; of a sequence the earlier; of an absence the one after
        which an event is missing.
    second
        Of a ratio the whole, of a sequence the later, of an absence the missing one.
    field
        The field of a sum or of distinct values.
    gte, minimum
        The limit, and for a ratio the least number of `second`.
    """

    kind: WhenKind
    first: str
    second: str | None = None
    field: str | None = None
    gte: float = 0.0
    minimum: int = 1


class Rule(msgspec.Struct, frozen=True):
    """A declarative rule.

    Parameters
    ----------
    id, version, status
        Its name, its version, and ``off``, ``shadow`` or ``live``.
    message
        The text of its alerts, with ``{value}`` and the names of fields in braces.
    events
        Filters by event name; one of an event's filters must hold.
    by
        The fields whose values make a group.
    window
        Milliseconds, ``day`` or ``receipt``.
    when
        The condition.
    subject
        The field that becomes the alert's employee.
    risk
        Pairs of a value and the risk from there on; a single risk is one pair.
    written
        The rule as a mapping, the form in which it is sent and hashed.
    place
        Where it was read.

    Examples
    --------
    >>> rule = Rule.load('''
    ... id: drawer_opened
    ... message: "Cashier {cashierId} opened the drawer {value} times without a sale."
    ... events: {drawer: {eventType: NO_SALE}}
    ... by: [cashierId]
    ... window: 8h
    ... when: {count: drawer, gte: 5}
    ... ''')
    >>> rule.name, rule.status, rule.when.gte
    ('rule:drawer_opened', 'shadow', 5.0)
    """

    id: str
    version: int
    status: Status
    message: str
    events: dict[str, tuple[EventFilter, ...]]
    by: tuple[str, ...]
    window: int | Literal["day", "receipt"]
    when: Condition
    subject: str | None
    risk: tuple[tuple[float, float], ...]
    written: dict[str, Any]
    place: str = ""

    @classmethod
    def load(cls, source: "str | Path | dict[str, Any]") -> "Rule":
        """Read one rule from a file, from YAML text or from a mapping.

        Raises
        ------
        RuleError
            It is wrong, or there is more than one.
        """
        from retail_anomaly.rules.load import load_rule

        return load_rule(source)

    @property
    def name(self) -> str:
        """The name of its detector."""
        return f"rule:{self.id}"

    @property
    def alert_type(self) -> str:
        """The type of its alerts."""
        return self.id.upper()

    @property
    def length(self) -> int:
        """The length of a window that is no local day, in milliseconds."""
        return self.window if isinstance(self.window, int) else DAY

    @property
    def span(self) -> int:
        """How long after an event the rule may need it, in milliseconds."""
        # A day is an hour longer when summer time ends.
        return self.window if isinstance(self.window, int) else DAY + (self.window == "day") * DAY // 12

    @property
    def config_hash(self) -> str:
        """Short hash of everything that decides its alerts."""
        return config_hash({name: self.written[name] for name in sorted(self.written.keys() - _SILENT)})

    @property
    def shape(self) -> str:
        """Short hash of everything that decides its state: two rules of equal shape can share it."""
        when = (self.when.kind, self.when.first, self.when.second, self.when.field)
        return config_hash([self.events, self.by, self.window, when])

    def _repr_html_(self) -> str:
        rows = [(name, str(value)) for name, value in self.written.items() if name != "examples"]
        return html_paragraph(f"{self.name}, version {self.version}, {self.status}") + html_table(rows)


def with_status(rule: Rule, status: Status) -> Rule:
    """Return a rule with another status.

    Examples
    --------
    >>> rule = Rule.load({"id": "a", "events": {"e": {"eventType": "NO_SALE"}}, "window": "1h",
    ...     "when": {"count": "e", "gte": 2}})
    >>> with_status(rule, "live").status
    'live'
    """
    return msgspec.structs.replace(rule, status=status, written={**rule.written, "status": status})


_SILENT: Final = {"examples", "description", "default_from", "cannot_see", "what_to_do"}
