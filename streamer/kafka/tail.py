"""Read a topic from its beginning, without joining a group or committing."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from retail_anomaly.core.events import ALERTS
from streamer.errors import MissingTopicError, StreamerError

_REQUEST_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.2


class Tail:
    """The values of a topic, partition by partition in order, from the first on.

    Parameters
    ----------
    client
        Client settings for confluent-kafka, ``bootstrap.servers`` among them.
    topic
        The topic's name in Kafka.

    Raises
    ------
    StreamerError
        The broker does not answer or the topic does not exist.
    """

    def __init__(self, client: Mapping[str, Any], topic: str = ALERTS) -> None:
        self._topic = topic
        # Partitions are assigned, not subscribed to: the consumer joins no group and commits nothing.
        self._consumer = Consumer(
            {
                **client,
                "group.id": "retail-anomaly-tail",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )
        try:
            # List all topics, never one by name: a request by name creates a topic if the broker is set to do
            # so.
            known = self._consumer.list_topics(timeout=_REQUEST_SECONDS).topics
            if topic not in known:
                raise MissingTopicError(topic)
            self._unread = set(known[topic].partitions)
            self._consumer.assign(
                [TopicPartition(topic, number, OFFSET_BEGINNING) for number in self._unread]
            )
        except KafkaException as error:
            self.close()
            raise _away(error) from None
        except StreamerError:
            self.close()
            raise

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def has_read_all(self) -> bool:
        """Whether the end of every partition was reached; more records may have come since."""
        return not self._unread

    def poll(self, seconds: float = _POLL_SECONDS) -> bytes | None:
        """Return the next value, or None if none comes within the given seconds.

        Raises
        ------
        StreamerError
            The topic can't be read.
        """
        try:
            message = self._consumer.poll(seconds)
        except KafkaException as error:
            raise _away(error) from None
        if message is None:
            return None
        said = message.error()
        if said is None:
            value: bytes = message.value()
            return value
        if said.code() == KafkaError._PARTITION_EOF:
            self._unread.discard(message.partition())
        elif not said.retriable():
            raise StreamerError(f"{self._topic} can't be read: {said.str()}")
        return None


def alerts(client: Mapping[str, Any], topic: str = ALERTS, *, follow: bool = False) -> Iterator[bytes]:
    """Yield the values of the alerts topic, partition by partition in order.

    Parameters
    ----------
    client, topic
        As for `Tail`.
    follow
        Wait for more at the end, until the caller stops.

    Yields
    ------
    bytes
        An alert as JSON.

    Raises
    ------
    StreamerError
        The broker does not answer or the topic does not exist.
    """
    with Tail(client, topic) as tail:
        while follow or not tail.has_read_all:
            value = tail.poll()
            if value is not None:
                yield value


def _away(error: KafkaException) -> StreamerError:
    return StreamerError(
        f"the broker does not answer ({error.args[0].str()}): is it running, and is --broker right?"
    )
