"""The progress of a consumer group, seen from outside the streamer."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from retail_anomaly.core.events import INPUT_TOPICS
from streamer.errors import StreamerError

# Long enough for the offsets that a crashed process left pending in its transaction.
_REQUEST_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1
# Answers of a cluster that is new or has lost a broker: it still elects its leaders.
_UNSETTLED: Final = {
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
}


@dataclass(frozen=True)
class GroupProgress:
    """How many of the produced records a consumer group has processed.

    Parameters
    ----------
    produced
        Records ever produced.
    processed
        Records before the group's committed offsets.
    dropped
        Records that the broker no longer has. They may have been dropped before they were read, so a complete
        run has none.

    Examples
    --------
    >>> GroupProgress(produced=10, processed=10, dropped=0).complete
    True
    >>> GroupProgress(produced=10, processed=10, dropped=1).complete
    False
    """

    produced: int
    processed: int
    dropped: int

    @property
    def complete(self) -> bool:
        """Whether every record was provably processed."""
        return self.processed >= self.produced and not self.dropped


class GroupOffsets:
    """The committed offsets of a consumer group, and the oldest and newest offsets of its topics.

    Parameters
    ----------
    client
        Client settings for confluent-kafka, ``bootstrap.servers`` among them.
    group
        The consumer group; it is not joined.
    topics
        The topics it reads.
    """

    def __init__(self, client: Mapping[str, Any], group: str, topics: Iterable[str] = INPUT_TOPICS) -> None:
        self._group = group
        self._topics = tuple(topics)
        self._consumer = Consumer({**client, "group.id": group, "enable.auto.commit": False, "log_level": 0})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def lag(self) -> dict[str, int]:
        """Return by topic how many records the group has not committed.

        Raises
        ------
        StreamerError
            The broker does not answer or a topic is missing.
        """
        lag = dict.fromkeys(self._topics, 0)
        for committed, oldest, newest in self._offsets():
            reached = committed.offset if committed.offset >= 0 else oldest
            lag[committed.topic] += max(newest - reached, 0)
        return lag

    def progress(self) -> GroupProgress:
        """Return how many records were produced, processed and dropped, all partitions together.

        Raises
        ------
        StreamerError
            The broker does not answer or a topic is missing.
        """
        offsets = self._offsets()
        return GroupProgress(
            produced=sum(newest for _, _, newest in offsets),
            processed=sum(max(committed.offset, 0) for committed, _, _ in offsets),
            dropped=sum(oldest for _, oldest, _ in offsets),
        )

    def wait(self, seconds: float) -> dict[str, int]:
        """Poll the lag until it is zero or `seconds` have passed, and return it.

        Raises
        ------
        StreamerError
            The broker does not answer or a topic is missing.
        """
        deadline = time.monotonic() + seconds
        while any((lag := self.lag()).values()) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return lag

    def skip_to_end(self) -> None:
        """Commit the newest offsets for a group that has none, so that it leaves the history out.

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
        deadline = time.monotonic() + _REQUEST_SECONDS
        while True:
            try:
                return [
                    (committed, *self._consumer.get_watermark_offsets(committed, _REQUEST_SECONDS))
                    for committed in self._consumer.committed(self._partitions(), _REQUEST_SECONDS)
                ]
            except KafkaException as error:
                if error.args[0].code() not in _UNSETTLED or time.monotonic() > deadline:
                    raise StreamerError(
                        f"the broker does not tell the group's offsets ({error.args[0].str()}): "
                        "is it running, and is --broker right?"
                    ) from None
                time.sleep(_POLL_SECONDS)

    def _partitions(self) -> list[TopicPartition]:
        # List all topics, never some by name: a request by name creates a topic if the broker is set to do
        # so.
        known = self._consumer.list_topics(timeout=_REQUEST_SECONDS).topics
        if missing := [topic for topic in self._topics if topic not in known]:
            raise StreamerError(
                f"missing: {', '.join(missing)}; create them with `retail-streamer topics --create`"
            )
        return [TopicPartition(t, number) for t in self._topics for number in known[t].partitions]
