"""Look for records that are in another partition than their key's."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Final, NamedTuple

from confluent_kafka import KafkaException, TopicPartition

from retail_anomaly.core.key_partitions import KeyPartitions
from streamer.errors import StreamerError
from streamer.kafka.connection import Connection
from streamer.kafka.newest_records import NewestRecords
from streamer.kafka.topic_plan import UNPREFIXED, TopicNames, TopicReport

_LOOK: Final = 100


class Misplaced(NamedTuple):
    """Records of a topic that are in another partition than their key's, of those looked at.

    Examples
    --------
    >>> print(Misplaced("pos-events", 3, 400))
    pos-events: 3 of the newest 400 records are in another partition than their key's: have every producer ...
    """

    topic: str
    wrong: int
    looked_at: int

    def __str__(self) -> str:
        return (
            f"{self.topic}: {self.wrong} of the newest {self.looked_at} records are in another partition "
            "than their key's: have every producer use Kafka's partitioner "
            "(librdkafka: partitioner=murmur2_random)"
        )


def misplaced_records(
    connection: Connection, reports: Iterable[TopicReport], names: TopicNames = UNPREFIXED
) -> list[Misplaced]:
    """Look at the newest records of the input topics, and return the topics in which some are misplaced.

    Parameters
    ----------
    connection
        The broker.
    reports
        Reports on the topics; those that are missing are left out.
    names
        The topics' names in Kafka.

    Raises
    ------
    StreamerError
        The broker does not answer, or the records can't be read.
    """
    counts = {report.name: report.partitions for report in reports if report.name in names.inputs}
    try:
        return list(_found(connection, {name: count for name, count in counts.items() if count}))
    except KafkaException as error:
        raise StreamerError(
            f"the newest records can't be read ({error.args[0].str()}): may this user read the input topics?"
        ) from None


def _found(connection: Connection, counts: dict[str, int]) -> Iterator[Misplaced]:
    partitions = [TopicPartition(name, number) for name, count in counts.items() for number in range(count)]
    keys = {name: KeyPartitions(count) for name, count in counts.items()}
    looked_at: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    with closing(NewestRecords(connection.properties(), _LOOK)) as newest:
        for message in newest.of(partitions):
            key, topic = message.key(), message.topic() or ""
            if isinstance(key, bytes):
                looked_at[topic] += 1
                wrong[topic] += keys[topic].of(key) != message.partition()
    return (Misplaced(name, wrong[name], looked_at[name]) for name in counts if wrong[name])
