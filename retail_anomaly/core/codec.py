"""Bytes to events and back.

A strict compiled decoder reads every good event in one pass. A value that it refuses is read once more,
slowly: to accept an optional field that is null or empty or a whole number written as 3.0, or to name the
field that is wrong.
"""

import base64
import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, get_args

import msgspec

from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.core.events import (
    EVENT_TYPES,
    INPUT_TOPICS,
    Event,
)


def _is_whole(kind: Any) -> bool:
    return kind is int or int in get_args(kind)


_DECODE: Final = {topic: msgspec.json.Decoder(event_type).decode for topic, event_type in EVENT_TYPES.items()}
_OPTIONAL: Final = {
    topic: frozenset(f.encode_name for f in msgspec.structs.fields(event_type) if not f.required)
    for topic, event_type in EVENT_TYPES.items()
}
# The fields with a whole number; none of them is nested.
_WHOLE: Final = {
    topic: tuple(f.encode_name for f in msgspec.structs.fields(event_type) if _is_whole(f.type))
    for topic, event_type in EVENT_TYPES.items()
}
_TOPIC_OF: Final = {event_type: topic for topic, event_type in EVENT_TYPES.items()}
_ENCODER: Final = msgspec.json.Encoder()
# A hostile value raises more than msgspec's own errors: nested too deep, or not UTF-8.
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_AT: Final = re.compile(r"^(?P<expected>.*?) - at `\$\.?(?P<path>.*)`$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(?P<name>\w+)`(?: - at `\$\.(?P<path>.*)`)?$")
_LEADING: Final = re.compile(r"^(?P<name>\w+): ")


class InvalidKind(StrEnum):
    """Kinds of invalid records, for code that treats them differently; the reason is for people."""

    JSON = "json"
    """The value as a whole is not a JSON object in UTF-8."""
    FIELD = "field"
    """One field is missing or wrong."""
    KEY_MISMATCH = "key_mismatch"
    """The record's key is not its store."""
    TIME_AHEAD = "time_ahead"
    """The event time is too far after the record's timestamp."""
    REFUSED = "refused"
    """InfluxDB refuses the record."""


class InvalidEvent(RetailAnomalyError, ValueError):
    """A value is not a valid event.

    Parameters
    ----------
    field
        The path of the field that is wrong, or None when the value as a whole is.
    reason
        Names the field and says which value was expected.
    kind
        By default ``FIELD`` if a field is given, else ``JSON``.

    Examples
    --------
    >>> error = InvalidEvent("amount", "amount: expected a number >= 0")
    >>> str(error), error.kind.value
    ('amount: expected a number >= 0', 'field')
    """

    def __init__(self, field: str | None, reason: str, kind: InvalidKind | None = None) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason
        self.kind = kind or (InvalidKind.JSON if field is None else InvalidKind.FIELD)


class DeadLetter(msgspec.Struct, frozen=True):
    """A record that could not be read, with everything you need to find it and send it again.

    Parameters
    ----------
    reason, field
        Which value was expected, and in which field (None: the value as a whole is wrong).
    topic, partition, offset, timestamp
        Place of the record, and its timestamp in epoch milliseconds.
    key
        The record's key as text; bytes that are not UTF-8 are escaped.
    value
        The raw bytes in base64: nothing is lost.
    kind
        The kind of the error. `encode` leaves it out: consumers of the topic never see it.

    Examples
    --------
    >>> DeadLetter.of(b"{", InvalidEvent(None, "not JSON"), topic="pos-events").value
    'ew=='
    """

    reason: str
    field: str | None
    topic: str
    partition: int | None
    offset: int | None
    timestamp: int | None
    key: str | None
    value: str | None
    kind: InvalidKind | None = None

    @classmethod
    def of(
        cls,
        raw: bytes | None,
        error: InvalidEvent,
        *,
        topic: str,
        partition: int | None = None,
        offset: int | None = None,
        timestamp: int | None = None,
        key: bytes | None = None,
    ) -> "DeadLetter":
        """Describe a record that raised `error`."""
        return cls(
            reason=error.reason,
            field=error.field,
            topic=topic,
            partition=partition,
            offset=offset,
            timestamp=timestamp,
            key=None if key is None else key.decode("utf-8", "backslashreplace"),
            value=None if raw is None else base64.b64encode(raw).decode("ascii"),
            kind=error.kind,
        )


# The fields of a dead letter on the wire.
_SENT: Final = tuple(name for name in DeadLetter.__struct_fields__ if name != "kind")


