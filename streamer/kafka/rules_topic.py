"""Write changes of rules to every partition of the topic `retail-rules`, and read them back.

A change comes in force behind all records that were in its partition when it was written: its timestamp is
later than theirs, and the topics are read in the order of the timestamps. Records of a till whose clock is
ahead don't count: they are read where they stand.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import takewhile
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from retail_anomaly.core.records import InvalidRecord
from retail_anomaly.core.wrong_times import AHEAD, LOOK
from retail_anomaly.rules.changes import RuleChange, decode_change
from streamer.errors import MissingTopicError, StreamerError
from streamer.kafka.connection import Connection
from streamer.kafka.newest_records import NewestRecords, newest_times
from streamer.kafka.topic_plan import RULES, TICKS, UNPREFIXED, TopicNames

_SECONDS: Final = 10.0
_ALL: Final = 2**62
_DOUBTED: Final = 50  # records
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
        now = clock()
        newest = _newest_times(connection, admin, [TopicPartition(*place) for place in partitions], now)
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
        at = max(_EARLIEST, min(newest.get(number, -1) + 1, now + max_ahead))
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
    connection: Connection, admin: AdminClient, partitions: list[TopicPartition], now: int
) -> Mapping[int, int]:
    """Return the newest timestamp by the number of the partition, without those of tills that are ahead."""
    if not connection.embedded:
        newest = newest_times(admin, partitions)
        ahead = [each for each in partitions if newest.get(each.partition, -1) > now]
        if not ahead:
            return newest
        looked_at, most = ahead, LOOK
    else:
        # librdkafka's mock cluster does not tell the newest timestamp.
        newest, looked_at, most = {}, partitions, _ALL
    times: dict[tuple[str, int], list[int]] = {}
    with closing(NewestRecords(connection.properties(), most)) as records:
        for message in records.of(looked_at):
            place = message.topic() or "", message.partition() or 0
            times.setdefault(place, []).append(message.timestamp()[1])
    judged = dict.fromkeys((each.partition for each in looked_at), -1)
    for (topic, number), found in times.items():
        # A tick bears the time of the newest event, also where that one is ahead: all ticks after it are.
        doubt = 0 if topic.endswith(TICKS) else _DOUBTED
        judged[number] = max(judged[number], newest_in_step(found, now, doubt))
    return {**newest, **judged}


def newest_in_step(times: Sequence[int], now: int, least: int = _DOUBTED) -> int:
    """Return the newest of the timestamps of a partition's last records, without those that are ahead.

    A till whose clock is ahead writes records of a later time. The streamer reads such a record where it
    stands; a change with a later timestamp than it would come in force too late when the records are read
    again, and in a replay.

    Parameters
    ----------
    times
        The timestamps, in the order of the records.
    now
        The wall clock, in epoch milliseconds.
    least
        Where so many records in a row, up to the last one, are ahead of the wall clock, that one is wrong and
        not they; 0: never.

    Examples
    --------
    >>> now = 1_760_000_000_000
    >>> newest_in_step([now - 9_000, now + 2_700_000, now - 4_000, now + 2_700_500], now) - now
    -4000
    >>> newest_in_step([now + 90_000 + n for n in range(50)], now) - now
    90049
    """
    in_a_row = takewhile(lambda time: time > now + AHEAD, reversed(times))
    if least and sum(1 for _ in in_a_row) >= least:
        return max(times)
    return max((time for time in times if time <= now + AHEAD), default=-1)


def _partitions(admin: AdminClient, wanted: Sequence[str]) -> list[tuple[str, int]]:
    topics: Mapping[str, Any] = admin.list_topics(timeout=_SECONDS).topics
    for name in wanted:
        if name not in topics:
            raise MissingTopicError(name)
    return [(name, number) for name in wanted for number in topics[name].partitions]


def _told_in(missing: dict[int, str], number: int) -> Callable[[Any, Any], None]:
    def told(error: Any, _message: Any) -> None:
        if error is not None:
            missing[number] = error.str()

    return told
