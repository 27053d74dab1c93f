"""The receipts behind the alerts of a case, read from the topic of the tills when somebody opens the case."""

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from retail_anomaly.cli.review.case_receipts import KeptReceipts, times_around
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import decode
from retail_anomaly.core.events import POS_EVENTS, Event, PosEvent
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.core.key_partitions import KeyPartitions
from streamer.errors import MissingTopicError, StreamerError
from streamer.kafka.connection import Connection

_REQUEST_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05
_RECORDS: Final = 500


class TopicReceipts:
    """The receipt lines around alerts, in a topic.

    Parameters
    ----------
    connection
        The broker.
    topic
        The topic's name in Kafka.
    seconds
        A look ends after this time, with the lines that it has found: the page does not wait for all lines of
        a busy partition.

    Raises
    ------
    StreamerError
        The broker does not answer or the topic does not exist.
    """

    def __init__(self, connection: Connection, topic: str, seconds: float = 0.2) -> None:
        self._topic, self._seconds = topic, seconds
        self._lock = threading.Lock()
        self._consumer = Consumer(
            {
                **connection.properties(),
                "group.id": "never-joined",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
                "queued.max.messages.kbytes": 4_096,
                "log_level": 0,
            }
        )
        try:
            known = self._consumer.list_topics(timeout=_REQUEST_SECONDS).topics
        except KafkaException as error:
            self._consumer.close()
            raise StreamerError(f"the broker does not answer ({error.args[0].str()})") from None
        if topic not in known:
            self._consumer.close()
            raise MissingTopicError(topic)
        self._partitions = KeyPartitions(len(known[topic].partitions))

    def lines_for(self, alerts: Sequence[Alert]) -> list[PosEvent]:
        """Return the lines behind some alerts of one store, as far as they were found in time."""
        if not alerts:
            return []
        key, deadline = alerts[0].store_id.encode(), time.monotonic() + self._seconds
        with self._lock:
            try:
                found = [
                    event
                    for begin, end in times_around(alerts)
                    for event in self._events(key, begin, end, deadline)
                ]
            except KafkaException:
                return []  # The list says that the broker is away; a case can be judged without its receipts.
        return KeptReceipts(alerts, found).lines_for(alerts)

    def _events(self, key: bytes, begin: int, end: int, deadline: float) -> Iterator[Event]:
        """Yield the events of a store whose records have timestamps between two times."""
        wanted = TopicPartition(self._topic, self._partitions.of(key), begin)
        [place] = self._consumer.offsets_for_times([wanted], timeout=_REQUEST_SECONDS)
        if place.offset < 0:  # nothing is as new as that
            return
        self._consumer.assign([place])
        while time.monotonic() < deadline:
            for message in self._consumer.consume(_RECORDS, _POLL_SECONDS):
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        return
                    continue
                if message.timestamp()[1] > end:
                    return
                if message.key() == key:
                    try:
                        yield decode(POS_EVENTS, message.value())
                    except InvalidEvent:
                        continue  # It is a dead letter, and no alert is about it.
