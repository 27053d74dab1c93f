"""Reads the alerts topic from its beginning, as a consumer that leaves no trace."""

from collections.abc import Iterator, Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from retail_anomaly.events import ALERTS

_REQUEST_SECONDS = 10.0
_POLL_SECONDS = 0.2


def alerts(client: Mapping[str, Any], *, follow: bool = False) -> Iterator[bytes | None]:
    """Yield the values of the alerts topic, partition by partition in order.

    Parameters
    ----------
    client
        Client settings for confluent-kafka, ``bootstrap.servers`` among them.
    follow
        Go on after the end, until the caller stops.

    Yields
    ------
    bytes or None
        An alert as JSON; with `follow`, None whenever nothing came for a moment.

    Raises
    ------
    KafkaException
        The broker does not answer or the topic does not exist.
    """
    # Assigned, not subscribed: no group is joined, nothing is committed.
    consumer = Consumer(
        {
            **client,
            "group.id": "retail-anomaly-tail",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
        }
    )
    try:
        metadata = consumer.list_topics(ALERTS, _REQUEST_SECONDS).topics[ALERTS]
        if metadata.error is not None:
            raise KafkaException(metadata.error)
        open_partitions = set(metadata.partitions)
        consumer.assign([TopicPartition(ALERTS, p, OFFSET_BEGINNING) for p in open_partitions])
        while follow or open_partitions:
            message = consumer.poll(_POLL_SECONDS)
            if message is None:
                if follow:
                    yield None
            elif message.error() is None:
                yield message.value()
            elif message.error().code() == KafkaError._PARTITION_EOF:
                open_partitions.discard(message.partition())
            else:
                raise KafkaException(message.error())
    finally:
        consumer.close()
