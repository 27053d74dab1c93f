"""Mappings to events: a row of a table, or a JSON object that the strict decoder refused.

An optional field that is null or empty counts as absent, and a whole number may be written as 3.0.
"""

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from retail_anomaly.core.card_numbers import card_number_field
from retail_anomaly.core.event_checks import card_number_error, checked
from retail_anomaly.core.events import (
    EVENT_TYPES,
    INPUT_TOPICS,
    LINE_VOID,
    POS_EVENTS,
    POST_VOID,
    REFUND,
    SALE,
    VOID,
    Event,
    PosEvent,
    TillEvent,
)
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.core.plain_types import refused
from retail_anomaly.core.quantities import whole

_LINE_FIELDS: Final = ("transactionId", "sku", "amount")
LINE_TYPES: Final = frozenset({SALE, REFUND, LINE_VOID})
"""The types of POS events that are receipt lines."""
VOID_TYPES: Final = frozenset({VOID, POST_VOID})
"""Those that take back a whole receipt, which they name."""
_OVERFLOW: Final = 10**309  # no float is that large


def from_mapping(topic: str, value: Mapping[str, Any]) -> Event:
    """Make an event of a mapping, such as a decoded JSON object.

    Parameters
    ----------
    topic
        One of the input topics.
    value
        Values by the field names of the JSON, in camelCase; the rules of `retail_anomaly.core.codec.decode`
        apply.

    Returns
    -------
    Event
        The typed event.

    Raises
    ------
    InvalidEvent
        The mapping is not such an event; the reason names the field and the value that was expected.

    Examples
    --------
    >>> from_mapping("inventory-counts",
    ...     {"storeId": "s", "sku": "k", "countedQty": 3, "eventTime": 1_760_000_000_000})
    CountEvent(store_id='s', sku='k', counted_qty=3, event_time=1760000000000, manager_id=None)
    """
    if topic not in EVENT_TYPES:
        raise InvalidEvent("topic", unknown_topic(topic))
    card = card_number_field(value)
    if card is not None:
        raise card_number_error(card)
    event_type = _till_or_line(value) if topic == POS_EVENTS else EVENT_TYPES[topic]
    fields = _FIELDS[event_type]
    present: dict[str, Any] = {}
    for name, field in value.items():
        if name not in fields.normalise or ((field is None or field == "") and name in fields.optional):
            continue
        normalise = fields.normalise[name]
        present[name] = field if normalise is None else normalise(name, field)
    if event_type is TillEvent and "transactionId" not in present and _kind(value) in VOID_TYPES:
        raise InvalidEvent("transactionId", "transactionId: expected a value, the field is missing")
    try:
        event: Event = msgspec.convert(present, event_type)
    except msgspec.ValidationError as error:
        raise refused(str(error), present) from None
    for name, field in present.items():
        # A data frame can hold half a character (a lone surrogate); JSON cannot.
        if isinstance(field, str) and not field.isascii() and not _is_text(field):
            raise InvalidEvent(name, f"{name}: expected text that UTF-8 can write")
    return checked(event)


def field_names(topic: str) -> Collection[str]:
    """Return the names on the wire of the fields that an event of a topic can have.

    Examples
    --------
    >>> sorted(field_names("inventory-counts"))
    ['countedQty', 'eventTime', 'managerId', 'sku', 'storeId']
    """
    return _FIELDS[EVENT_TYPES[topic]].normalise


def unknown_topic(topic: str) -> str:
    """Return the text of the error of a topic that is no input topic.

    Examples
    --------
    >>> unknown_topic("till").rpartition(", got ")[2]
    "'till'"
    """
    return f"topic: expected one of {', '.join(INPUT_TOPICS)}, got {topic!r}"


class _Fields:
    """The fields of a type of event by their names on the wire."""

    def __init__(self, event_type: type[Event]) -> None:
        fields = msgspec.structs.fields(event_type)
        self.optional = frozenset(f.encode_name for f in fields if not f.required)
        self.normalise: dict[str, Callable[[str, Any], Any] | None] = {
            f.encode_name: _normaliser(msgspec.inspect.type_info(f.type)) for f in fields
        }


def _normaliser(kind: msgspec.inspect.Type) -> Callable[[str, Any], Any] | None:
    """Return the function that gives a number the form that JSON has, or None where no number is wanted."""
    if _holds(kind, msgspec.inspect.IntType):
        return _integer
    return _number if _holds(kind, msgspec.inspect.FloatType) else None


def _holds(kind: msgspec.inspect.Type, wanted: type[msgspec.inspect.Type]) -> bool:
    if isinstance(kind, msgspec.inspect.Metadata):
        kind = kind.type
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(_holds(part, wanted) for part in kind.types)
    return isinstance(kind, wanted)


def _number(name: str, number: Any) -> Any:
    """Return a number as JSON would have it; what is none is left to the check of the types."""
    if isinstance(number, Decimal):
        try:
            return float(number)
        except (ValueError, OverflowError):  # a signalling NaN
            return None
    if isinstance(number, int) and not -_OVERFLOW < number < _OVERFLOW:
        raise InvalidEvent(name, f"{name}: number out of range")
    return number


def _integer(name: str, number: Any) -> Any:
    """Return a number as `_number` does, a whole one as an integer."""
    number = _number(name, number)
    return whole(number) if isinstance(number, float) else number


def _till_or_line(value: Mapping[str, Any]) -> type[PosEvent] | type[TillEvent]:
    kind = _kind(value)
    if kind in LINE_TYPES or not kind:
        return PosEvent
    return TillEvent if any(value.get(name) in (None, "") for name in _LINE_FIELDS) else PosEvent


def _kind(value: Mapping[str, Any]) -> str:
    kind = value.get("eventType")
    return kind.upper() if isinstance(kind, str) else ""


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_FIELDS: Final = {event_type: _Fields(event_type) for event_type in (*EVENT_TYPES.values(), TillEvent)}
