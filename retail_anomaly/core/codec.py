"""Bytes to events and back.

A strict compiled decoder reads nearly every good event in one pass. A value that it refuses is read once
more, slowly: to accept an optional field that is null or empty or a whole number written as 3.0, to accept a
POS event that is no receipt line, or to name the field that is wrong.
"""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, Protocol, TypeAlias

import msgspec
from msgspec.structs import force_setattr

from retail_anomaly.core.card_numbers import card_number_field, is_card_number
from retail_anomaly.core.events import (
    EVENT_TYPES,
    IMPLIED,
    INPUT_TOPICS,
    LINE_VOID,
    POS_EVENTS,
    POST_VOID,
    REFUND,
    SALE,
    VOID,
    CountEvent,
    Event,
    MovementEvent,
    PosEvent,
    TillEvent,
)
from retail_anomaly.core.foreign_formats import foreign_format
from retail_anomaly.core.invalid import SENT_FIELDS, DeadLetter, InvalidEvent, InvalidKind
from retail_anomaly.core.local_time import is_date
from retail_anomaly.core.plain_types import kind_of, refused
from retail_anomaly.core.quantities import whole

_DECODE: Final = {topic: msgspec.json.Decoder(event_type).decode for topic, event_type in EVENT_TYPES.items()}
_DECODE_LINE: Final = msgspec.json.Decoder(PosEvent).decode
_DECODE_TILL: Final = msgspec.json.Decoder(TillEvent).decode
_TOPIC_OF: Final = {event_type: topic for topic, event_type in EVENT_TYPES.items()} | {TillEvent: POS_EVENTS}
_LINE_FIELDS: Final = ("transactionId", "sku", "amount")
_LINE_TYPES: Final = frozenset({SALE, REFUND, LINE_VOID})
_VOID_TYPES: Final = frozenset({VOID, POST_VOID})
_OVERFLOW: Final = 10**309  # no float is that large


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


_ENCODER: Final = msgspec.json.Encoder()
# A hostile value raises more than msgspec's own errors: nested too deep, or not UTF-8.
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


_MAY_BE_FOREIGN: Final = (InvalidKind.JSON, InvalidKind.FIELD)


Decode: TypeAlias = Callable[[str, bytes | None], Event]


class Hiding(Protocol):
    """Puts other names in the place of those that events bear."""

    newest: Mapping[str, str]
    """The names of newest times, by name: it makes each that is asked for."""
    newest_since: int
    """The time from which these are used, in epoch milliseconds."""

    def hidden(self, event: Event) -> Event:
        """Change an event, and return it."""


