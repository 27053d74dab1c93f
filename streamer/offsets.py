"""How far a consumer group has come in the input topics."""

import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from retail_anomaly.events import INPUT_TOPICS
from streamer.errors import StreamerError

_REQUEST_SECONDS = 10.0
_POLL_SECONDS = 0.25


class GroupOffsets:
    """The committed and the newest offsets of a consumer group.

    Parameters
    ----------
    client
        Client settings for confluent-kafka, ``bootstrap.servers`` among them.
    group
        The consumer group; looking at it does not join it.
    """

    def __init__(self, client: Mapping[str, Any], group: str) -> None:
        self._group = group
        self._consumer = Consumer({**client, "group.id": group, "enable.auto.commit": False})

    def __enter__(self) -> "GroupOffsets":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def lag(self) -> dict[str, int]:
        """Return by input topic how many records the group has not committed.

        Raises
        ------
        StreamerError
            The broker does not answer or a topic is missing.
        """
        lag = dict.fromkeys(INPUT_TOPICS, 0)
        for committed, oldest, newest in self._offsets():
            reached = committed.offset if committed.offset >= 0 else oldest
            lag[committed.topic] += max(newest - reached, 0)
        return lag

    def wait(self, seconds: float) -> dict[str, int]:
        """Poll the lag until it is zero or `seconds` have passed, and return it.

        Raises
        ------
        StreamerError
            The broker does not answer or a topic is missing, and it stays so.
        """
        deadline = time.monotonic() + seconds
        while True:
            over = time.monotonic() >= deadline
            try:
                lag = self.lag()
            except StreamerError:
                # A broker that has just started, or elects a leader, recovers in a moment.
                if over:
                    raise
            else:
                if over or not any(lag.values()):
                    return lag
            time.sleep(_POLL_SECONDS)

    def skip_to_end(self) -> None:
        """Commit the newest offsets for a group that has none, so that it starts with what comes.

        Raises
        ------
        StreamerError
            The group has offsets already, the broker does not answer, or a topic is missing.
        """
        offsets = self._offsets()
        if any(committed.offset >= 0 for committed, _, _ in offsets):
            raise StreamerError(
                f"consumer group {self._group!r} has committed offsets: choose a new group name"
            )
        ends = [TopicPartition(c.topic, c.partition, newest) for c, _, newest in offsets]
        self._consumer.commit(offsets=ends, asynchronous=False)

    def _offsets(self) -> list[tuple[TopicPartition, int, int]]:
        """Return each partition with its committed offset, and its oldest and newest offset."""
        try:
            return [
                (committed, *self._consumer.get_watermark_offsets(committed, _REQUEST_SECONDS))
                for committed in self._consumer.committed(self._partitions(), _REQUEST_SECONDS)
            ]
        except KafkaException as error:
            raise StreamerError(
                f"the broker does not tell the group's offsets ({error.args[0].str()}): "
                "is it running, and is --broker right?"
            ) from None

    def _partitions(self) -> list[TopicPartition]:
        known = self._consumer.list_topics(timeout=_REQUEST_SECONDS).topics
        if missing := [topic for topic in INPUT_TOPICS if topic not in known]:
            raise StreamerError(
                f"missing: {', '.join(missing)}; make them with `retail-streamer topics --create`"
            )
        return [TopicPartition(t, number) for t in INPUT_TOPICS for number in known[t].partitions]
