"""Bytes to events and back.

A strict compiled decoder reads nearly every good event in one pass. A value that it refuses is read once
more, slowly: to accept an optional field that is null or empty or a whole number written as 3.0, to accept a
POS event that is no receipt line, or to name the field that is wrong.
"""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol, TypeAlias

import msgspec
from msgspec.structs import force_setattr

from retail_anomaly.core.event_checks import checked
from retail_anomaly.core.event_mapping import LINE_TYPES, VOID_TYPES, field_names, from_mapping, unknown_topic
from retail_anomaly.core.events import EVENT_TYPES, IMPLIED, POS_EVENTS, Event, PosEvent, TillEvent
from retail_anomaly.core.foreign_formats import foreign_format
from retail_anomaly.core.invalid import SENT_FIELDS, DeadLetter, InvalidEvent, InvalidKind
from retail_anomaly.core.plain_types import kind_of

_DECODE: Final = {topic: msgspec.json.Decoder(event_type).decode for topic, event_type in EVENT_TYPES.items()}
_DECODE_LINE: Final = msgspec.json.Decoder(PosEvent).decode
_DECODE_TILL: Final = msgspec.json.Decoder(TillEvent).decode
_TOPIC_OF: Final = {event_type: topic for topic, event_type in EVENT_TYPES.items()} | {TillEvent: POS_EVENTS}
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
                raise InvalidEvent("topic", unknown_topic(topic)) from None
            raise InvalidEvent(None, "value: expected a JSON object, got none") from None

    return decode


def _unchanged(event: Event) -> Event:
    return event


decode: Final = decoder()


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


def _till(raw: bytes) -> TillEvent | None:
    """Return a POS event that is no receipt line and needs no second look, or None."""
    try:
        till = _DECODE_TILL(raw)
    except _UNREADABLE:
        return None
    kind = till.event_type.upper()
    if kind in LINE_TYPES or (till.transaction_id is None and kind in VOID_TYPES):
        return None
    is_line = not (till.transaction_id is None or till.sku is None or till.amount is None)
    return None if is_line else till


def _parts(topic: str, raw: bytes) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a JSON object that an event can have, each decoded apart from the others."""
    known = field_names(topic)
    try:
        parts = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except _UNREADABLE:  # the number was told of before the rest was read
        raise InvalidEvent(None, "value: expected a JSON object in UTF-8") from None
    for name, part in parts.items():
        if name not in known:
            continue
        try:
            yield name, msgspec.json.decode(part)
        except _UNREADABLE as error:
            if "out of range" not in str(error):
                raise InvalidEvent(name, f"{name}: {error}") from None
            raise InvalidEvent(name, f"{name}: number out of range") from None
