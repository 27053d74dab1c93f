"""Turns the records of a topic into events; a record that can't be read becomes a dead letter."""

from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

from msgspec import structs
from quixstreams import message_context

from retail_anomaly.cases import Action
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import Event, ShiftEvent
from retail_anomaly.core.foreign_formats import foreign_key
from retail_anomaly.core.invalid import DeadLetter, InvalidEvent, InvalidKind
from retail_anomaly.core.records import without_value
from streamer.detection.kafka_record import KafkaRecord, RowRecord
from streamer.detection.ticks import LIVE, Tick
from streamer.kafka.placing import Placing
from streamer.kafka.record_limits import USUAL

Read = TypeVar("Read", bound=Event | Alert | Action)
Decode: TypeAlias = Callable[[str, bytes | None], Read]


class RecordReader(Generic[Read]):
    """Reads the records of one topic.

    Parameters
    ----------
    topic
        The topic, which decides the type of the events.
    decode
        Decodes a value.
    check_key
        Whether a record's key must be its event's store.
    max_ahead
        How far, in milliseconds, an event may be ahead of its record's timestamp; None: any distance.
    placing
        Tells whether a record is in the partition of its key; None: any will do.
    name
        The topic's name in Kafka, where it has another there; dead letters bear it.
    is_hidden
        Whether dead letters go without key and value, which may name an employee, and their reason without
        the value found.

    Attributes
    ----------
    name
        The topic's name in Kafka.

    Examples
    --------
    >>> from retail_anomaly.core import codec
    >>> reader = RecordReader("inventory-counts", codec.decode, check_key=True, max_ahead=None)
    >>> value = b'{"storeId":"s","sku":"k","countedQty":3,"eventTime":1760000000000}'
    >>> reader.event(RowRecord(value, b"s", 1_760_000_000_000, ("inventory-counts", 0, 17))).counted_qty
    3
    """

    def __init__(
        self,
        topic: str,
        decode: Decode[Read],
        *,
        check_key: bool,
        max_ahead: int | None,
        placing: Placing | None = None,
        name: str | None = None,
        is_hidden: bool = False,
    ) -> None:
        self._topic = topic
        self._is_hidden = is_hidden
        self.name = name or topic
        self._decode = decode
        self._check_key = check_key
        self._max_ahead = max_ahead
        self._placing = placing

    def event(self, record: KafkaRecord) -> Read:
        """Return the event of a record.

        Raises
        ------
        InvalidEvent
            It has none.
        """
        event = self._decode(self._topic, record.value())
        if self._check_key:
            key = record.key()
            if key != event.store_id.encode():
                foreign = foreign_key(key, event.store_id)
                reason = f"key_mismatch: {foreign}" if foreign else "key_mismatch"
                raise InvalidEvent("key", reason, InvalidKind.KEY_MISMATCH)
            # The look-up spares nearly every record the call.
            if self._placing is not None and self._placing.known.get(key) != record.partition():
                self._placing.check(self.name, key, record.partition())
        if self._max_ahead is not None:
            _check_ahead(event, record.timestamp()[1], self._max_ahead)
        return event

    def read(self, raw: bytes | None, key: bytes | None, timestamp: int, _headers: Any) -> Read | DeadLetter:
        """Return the event of a row, or the dead letter that a record without one becomes."""
        record = RowRecord.of(raw, key, timestamp)
        try:
            return self.event(record)
        except InvalidEvent as error:
            return self.dead_letter(record, error)

    def dead_letter(self, record: KafkaRecord, error: InvalidEvent) -> DeadLetter:
        """Return what a record becomes that can't be read."""
        letter = dead_letter(self.name, record, error)
        if not self._is_hidden:
            return letter
        return structs.replace(letter, reason=without_value(letter.reason), key=None, value=None)


class RekeyingReader(RecordReader[Event]):
    """Reads a topic whose records are to be keyed by their store, each record once.

    Quix asks three times for a record: is it a dead letter, is it good, which store is its key. Where the
    topic has one partition, a fourth time: the record then goes on without a repartition topic between. The
    answer to the first question is kept until another record comes.

    Parameters
    ----------
    topic, decode, max_ahead, name
        As for `RecordReader`; keys and partitions may be any.
    most_bytes
        The largest value that the repartition topic takes; a larger one is a dead letter.
    """

    def __init__(
        self,
        topic: str,
        decode: Decode[Event],
        *,
        max_ahead: int | None,
        most_bytes: int = USUAL,
        name: str | None = None,
    ) -> None:
        super().__init__(topic, decode, check_key=False, max_ahead=max_ahead, name=name)
        self._most_bytes = most_bytes
        self._place: tuple[str, int, int] | None = None
        self._outcome: Event | DeadLetter | None = None

    def event(self, record: KafkaRecord) -> Event:
        """Return the event of a record, as `RecordReader` does.

        Raises
        ------
        InvalidEvent
            It has none, or it is too large.
        """
        place = record.topic(), record.partition(), record.offset()
        if place == self._place and self._outcome is not None and not isinstance(self._outcome, DeadLetter):
            return self._outcome
        event, raw = super().event(record), record.value()
        if raw is not None and len(raw) > self._most_bytes:
            raise InvalidEvent(None, f"value: expected at most {self._most_bytes} bytes, got {len(raw)}")
        return event

    def read(self, raw: bytes | None, key: bytes | None, timestamp: int, headers: Any) -> Event | DeadLetter:
        """Return the event of a row, or the dead letter that a record without one becomes."""
        where = message_context()
        place = where.topic, where.partition, where.offset
        if self._outcome is None or place != self._place:
            self._outcome = super().read(raw, key, timestamp, headers)
            self._place = place
        return self._outcome

    def is_good(self, raw: bytes | None, key: bytes | None, timestamp: int, headers: Any) -> bool:
        """Tell whether a row has an event."""
        return not isinstance(self.read(raw, key, timestamp, headers), DeadLetter)

    def store_key(self, _raw: bytes) -> bytes:
        """Return the store of the row that `is_good` was just asked about."""
        if self._outcome is None or isinstance(self._outcome, DeadLetter):
            raise RuntimeError("a record is keyed before it is read")
        return self._outcome.store_id.encode()


def read_tick(record: KafkaRecord) -> Tick:
    """Return the tick of a record.

    Raises
    ------
    InvalidEvent
        It has none.
    """
    tick, timestamp = Tick.decode(record.value()), record.timestamp()[1]
    # The ticker stamps a tick with its time or later; the broker may stamp it with an earlier one.
    if not 0 <= tick.time <= timestamp + LIVE:
        raise InvalidEvent("time", f"time: expected at most the record's timestamp {timestamp}")
    return tick


def dead_letter(topic: str, record: KafkaRecord, error: InvalidEvent) -> DeadLetter:
    """Return what a record becomes that can't be read.

    Parameters
    ----------
    topic
        The name in Kafka of the topic that it came from first.
    record
        The record.
    error
        Why it can't be read.
    """
    return DeadLetter.of(
        record.value(),
        error,
        topic=topic,
        partition=record.partition(),
        offset=record.offset(),
        timestamp=record.timestamp()[1],
        key=record.key(),
    )


def _check_ahead(event: Event | Alert | Action, timestamp: int, max_ahead: int) -> None:
    if not isinstance(event, ShiftEvent | Action) and event.event_time > timestamp + max_ahead:
        raise InvalidEvent(
            "eventTime",
            f"eventTime: expected at most {max_ahead} ms after the record's timestamp "
            f"{timestamp}, got {event.event_time}",
            InvalidKind.TIME_AHEAD,
        )
