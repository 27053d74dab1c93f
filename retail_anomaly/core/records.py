"""JSON values as structs, and the one line that says which field is wrong."""

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

import msgspec

from retail_anomaly.core.errors import RetailAnomalyError

T = TypeVar("T", bound=msgspec.Struct)

_AT: Final = re.compile(r" - at `\$\.?(?P<path>.*)`$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(?P<name>\w+)`")
_FIRST_NAME: Final = re.compile(r"^\w+")
# msgspec raises its own errors; text that is not UTF-8 and lists nested too deep raise Python's.
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_GOT: Final = ", got "
_LONGEST: Final = 60  # characters of a wrong value that an error shows


class InvalidRecord(RetailAnomalyError, ValueError):
    """A value that does not fit its struct.

    Parameters
    ----------
    field
        Path of the wrong field, or None if the value as a whole is wrong.
    reason
        Names the field, the expected value and the value found.

    Examples
    --------
    >>> str(InvalidRecord("riskScore", "riskScore: expected a number from 0 to 1, got 7"))
    'riskScore: expected a number from 0 to 1, got 7'
    """

    def __init__(self, field: str | None, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


def without_value(reason: str) -> str:
    """Return the reason of an error without the value found, which may name a person.

    Examples
    --------
    >>> without_value('time: expected a whole number, got "anna"')
    'time: expected a whole number'
    """
    return reason.partition(_GOT)[0]


def decode_record(kind: type[T], raw: bytes, absent: Mapping[str, object] = _NOTHING) -> T:
    """Read one JSON object.

    Parameters
    ----------
    kind
        The struct to make. An error describes a field by the ``description`` of its type.
    raw
        JSON in UTF-8.
    absent
        As for `record_from`.

    Raises
    ------
    InvalidRecord
        The JSON is malformed or a field is wrong.

    Examples
    --------
    >>> class Tag(msgspec.Struct):
    ...     name: str
    >>> decode_record(Tag, b'{"name": 7}')
    Traceback (most recent call last):
    retail_anomaly.core.records.InvalidRecord: name: expected text, got 7
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except _UNREADABLE as error:
        return record_from(kind, _plain(raw, error), absent)


def record_from(kind: type[T], value: object, absent: Mapping[str, object] = _NOTHING) -> T:
    """Make a struct of a mapping whose names are those in JSON.

    Unknown fields are ignored. An optional field counts as absent if it is null or an empty text. A whole
    number may be written as a float.

    Parameters
    ----------
    kind
        The struct to make.
    value
        A mapping.
    absent
        Values, by name in JSON, of required fields that may be absent all the same.

    Raises
    ------
    InvalidRecord
        As `decode_record` does.

    Examples
    --------
    >>> class Tag(msgspec.Struct):
    ...     name: str
    ...     number: int = 1
    >>> record_from(Tag, {"name": "a", "number": None}), record_from(Tag, {"name": "a", "number": 2.0})
    (Tag(name='a', number=1), Tag(name='a', number=2))
    """
    if not isinstance(value, dict):
        raise InvalidRecord(None, f"expected an object with names and values{_GOT}{_shown(value)}")
    optional = {field.encode_name for field in msgspec.structs.fields(kind) if not field.required}
    optional |= absent.keys()
    present = {
        name: int(item) if isinstance(item, float) and item.is_integer() else item
        for name, item in value.items()
        if not (name in optional and (item is None or item == ""))
    }
    filled = present | {name: absent[name] for name in absent.keys() - present.keys()}
    try:
        return msgspec.convert(filled, kind)
    except msgspec.ValidationError as error:
        raise _explained(str(error), kind, present) from None


def _plain(raw: bytes, error: Exception) -> Any:
    """Return malformed JSON's value for `record_from`, or raise the error that says why there is none."""
    try:
        return msgspec.json.decode(raw)
    except RecursionError:
        raise InvalidRecord(None, "expected a JSON object, got lists nested too deep") from None
    except _UNREADABLE as malformed:
        if "out of range" in str(error) and (at := _AT.search(str(error))):
            raise InvalidRecord(at["path"], f"{at['path']}: expected a number below 1e300") from None
        detail = str(malformed).removeprefix("JSON is malformed: ")
        raise InvalidRecord(None, f"expected a JSON object in UTF-8 ({detail})") from None


def _explained(message: str, kind: type[msgspec.Struct], value: dict[str, Any]) -> InvalidRecord:
    """Return the error with the field's name, its description and the value found."""
    at = _AT.search(message)
    path = at["path"] if at else ""
    if missing := _MISSING.match(message):
        path = f"{path}.{missing['name']}" if path else missing["name"]
        return InvalidRecord(path, f"{path}: expected {_expected(kind, path)}, the field is missing")
    if not path:  # from a struct's own check of two fields: it names the first itself
        named = _FIRST_NAME.match(message)
        return InvalidRecord(named[0] if named else None, message)
    return InvalidRecord(
        path, f"{path}: expected {_expected(kind, path)}{_GOT}{_shown(_value_at(value, path))}"
    )


def _expected(kind: type[msgspec.Struct], path: str) -> str:
    """Return the description of a field's type, or of its items' type."""
    name, *rest = path.replace("[", ".[").split(".")
    fields = msgspec.inspect.type_info(kind).fields  # type: ignore[attr-defined]
    return _described(next(field.type for field in fields if field.encode_name == name), in_list=bool(rest))


def _described(kind: msgspec.inspect.Type, *, in_list: bool) -> str:
    if isinstance(kind, msgspec.inspect.UnionType):
        kind = next(each for each in kind.types if not isinstance(each, msgspec.inspect.NoneType))
    if in_list:
        whole = kind.type if isinstance(kind, msgspec.inspect.Metadata) else kind
        kind = whole.item_type if isinstance(whole, msgspec.inspect.ListType) else kind
    if isinstance(kind, msgspec.inspect.Metadata) and kind.extra_json_schema:
        return str(kind.extra_json_schema["description"])
    return _PLAIN_TYPES.get(type(kind), "another value")


_PLAIN_TYPES: Final[dict[type, str]] = {
    msgspec.inspect.StrType: "text",
    msgspec.inspect.IntType: "a whole number",
    msgspec.inspect.FloatType: "a number",
    msgspec.inspect.BoolType: "true or false",
    msgspec.inspect.ListType: "a list",
    msgspec.inspect.DictType: "an object with names and values",
}


def _value_at(value: Any, path: str) -> Any:
    for step in re.findall(r"\w+", path):
        value = value[int(step)] if isinstance(value, list | tuple) else value.get(step)
    return value


def _shown(value: object) -> str:
    """Return a value as it stands in JSON, shortened."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError, msgspec.MsgspecError):
        text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