def decoder(hiding: Hiding | None = None) -> Decode:
    """Return the function `decode`, or one that also hides the names in what it reads.

    Parameters
    ----------
    hiding
        Hides them. For nearly every receipt line its dictionary is asked here, which spares two calls.
    """
    newest = None if hiding is None else hiding.newest
    since = 0 if hiding is None else hiding.newest_since
    hidden = _unchanged if hiding is None else hiding.hidden

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
        retail_anomaly.core.invalid.InvalidEvent: countedQty: expected a number >= 0
        """
        try:
            if topic == POS_EVENTS:
                line = _DECODE_LINE(raw)  # type: ignore[arg-type]
                # Nearly every line ends here: what `checked` looks at costs nothing where it is absent.
                quantity = line.quantity
                if (
                    (quantity is IMPLIED or quantity.__class__ is not float)
                    and line.customer_token is None
                    and line.card_token is None
                    and line.gift_card_token is None
                    and line.business_date is None
                    and line.original_business_date is None
                ):
                    if newest is None:
                        return line
                    if line.event_time >= since:
                        force_setattr(line, "cashier_id", newest[line.cashier_id])
                        if line.approver_id is not None:
                            force_setattr(line, "approver_id", newest[line.approver_id])
                        return line
                    return hidden(line)
                return hidden(checked(line))
            return hidden(checked(_DECODE[topic](raw)))  # type: ignore[arg-type]
        except _UNREADABLE as error:
            try:
                return hidden(_decode_lenient(topic, raw or b"", str(error)))
            except InvalidEvent as invalid:
                foreign = foreign_format(raw or b"") if invalid.kind in _MAY_BE_FOREIGN else None
                if foreign is None:
                    raise
                raise InvalidEvent(None, f"value: expected the event as JSON, got {foreign}") from None
        except (KeyError, TypeError):
            if topic not in EVENT_TYPES:
                raise InvalidEvent("topic", _unknown_topic(topic)) from None
            raise InvalidEvent(None, "value: expected a JSON object, got none") from None

    return decode


def _unchanged(event: Event) -> Event:
    return event


decode: Final = decoder()


def checked(event: Event) -> Event:
    """Check what the types of the fields cannot say; `decode` and `from_mapping` do it themselves.

    Parameters
    ----------
    event
        An event that a decoder or `msgspec.convert` made.

    Returns
    -------
    Event
        The event, with a whole quantity as an integer.

    Raises
    ------
    InvalidEvent
        A token is a card number, or a date is none; the reason names the field and never the number.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> checked(CountEvent("s", "k", 3.0, 1_760_000_000_000)).counted_qty
    3
    """
    if isinstance(event, PosEvent):
        quantity = event.quantity
        if event.card_token or event.customer_token or event.gift_card_token:
            _check_tokens(event)
        if event.business_date or event.original_business_date:
            _check_dates(event)
        if quantity.__class__ is float and quantity.is_integer():
            return msgspec.structs.replace(event, quantity=int(quantity))
    elif isinstance(event, TillEvent):
        _check_tokens(event)
        _check_dates(event)
        if event.quantity is not None:
            return msgspec.structs.replace(event, quantity=whole(event.quantity))
    elif isinstance(event, CountEvent):
        if event.counted_qty.__class__ is float:
            return msgspec.structs.replace(event, counted_qty=whole(event.counted_qty))
    elif isinstance(event, MovementEvent) and event.quantity.__class__ is float:
        return msgspec.structs.replace(event, quantity=whole(event.quantity))
    return event


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
    if topic not in EVENT_TYPES:
        raise InvalidEvent("topic", _unknown_topic(topic))
    card = card_number_field(value)
    if card is not None:
        raise _card_number(card)
    event_type = _till_or_line(value) if topic == POS_EVENTS else EVENT_TYPES[topic]
    fields = _FIELDS[event_type]
    present: dict[str, Any] = {}
    for name, field in value.items():
        if name not in fields.normalise or ((field is None or field == "") and name in fields.optional):
            continue
        normalise = fields.normalise[name]
        present[name] = field if normalise is None else normalise(name, field)
    if event_type is TillEvent and "transactionId" not in present and _kind(value) in _VOID_TYPES:
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


def encode(value: object) -> bytes:
    """Write an event, an alert or a dead letter as JSON; an event's absent optional fields are left out.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> encode(CountEvent("s", "k", 3, 1_760_000_000_000))
    b'{"storeId":"s","sku":"k","countedQty":3,"eventTime":1760000000000}'
    """
    if isinstance(value, DeadLetter):
        return _ENCODER.encode({name: getattr(value, name) for name in SENT_FIELDS})
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


def _decode_lenient(topic: str, raw: bytes, strict: str) -> Event:
    if topic == POS_EVENTS and strict.startswith("Object missing required field"):
        till = _till(raw)
        if till is not None:
            return checked(till)
    try:
        value = msgspec.json.decode(raw.removeprefix(BOM_UTF8))
    except RecursionError:
        raise InvalidEvent(None, "value: expected JSON, got one nested too deep") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        if "out of range" in str(error):  # JSON, but with a number such as 1e400, perhaps in a foreign field
            return from_mapping(topic, dict(_parts(topic, raw.removeprefix(BOM_UTF8))))
        detail = str(error).removeprefix("JSON is malformed: ")
        raise InvalidEvent(None, f"value: expected JSON in UTF-8 ({detail})") from None
    if not isinstance(value, dict):
        raise InvalidEvent(None, f"value: expected a JSON object, got {kind_of(value)}")
    return from_mapping(topic, value)


def _check_tokens(event: PosEvent | TillEvent) -> None:
    for name, token in (
        ("customerToken", event.customer_token),
        ("cardToken", event.card_token),
        ("giftCardToken", event.gift_card_token),
    ):
        if token is not None and is_card_number(token):
            raise _card_number(name)


def _check_dates(event: PosEvent | TillEvent) -> None:
    for name, day in (
        ("businessDate", event.business_date),
        ("originalBusinessDate", event.original_business_date),
    ):
        if day is not None and not is_date(day):
            raise InvalidEvent(name, f"{name}: expected a date as YYYY-MM-DD")


def _till(raw: bytes) -> TillEvent | None:
    """Return a POS event that is no receipt line and needs no second look, or None."""
    try:
        till = _DECODE_TILL(raw)
    except _UNREADABLE:
        return None
    kind = till.event_type.upper()
    if kind in _LINE_TYPES or (till.transaction_id is None and kind in _VOID_TYPES):
        return None
    is_line = not (till.transaction_id is None or till.sku is None or till.amount is None)
    return None if is_line else till


def _till_or_line(value: Mapping[str, Any]) -> type[PosEvent] | type[TillEvent]:
    kind = _kind(value)
    if kind in _LINE_TYPES or not kind:
        return PosEvent
    return TillEvent if any(value.get(name) in (None, "") for name in _LINE_FIELDS) else PosEvent


def _kind(value: Mapping[str, Any]) -> str:
    kind = value.get("eventType")
    return kind.upper() if isinstance(kind, str) else ""


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


_FIELDS: Final = {event_type: _Fields(event_type) for event_type in _TOPIC_OF}


def _parts(topic: str, raw: bytes) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a JSON object that an event can have, each decoded apart from the others."""
    known = _FIELDS[EVENT_TYPES[topic]].normalise
    for name, part in msgspec.json.decode(raw, type=dict[str, msgspec.Raw]).items():
        if name not in known:
            continue
        try:
            yield name, msgspec.json.decode(part)
        except msgspec.MsgspecError as error:
            if "out of range" not in str(error):
                raise InvalidEvent(name, f"{name}: {error}") from None
            raise InvalidEvent(name, f"{name}: number out of range") from None


def _card_number(name: str) -> InvalidEvent:
    return InvalidEvent(
        name,
        f"{name}: expected a token, got a card number: send a token in its place",
        InvalidKind.CARD_NUMBER,
    )


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unknown_topic(topic: str) -> str:
    return f"topic: expected one of {', '.join(INPUT_TOPICS)}, got {topic!r}"
