"""Foreign data: the column that holds a field, and the constant for a field without one."""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec.inspect import BoolType, FloatType, IntType, Metadata, StructType, UnionType, type_info

from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.events import EVENT_TYPES

Kind: TypeAlias = Literal["text", "integer", "decimal", "number", "flag"]


class ColumnsError(UsageError, ValueError):
    """The mapping of columns can't work; the text is one line that names the field."""


def _kinds(struct: StructType, prefix: str = "") -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    for field in struct.fields:
        name, kind = f"{prefix}{field.encode_name}", field.type
        parts = kind.types if isinstance(kind, UnionType) else (kind,)  # with None: optional
        parts = tuple(part.type if isinstance(part, Metadata) else part for part in parts)
        if isinstance(parts[0], StructType):
            found |= _kinds(parts[0], f"{name}.")
        else:
            found[name] = _kind({type(part) for part in parts})
    return found


def _kind(parts: set[type]) -> Kind:
    if {IntType, FloatType} <= parts:
        return "decimal"
    if IntType in parts:
        return "integer"
    if FloatType in parts:
        return "number"
    return "flag" if BoolType in parts else "text"


def _struct(event_type: type) -> StructType:
    info = type_info(event_type)
    assert isinstance(info, StructType)  # noqa: S101 - for the type checker
    return info


FIELDS: Final[Mapping[str, Mapping[str, Kind]]] = {
    topic: _kinds(_struct(event_type)) for topic, event_type in EVENT_TYPES.items()
}
"""By topic: every field's name on the wire, nested ones dotted, and its kind."""

REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    topic: tuple(
        name
        for name in FIELDS[topic]
        for field in msgspec.structs.fields(event_type)
        if field.required and name.partition(".")[0] == field.encode_name
    )
    for topic, event_type in EVENT_TYPES.items()
}
"""By topic: the fields that an event can't do without."""

OPTIONAL: Final[Mapping[str, Mapping[str, Any]]] = {
    topic: {
        field.encode_name: field.default for field in msgspec.structs.fields(event_type) if not field.required
    }
    for topic, event_type in EVENT_TYPES.items()
}
"""By topic: the fields that an event may lack, and their values then."""

TIMES: Final = frozenset({"eventTime", "shiftStart", "shiftEnd"})
"""The fields that hold a time in epoch milliseconds."""

_ALL: Final = {name: kind for fields in FIELDS.values() for name, kind in fields.items()}


def kind_of_field(field: str) -> Kind | None:
    """Return the kind of a field of any topic.

    Examples
    --------
    >>> kind_of_field("eventData.alarm"), kind_of_field("colour")
    ('flag', None)
    """
    return _ALL.get(field)


class Columns:
    """Where foreign data keeps each field.

    Parameters
    ----------
    columns
        Column by field, such as ``{"cashierId": "customerId"}``. A field that isn't listed is
        looked for under its own name; a nested one is written ``eventData.alarm``.
    constants
        Value by field, for rows in which the field's column is missing or empty.

    Examples
    --------
    >>> columns = Columns.parse("cashierId=customerId:unknown,storeId=:web")
    >>> columns.columns, columns.constants
    ({'cashierId': 'customerId'}, {'cashierId': 'unknown', 'storeId': 'web'})
    >>> columns.of({"customerId": None, "sku": "k"}, "inventory-counts")
    {'storeId': 'web', 'sku': 'k'}
    """

    def __init__(
        self,
        columns: Mapping[str, str] | None = None,
        constants: Mapping[str, Any] | None = None,
    ) -> None:
        self.columns = dict(columns or {})
        self.constants = dict(constants or {})
        for field in (*self.columns, *self.constants):
            if field not in _ALL:
                raise ColumnsError(f"unknown field {field!r}; the fields are {', '.join(_ALL)}")

    def __bool__(self) -> bool:
        return bool(self.columns or self.constants)

    @classmethod
    def parse(cls, text: str) -> "Columns":
        """Read ``field=column``, ``field=column:constant`` or ``field=:constant``, comma-separated.

        Raises
        ------
        ColumnsError
            The text is no such list, or names an unknown field.
        """
        columns: dict[str, str] = {}
        constants: dict[str, Any] = {}
        for part in filter(None, map(str.strip, text.split(","))):
            field, equals, rest = part.partition("=")
            column, colon, constant = rest.partition(":")
            if not (field and equals and (column or constant)):
                raise ColumnsError(
                    f"expected field=column, field=column:constant or field=:constant, got {part!r}"
                )
            if field in columns or field in constants:
                raise ColumnsError(f"{field} is given twice")
            if column:
                columns[field] = column
            if colon:
                constants[field] = constant_of(field, constant)
        return cls(columns, constants)

    def column(self, field: str) -> str:
        """Return the name of a field's column."""
        return self.columns.get(field, field)

    def of(self, row: Mapping[str, Any], topic: str) -> dict[str, Any]:
        """Return a foreign row as an event's value, under the names on the wire."""
        found: dict[str, Any] = {}
        for field in FIELDS.get(topic, {}):
            value = _look_up(row, self.column(field))
            if value is None or value == "":
                value = self.constants.get(field, value)
            if value is not None:
                put(found, field, value)
        return found


def put(event: dict[str, Any], field: str, value: object) -> None:
    """Set a field, a dotted one inside its parent.

    Examples
    --------
    >>> event = {}
    >>> put(event, "eventData.alarm", True)
    >>> event
    {'eventData': {'alarm': True}}
    """
    parent, dot, child = field.partition(".")
    if dot:
        event.setdefault(parent, {})[child] = value
    else:
        event[field] = value


def _look_up(row: Mapping[str, Any], column: str) -> Any:
    if column in row:
        return row[column]
    parent, _, child = column.partition(".")
    inner = row.get(parent) if child else None
    return inner.get(child) if isinstance(inner, Mapping) else None


def constant_of(field: str, text: str) -> Any:
    """Return the value of a field that a text names.

    Raises
    ------
    ColumnsError
        It is of another kind.

    Examples
    --------
    >>> constant_of("quantity", "2"), constant_of("storeId", "2")
    (2, '2')
    """
    if _ALL.get(field, "text") == "text":
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise ColumnsError(f"{field}: expected {_ALL[field]}, got {text!r}") from None
