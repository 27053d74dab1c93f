"""Turns the records of a topic into events; a record that can't be read becomes a dead letter."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from quixstreams import message_context

from retail_anomaly.cases import Action
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import DeadLetter, InvalidEvent, InvalidKind
from retail_anomaly.core.events import Event, ShiftEvent
from retail_anomaly.core.foreign_formats import foreign_key
from retail_anomaly.core.key_partitions import KeyPartitions
from retail_anomaly.core.records import InvalidRecord
from retail_anomaly.rules.changes import RuleChange, decode_change
from streamer.detection.ticks import LIVE, Tick
from streamer.kafka.record_limits import USUAL
from streamer.kafka.topic_plan import RULES, TICKS

Record: TypeAlias = Event | Alert | Action
Decode: TypeAlias = Callable[[str, bytes | None], Record]


class Placing:
    """Checks that records are in the partition of their key, where all events of a store meet.

    Parameters
    ----------
    partitions
        Partitions of each input topic.
    note
        Is told the topic of each record that is in another one.
    accept
        Whether such a record is processed all the same.
    """

    def __init__(self, partitions: int, note: Callable[[str], None], *, accept: bool) -> None:
        self._keys = KeyPartitions(partitions)
        self._note = note
        self._accept = accept

    def check(self, topic: str, key: bytes, partition: int) -> None:
        """Check a record.

        Raises
        ------
        InvalidEvent
            It is in another partition than its key's, and that is not accepted.
        """
        if self._keys.of(key) == partition:
            return
        self._note(topic)
        if not self._accept:
            raise InvalidEvent("key", "wrong_partition", InvalidKind.WRONG_PARTITION)


class RecordReader:
    """Reads the records of one topic, as a step of a Quix dataframe with metadata.

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

    Examples
    --------
    >>> from retail_anomaly.core import codec
    >>> reader = RecordReader("inventory-counts", codec.decode, check_key=True, max_ahead=None)
    >>> record = b'{"storeId":"s","sku":"k","countedQty":3,"eventTime":1760000000000}'
    >>> reader.read(record, b"s", 1_760_000_000_000, []).counted_qty
    3
    """

    def __init__(
        self,
        topic: str,
        decode: Decode,
        *,
        check_key: bool,
        max_ahead: int | None,
        placing: Placing | None = None,
        name: str | None = None,
    ) -> None:
        self._topic = topic
        self._name = name or topic
        self._decode = decode
        self._check_key = check_key
        self._max_ahead = max_ahead
        self._placing = placing

    def read(
        self,
        raw: bytes | None,
        key: bytes | None,
        timestamp: int,
        _headers: Any,
        most_bytes: int | None = None,
    ) -> Record | DeadLetter:
        """Return the event, or the dead letter that a record without one becomes."""
        try:
            event = self._decode(self._topic, raw)
            if most_bytes is not None and raw is not None and len(raw) > most_bytes:
                raise InvalidEvent(None, f"value: expected at most {most_bytes} bytes, got {len(raw)}")
            if self._check_key and key != event.store_id.encode():
                foreign = foreign_key(key, event.store_id)
                reason = f"key_mismatch: {foreign}" if foreign else "key_mismatch"
                raise InvalidEvent("key", reason, InvalidKind.KEY_MISMATCH)
            if self._placing is not None and key is not None:
                self._placing.check(self._name, key, message_context().partition)
            if self._max_ahead is not None:
                _check_ahead(event, timestamp, self._max_ahead)
        except InvalidEvent as error:
            return _dead_letter(error, self._name, raw, key, timestamp)
        return event


class RekeyingReader:
    """Reads a topic whose records are to be keyed by their store, each record once.

    Quix asks three times for a record: is it a dead letter, is it good, which store is its key. Where the
    topic has one partition, a fourth time: the record then goes on without a repartition topic between. The
    answer to the first question is kept until another record comes.

    Parameters
    ----------
    reader
        Reads a record.
    most_bytes
        The largest value that the repartition topic takes; a larger one is a dead letter.
    """

    def __init__(self, reader: RecordReader, most_bytes: int = USUAL) -> None:
        self._reader = reader
        self._most_bytes = most_bytes
        self._place: tuple[str, int, int] | None = None
        self._outcome: Record | DeadLetter | None = None

    def read(self, raw: bytes | None, key: bytes | None, timestamp: int, headers: Any) -> Record | DeadLetter:
        """Return the event, or the dead letter that a record without one becomes."""
        where = message_context()
        place = (where.topic, where.partition, where.offset)
        if self._outcome is None or place != self._place:
            self._outcome = self._reader.read(raw, key, timestamp, headers, self._most_bytes)
            self._place = place
        return self._outcome

    def is_good(self, raw: bytes | None, key: bytes | None, timestamp: int, headers: Any) -> bool:
        """Tell whether a record has an event."""
        return not isinstance(self.read(raw, key, timestamp, headers), DeadLetter)

    def store_key(self, _raw: bytes) -> bytes:
        """Return the store of the record that `is_good` was just asked about."""
        if self._outcome is None or isinstance(self._outcome, DeadLetter):
            raise RuntimeError("a record is keyed before it is read")
        return self._outcome.store_id.encode()


class TickReader:
    """Reads the records of the ticks' topic, as a step of a Quix dataframe with metadata.

    Parameters
    ----------
    name
        The topic's name in Kafka.
    """

    def __init__(self, name: str = TICKS) -> None:
        self._name = name

    def read(self, raw: bytes | None, key: bytes | None, timestamp: int, _headers: Any) -> Tick | DeadLetter:
        """Return the tick, or the dead letter that a record without one becomes."""
        try:
            tick = Tick.decode(raw)
            # The ticker stamps a tick with its time or later; the broker may stamp it with an earlier one.
            if not 0 <= tick.time <= timestamp + LIVE:
                raise InvalidEvent("time", f"time: expected at most the record's timestamp {timestamp}")
            return tick
        except InvalidEvent as error:
            return _dead_letter(error, self._name, raw, key, timestamp)


@dataclass(frozen=True)
class RuleRecord:
    """A change of rules that came as a record.

    Parameters
    ----------
    change
        The change.
    bury
        Makes the record's dead letter, if the change is refused at its place.
    """

    change: RuleChange
    bury: Callable[[InvalidRecord], DeadLetter]


class RuleReader:
    """Reads the records of the topic of rules, as a step of a Quix dataframe with metadata.

    Parameters
    ----------
    name
        The topic's name in Kafka.
    """

    def __init__(self, name: str = RULES) -> None:
        self._name = name

    def read(
        self, raw: bytes | None, key: bytes | None, timestamp: int, _headers: Any
    ) -> RuleRecord | DeadLetter:
        """Return the change, or the dead letter that a record without one becomes."""

        def bury(error: InvalidRecord) -> DeadLetter:
            return _dead_letter(InvalidEvent(error.field, error.reason), self._name, raw, key, timestamp)

        try:
            return RuleRecord(decode_change(raw), bury)
        except InvalidRecord as error:
            return bury(error)


def _dead_letter(
    error: InvalidEvent, topic: str, raw: bytes | None, key: bytes | None, timestamp: int
) -> DeadLetter:
    where = message_context()
    return DeadLetter.of(
        raw,
        error,
        topic=topic,
        partition=where.partition,
        offset=where.offset,
        timestamp=timestamp,
        key=key,
    )


def _check_ahead(event: Record, timestamp: int, max_ahead: int) -> None:
    if not isinstance(event, ShiftEvent | Action) and event.event_time > timestamp + max_ahead:
        raise InvalidEvent(
            "eventTime",
            f"eventTime: expected at most {max_ahead} ms after the record's timestamp "
            f"{timestamp}, got {event.event_time}",
            InvalidKind.TIME_AHEAD,
        )
