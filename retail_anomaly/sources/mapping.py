"""A mapping: how foreign data is read as events."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from retail_anomaly.core.events import POS_EVENTS
from retail_anomaly.sources.columns import FIELDS, Columns

_EXCEL_ERRORS: Final = (
    "#REF! #VALUE! #NAME? #DIV/0! #NUM! #NULL! #SPILL! #CALC! #FIELD! #BLOCKED! #BUSY! #CONNECT! #EXTERNAL! "
    "#UNKNOWN! #PYTHON! #GETTING_DATA"
)
FORMULA_ERRORS: Final = frozenset({*_EXCEL_ERRORS.split(), *(f"ERR:{code}" for code in range(501, 541))})
"""What Excel and LibreOffice write in the place of a formula's value, in capitals."""
_NULLS: Final = ("null", "(null)", "\\n", "nan", "<na>", "#n/a", "none", "-")
NULL_WORDS: Final = frozenset({*_NULLS, *map(str.lower, FORMULA_ERRORS)})
"""Words for an absent optional text, in lower case. NA is not one: it can be a store."""
FLAG_WORDS: Final[Mapping[str, bool]] = {
    "true": True,
    "false": False,
    "1": True,
    "0": False,
    "1.0": True,
    "0.0": False,
}
"""Words that a flag may be, in any case."""
MONEY: Final = frozenset({"amount", "unitPrice", "listPrice", "discountAmount", "expectedAmount"})
"""The fields that hold money."""


class TopicMapping(msgspec.Struct, frozen=True, kw_only=True):
    """How the values of one topic are read.

    Parameters
    ----------
    columns
        Columns by field. Of several columns the first that is filled counts; those of a time are joined.
    constants
        Value by field, for rows in which its columns are missing or empty.
    types
        Our event type by theirs, theirs in capitals.
    negative
        ``refund``: a negative amount or quantity is a refund.
    amount
        Whether the amount is the line's total or the price of one piece.
    minor_units
        How many of the amount's last digits are behind the decimal point: 2 for cents.
    decimal, thousands, currency
        How numbers are written, see `retail_anomaly.sources.number_forms.NumberForm`.
    nulls
        Words for an absent optional value, in lower case. None: `NULL_WORDS`, in texts only.
    flags
        Words for true and false, in lower case.
    dates
        Forms of times besides ISO 8601, see `retail_anomaly.sources.date_forms`.
    time_zone
        Zone of times that have none; None: that of the store.
    trim
        Whether blanks around a cell are no part of it.

    Examples
    --------
    >>> TopicMapping(columns={"sku": ("article",)}).columns_of("sku"), TopicMapping().columns_of("sku")
    (('article',), ('sku',))
    """

    columns: Mapping[str, tuple[str, ...]] = {}
    constants: Mapping[str, Any] = {}
    types: Mapping[str, str] = {}
    negative: Literal["refund"] | None = None
    amount: Literal["line", "per_unit"] = "line"
    minor_units: int = 0
    decimal: str | None = None
    thousands: str | None = None
    currency: tuple[str, ...] = ()
    nulls: frozenset[str] | None = None
    flags: Mapping[str, bool] = msgspec.field(default_factory=lambda: FLAG_WORDS)
    dates: tuple[str, ...] = ()
    time_zone: str | None = None
    trim: bool = True

    def columns_of(self, field: str) -> tuple[str, ...]:
        """Return the names of a field's columns."""
        return self.columns.get(field) or (field,)

    @property
    def states_decimal(self) -> bool:
        """Whether it tells a decimal point from a comma."""
        return self.decimal is not None or self.thousands in (".", ",")


class EventMapping(msgspec.Struct, frozen=True, kw_only=True):
    """A mapping of all topics, and of the file that they stand in.

    Parameters
    ----------
    topics
        The mapping of each topic.
    topic
        The topic of a table whose name does not say it.
    encoding, separator
        Of CSV files; None: found out.
    sheet
        Of Excel files; None: the first.
    header
        The number of the line or row that names the columns, of CSV and Excel files; None: found out.
    fill_down
        Columns of a table that only the first row of a receipt fills.
    source
        The file that it was read from; None: it was made in Python.
    is_packaged
        Whether it comes with the package: an export may then lack the columns of fields that are
        optional or have a constant.

    Examples
    --------
    >>> EventMapping.of(Columns({"sku": "article"})).of_topic("pos-events").columns
    {'sku': ('article',)}
    """

    topics: Mapping[str, TopicMapping] = {}
    topic: str | None = None
    encoding: str | None = None
    separator: str | None = None
    sheet: str | None = None
    header: int | None = None
    fill_down: tuple[str, ...] = ()
    source: str | None = None
    is_packaged: bool = False

    @classmethod
    def of(cls, columns: "Columns | EventMapping | None") -> "EventMapping":
        """Return a mapping that has these columns and constants, or the mapping itself."""
        if isinstance(columns, EventMapping):
            return columns
        if not columns:
            return _PLAIN
        found = {}
        for topic, fields in FIELDS.items():
            named = {f: (column,) for f, column in columns.columns.items() if f in fields}
            filled = {f: value for f, value in columns.constants.items() if f in fields}
            found[topic] = TopicMapping(columns=named, constants=filled)
        return cls(topics=found)

    def with_columns(self, columns: Columns) -> "EventMapping":
        """Return the mapping with these columns and constants put over it."""
        if not columns:
            return self
        over = EventMapping.of(columns).topics
        merged = {topic: _merged(self.of_topic(topic), over[topic]) for topic in FIELDS}
        return msgspec.structs.replace(self, topics=merged)

    def of_topic(self, topic: str) -> TopicMapping:
        """Return the mapping of a topic."""
        return self.topics.get(topic, _PLAIN_TOPIC)

    def __bool__(self) -> bool:
        return self != _PLAIN

    @property
    def nobody(self) -> frozenset[str]:
        """The cashiers that are nobody: a constant filled them in."""
        cashier = self.of_topic(POS_EVENTS).constants.get("cashierId")
        return frozenset() if cashier is None else frozenset({str(cashier)})


def _merged(under: TopicMapping, over: TopicMapping) -> TopicMapping:
    return msgspec.structs.replace(
        under,
        columns={**under.columns, **over.columns},
        constants={**under.constants, **over.constants},
    )


_PLAIN_TOPIC: Final = TopicMapping()
_PLAIN: Final = EventMapping()
