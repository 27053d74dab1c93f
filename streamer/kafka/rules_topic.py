"""Write changes of rules to every partition of the topic `retail-rules`, and read them back.

A change comes in force behind all records that were in its partition when it was written: its timestamp is
later than theirs, and the topics are read in the order of the timestamps.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from retail_anomaly.core.records import InvalidRecord
from retail_anomaly.rules.changes import RuleChange, decode_change
from streamer.errors import StreamerError
from streamer.kafka.connection import Connection
from streamer.kafka.newest_records import NewestRecords, newest_times
from streamer.kafka.topic_plan import RULES, UNPREFIXED, TopicNames

_SECONDS: Final = 10.0
_ALL: Final = 2**62
_EARLIEST: Final = 946_684_800_000  # 2000-01-01, before which no event is valid


class RuleRow(msgspec.Struct, frozen=True):
    """A record of the topic.

    Parameters
    ----------
    time
        Its timestamp, in epoch milliseconds: its place among the events.
    partition, partitions, offset
        Where it stands, of so many partitions.
    raw
        Its value.
    """

    time: int
    partition: int
    partitions: int
    offset: int
    raw: bytes | None

    @property
    def change(self) -> RuleChange | None:
        """The change; None if it is none."""
        try:
            return decode_change(self.raw)
        except InvalidRecord:
            return None

    def line(self) -> bytes:
        """Return the row as a line of the log that `replay --rules-log` reads."""
        try:
            value = msgspec.json.decode(self.raw or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            value = None
        return msgspec.json.encode(
            {
                "time": self.time,
                "partition": self.partition,
                "partitions": self.partitions,
                "offset": self.offset,
                "value": value if isinstance(value, dict) else None,
            }
        )


def write_changes(
    connection: Connection,
    changes: Sequence[RuleChange],
    names: TopicNames = UNPREFIXED,
    *,
    max_ahead: int = 3_600_000,
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> int:
    """Write changes to every partition; return how many partitions there are.

    Parameters
    ----------
    connection
        The broker.
    changes
        The changes, in their order.
    names
        The topics' names in Kafka.
    max_ahead
        How far, in milliseconds, a record may be ahead of the wall clock.
    clock
        Gives the time of day in epoch milliseconds.

    Raises
    ------
    StreamerError
        The broker does not answer, a topic is missing, or a record was not taken.
    """
    topic, client = names.of(RULES), connection.properties()
    admin = AdminClient({**client, "log_level": 0})
    try:
        partitions = _partitions(admin, names.aligned)
        # Behind the ticks too: a decision that one of them brought must come before the change again.
        newest = _newest_times(connection, admin, [TopicPartition(*place) for place in partitions])
    except KafkaException as error:
        raise StreamerError(
            f"the newest records can't be looked at ({error.args[0].str()}): is the broker running, and may "
            "this user describe the input topics?"
        ) from None
    missing: dict[int, str] = {}
    producer = Producer({**client, "enable.idempotence": True, "linger.ms": 5, "log_level": 0})
    numbers = [number for name, number in partitions if name == topic]
    for number in numbers:
        # One later than all that is there; Kafka refuses a timestamp too far ahead.
        at = max(_EARLIEST, min(newest.get(number, -1) + 1, clock() + max_ahead))
        for change in changes:
            key, value = change.rule_id.encode(), msgspec.json.encode(change)
            taken = _told_in(missing, number)
            try:
                producer.produce(topic, value, key, partition=number, timestamp=at, on_delivery=taken)
            except KafkaException as error:  # such as a value larger than the topic takes
                raise StreamerError(f"{topic}: {error.args[0].str()}; nothing was written") from None
    if producer.flush(_SECONDS) or missing:
        reason = next(iter(missing.values()), "the broker does not answer")
        raise StreamerError(
            f"{topic}: {len(missing) or 'some'} of {len(numbers)} partitions did not take it ({reason}); run "
            "the command again: where a change is in force already, it changes nothing"
        )
    return len(numbers)


def read_changes(connection: Connection, names: TopicNames = UNPREFIXED) -> Iterator[RuleRow]:
    """Yield all records of the topic, those of a partition in their order.

    Raises
    ------
    StreamerError
        The broker does not answer, or the topic is missing.
    """
    client = connection.properties()
    try:
        places = _partitions(AdminClient({**client, "log_level": 0}), (names.of(RULES),))
        with closing(NewestRecords(client, _ALL)) as newest:
            for message in newest.of([TopicPartition(*place) for place in places]):
                yield RuleRow(
                    message.timestamp()[1],
                    message.partition() or 0,
                    len(places),
                    message.offset() or 0,
                    message.value(),
                )
    except KafkaException as error:
        raise StreamerError(f"{names.of(RULES)} can't be read: {error.args[0].str()}") from None


def _newest_times(
    connection: Connection, admin: AdminClient, partitions: list[TopicPartition]
) -> Mapping[int, int]:
    if not connection.embedded:
        return newest_times(admin, partitions)
    # librdkafka's mock cluster does not tell the newest timestamp.
    found: dict[int, int] = {}
    with closing(NewestRecords(connection.properties(), _ALL)) as newest:
        for message in newest.of(partitions):
            number = message.partition() or 0
            found[number] = max(found.get(number, -1), message.timestamp()[1])
    return found


def _partitions(admin: AdminClient, wanted: Sequence[str]) -> list[tuple[str, int]]:
    topics: Mapping[str, Any] = admin.list_topics(timeout=_SECONDS).topics
    for name in wanted:
        if name not in topics:
            raise StreamerError(
                f"topic {name} does not exist: create it with `retail-streamer topics --create`"
            )
    return [(name, number) for name in wanted for number in topics[name].partitions]


def _told_in(missing: dict[int, str], number: int) -> Callable[[Any, Any], None]:
    def told(error: Any, _message: Any) -> None:
        if error is not None:
            missing[number] = error.str()

    return told
