"""A topic as the board of `retail-anomaly review` reads and writes it."""

from collections.abc import Iterator
from typing import Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streamer.errors import StreamerError
from streamer.kafka.audit_topic import AuditTopic
from streamer.kafka.connection import Connection
from streamer.kafka.tail import Tail

_WRITE_SECONDS: Final = 10.0


class AuditedRecords:
    """Decisions in a topic, each in the audit trail before it is written.

    Parameters
    ----------
    records
        The topic.
    trail
        The audit trail.
    """

    def __init__(self, records: "TopicRecords", trail: AuditTopic) -> None:
        self._records = records
        self._trail = trail
        self.was_replaced = records.was_replaced
        self.new_lines = records.new_lines

    @property
    def place(self) -> str:
        """The place in the topic."""
        return self._records.place

    def reopened(self) -> "AuditedRecords":
        """Return itself: a topic is never replaced."""
        return self

    def append(self, line: bytes, store_id: str) -> None:
        """Add a decision to the trail, then to the topic.

        Raises
        ------
        StreamerError
            Kafka does not take it.
        """
        act = msgspec.json.decode(line)
        self._trail.append(act["actionId"], act["time"], "action", act["by"], act)
        self._records.append(line, store_id)


class TopicRecords:
    """The values of a topic, which grows while the board runs.

    Parameters
    ----------
    connection
        The broker.
    topic
        The topic.

    Raises
    ------
    StreamerError
        The broker does not answer or the topic does not exist.
    """

    def __init__(self, connection: Connection, topic: str) -> None:
        client = connection.properties()
        self._topic = topic
        self._tail = Tail(client, topic)
        self._number = 0
        # Kafka's own partitioner: an action meets the alerts of its store.
        self._producer = Producer(
            {**client, "partitioner": "murmur2", "enable.idempotence": True, "log_level": 0}
        )

    @property
    def place(self) -> str:
        """The topic, and the number of the record that was read last."""
        return f"{self._topic}, record {self._number}"

    def was_replaced(self) -> bool:
        """Return False: a topic only grows."""
        return False

    def reopened(self) -> "TopicRecords":
        """Return itself: a topic is never replaced."""
        return self

    def new_lines(self) -> Iterator[bytes]:
        """Yield the values that came since the last call; the first time, all that are there.

        Raises
        ------
        StreamerError
            The topic can't be read.
        """
        while True:
            value = self._tail.poll(0.0 if self._tail.has_read_all else 0.2)
            if value is not None:
                self._number += 1
                yield value
            elif self._tail.has_read_all:
                return

    def append(self, line: bytes, store_id: str) -> None:
        """Produce a record, keyed by its store; on return Kafka has it.

        Raises
        ------
        StreamerError
            Kafka does not take it.
        """
        refused: list[KafkaError] = []

        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                refused.append(error)

        try:
            self._producer.produce(self._topic, line, store_id.encode(), on_delivery=delivered)
        except (KafkaException, BufferError) as error:
            raise StreamerError(f"{self._topic} can't be written ({error}): try again") from None
        if self._producer.flush(_WRITE_SECONDS) or refused:
            why = refused[0].str() if refused else f"no answer in {_WRITE_SECONDS:.0f} s"
            raise StreamerError(
                f"{self._topic} can't be written ({why}): nothing may be lost, so look whether your decision "
                "is there, and try again"
            )