def decode(topic: str, raw: bytes | None) -> Event:
    """Read one event.

    Parameters
    ----------
    topic
        One of the input topics.
    raw
        The record's value: a JSON object in UTF-8.

    Returns
    -------
    Event
        The typed event. Unknown fields are ignored; an optional field that is null or an empty
        string counts as absent. A whole number may be written as 3.0. A byte order mark is skipped.

    Raises
    ------
    InvalidEvent
        The value is not such an event; the reason names the field and the value that was expected.

    Examples
    --------
    >>> decode("inventory-counts", b'{"storeId":"s","sku":"k","countedQty":-1,"eventTime":1}')
    Traceback (most recent call last):
    retail_anomaly.core.codec.InvalidEvent: countedQty: expected `int` >= 0
    """
    try:
        return _DECODE[topic](raw)  # type: ignore[arg-type]
    except _UNREADABLE as error:
        return _decode_lenient(topic, raw, error)
    except (KeyError, TypeError):
        if topic not in EVENT_TYPES:
            raise InvalidEvent("topic", _unknown_topic(topic)) from None
        raise InvalidEvent(None, "value: expected a JSON object, got none") from None


def from_mapping(topic: str, value: Mapping[str, Any]) -> Event:
    """Make an event of a mapping, such as a decoded JSON object.

    Parameters
    ----------
    topic
        One of the input topics.
    value
        Values by the field names of the JSON, in camelCase; the rules of `decode` apply.

    Returns
    -------
    Event
        The typed event.

    Raises
    ------
    InvalidEvent
        The mapping is not such an event, as for `decode`.

    Examples
    --------
    >>> from_mapping("inventory-counts",
    ...     {"storeId": "s", "sku": "k", "countedQty": 3, "eventTime": 1_760_000_000_000})
    CountEvent(store_id='s', sku='k', counted_qty=3, event_time=1760000000000, manager_id=None)
    """
    event_type = EVENT_TYPES.get(topic)
    if event_type is None:
        raise InvalidEvent("topic", _unknown_topic(topic))
    optional = _OPTIONAL[topic]
    present = {
        name: field
        for name, field in value.items()
        if not (name in optional and (field is None or field == ""))
    }
    for name in _WHOLE[topic]:
        number = present.get(name)
        if isinstance(number, float) and number.is_integer():
            present[name] = int(number)
    try:
        event = msgspec.convert(present, event_type)
    except msgspec.ValidationError as error:
        raise _explain(str(error)) from None
    for name, field in present.items():
        # A data frame can hold half a character (a lone surrogate); JSON cannot.
        if isinstance(field, str) and not field.isascii() and not _is_text(field):
            raise InvalidEvent(name, f"{name}: expected text that UTF-8 can write")
    return event


def encode(value: object) -> bytes:
    """Write an event, an alert or a dead letter as JSON; an event's absent optional fields are left out.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> encode(CountEvent("s", "k", 3, 1_760_000_000_000))
    b'{"storeId":"s","sku":"k","countedQty":3,"eventTime":1760000000000}'
    """
    if isinstance(value, DeadLetter):
        return _ENCODER.encode({name: getattr(value, name) for name in _SENT})
    return _ENCODER.encode(value)


def topic_of(event: Event) -> str:
    """Return the topic that carries events of this type.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> topic_of(CountEvent("s", "k", 3, 1_760_000_000_000))
    'inventory-counts'
    """
    return _TOPIC_OF[type(event)]


def _decode_lenient(topic: str, raw: bytes | None, strict: Exception) -> Event:
    try:
        value = msgspec.json.decode((raw or b"").removeprefix(BOM_UTF8))
    except RecursionError:
        raise InvalidEvent(None, "value: expected JSON, got one nested too deep") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        if "out of range" in str(strict):  # JSON, but a number such as 1e400: the field has a name
            raise _explain(str(strict)) from None
        detail = str(error).removeprefix("JSON is malformed: ")
        raise InvalidEvent(None, f"value: expected JSON in UTF-8 ({detail})") from None
    if not isinstance(value, dict):
        kind = "null" if value is None else type(value).__name__
        raise InvalidEvent(None, f"value: expected a JSON object, got `{kind}`")
    return from_mapping(topic, value)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _explain(message: str) -> InvalidEvent:
    """Turn msgspec's message into one that starts with the field's name."""
    if missing := _MISSING.match(message):
        parent = missing["path"]
        path = f"{parent}.{missing['name']}" if parent else missing["name"]
        return InvalidEvent(path, f"{path}: expected a value, the field is missing")
    if at := _AT.match(message):
        expected = at["expected"]
        return InvalidEvent(at["path"], f"{at['path']}: {expected[:1].lower()}{expected[1:]}")
    if leading := _LEADING.match(message):
        return InvalidEvent(leading["name"], message)
    return InvalidEvent(None, f"value: {message}")


def _unknown_topic(topic: str) -> str:
    return f"topic: expected one of {', '.join(INPUT_TOPICS)}, got {topic!r}"
