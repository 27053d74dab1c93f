"""Reads the alerts topic from its beginning, as a consumer that leaves no trace."""

from collections.abc import Iterator, Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from retail_anomaly.events import ALERTS
from streamer.errors import StreamerError

_REQUEST_SECONDS = 10.0
_POLL_SECONDS = 0.2


def alerts(client: Mapping[str, Any], *, follow: bool = False) -> Iterator[bytes]:
    """Yield the values of the alerts topic, partition by partition in order.

    Parameters
    ----------
    client
        Client settings for confluent-kafka, ``bootstrap.servers`` among them.
    follow
        Go on after the end, until the caller stops.

    Yields
    ------
    bytes
        An alert as JSON.

    Raises
    ------
    StreamerError
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
            "fetch.wait.max.ms": 50,
            "log_level": 0,
        }
    )
    try:
        # All topics, never one by name: that would create it where brokers create on request.
        known = consumer.list_topics(timeout=_REQUEST_SECONDS).topics
        if ALERTS not in known:
            raise StreamerError(
                f"topic {ALERTS} does not exist: create it with `retail-streamer topics --create`"
            )
        unread = set(known[ALERTS].partitions)
        consumer.assign([TopicPartition(ALERTS, number, OFFSET_BEGINNING) for number in unread])
        while follow or unread:
            message = consumer.poll(_POLL_SECONDS)
            if message is None:
                continue
            error = message.error()
            if error is None:
                yield message.value()
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard(message.partition())
            elif not error.retriable():
                raise StreamerError(f"{ALERTS} can't be read: {error.str()}")
    except KafkaException as error:
        raise StreamerError(
            f"the broker does not answer ({error.args[0].str()}): is it running, and is --broker right?"
        ) from None
    finally:
        consumer.close()
