"""Values that are no event: the reason, and the dead letter that carries them on."""

import base64
from enum import StrEnum
from typing import Final

import msgspec

from retail_anomaly.core.card_numbers import bears_card_number
from retail_anomaly.core.errors import RetailAnomalyError


class InvalidKind(StrEnum):
    """Kinds of invalid records, for code that treats them differently; the reason is for people."""

    JSON = "json"
    """The value as a whole is not a JSON object in UTF-8."""
    FIELD = "field"
    """One field is missing or wrong."""
    KEY_MISMATCH = "key_mismatch"
    """The record's key is not its store."""
    WRONG_PARTITION = "wrong_partition"
    """The record's key belongs into another partition."""
    TIME_AHEAD = "time_ahead"
    """The event time is too far after the record's timestamp."""
    CARD_NUMBER = "card_number"
    """A token is a card number: the value must be carried no further."""
    REFUSED = "refused"
    """InfluxDB refuses the record."""
    UNDELIVERED = "undelivered"
    """A route could not be told of the alert."""


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
        The raw bytes in base64: nothing is lost. None where they bear a card number, or where there are none.
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
        hidden = error.kind is InvalidKind.CARD_NUMBER or (raw is not None and bears_card_number(raw))
        return cls(
            reason=error.reason,
            field=error.field,
            topic=topic,
            partition=partition,
            offset=offset,
            timestamp=timestamp,
            key=None if key is None else key.decode("utf-8", "backslashreplace"),
            value=None if raw is None or hidden else base64.b64encode(raw).decode("ascii"),
            kind=error.kind,
        )


# The fields of a dead letter on the wire.
SENT_FIELDS: Final = tuple(name for name in DeadLetter.__struct_fields__ if name != "kind")
