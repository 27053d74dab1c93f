"""The progress of a consumer group, seen from outside the streamer."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from retail_anomaly.core.events import INPUT_TOPICS
from streamer.errors import StreamerError
from streamer.kafka.commit_notes import SKIPPED
from streamer.kafka.settled import when_settled

# Long enough for the offsets that a crashed process left pending in its transaction.
_REQUEST_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1
# A look asks for the offsets of each partition, which takes the broker 10 to 40 ms of CPU.
_LOOK_SECONDS: Final = 0.25


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
        settings = {**client, "enable.auto.commit": False, "enable.partition.eof": True, "log_level": 0}
        self._consumer = Consumer({**settings, "group.id": group})
        # Sees records of open transactions too.
        self._raw = Consumer({**settings, "group.id": "never-joined", "isolation.level": "read_uncommitted"})
        self._last_lag: dict[tuple[str, int], int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()
        self._raw.close()

    def lag(self, *, settled: bool = True) -> dict[str, int]:
        """Return by topic how many records the group has not committed.

        Records of open transactions don't count, see `hidden`. Neither do the broker's own marks of the ends
        of transactions, nor records of aborted ones: no reader gets them.

        Parameters
        ----------
        settled
            Whether to look in any case if there is a record behind the committed offsets; else only where the
            numbers are those of the last look.

        Raises
        ------
        StreamerError
            The broker does not answer or a topic is missing.
        """
        behind: dict[tuple[str, int], tuple[int, int]] = {}
        for committed, oldest, newest in self._offsets():
            reached = committed.offset if committed.offset >= 0 else oldest
            if newest > reached:
                behind[committed.topic, committed.partition] = reached, newest
        last, self._last_lag = self._last_lag, {place: end - at for place, (at, end) in behind.items()}
        same = {place for place, count in self._last_lag.items() if settled or last.get(place) == count}
        for place in self._without_records({place: behind[place][0] for place in same}):
            del behind[place]
        lag = dict.fromkeys(self._topics, 0)
        for (topic, _), (at, end) in behind.items():
            lag[topic] += end - at
        return lag

    def hidden(self) -> dict[tuple[str, int], int]:
        """Return by topic and partition how many records stand behind an open transaction.

        No reader of committed records gets them before the transaction ends.

        Raises
        ------
        StreamerError
            The broker does not answer or a topic is missing.
        """
        found = {}
        for place, _, readable in self._offsets():
            _, end = self._raw.get_watermark_offsets(place, _REQUEST_SECONDS)
            if end > readable:
                found[place.topic, place.partition] = end - readable
        return found

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
        while any((lag := self.lag(settled=False)).values()) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
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
        ends = [TopicPartition(c.topic, c.partition, newest, metadata=SKIPPED) for c, _, newest in offsets]
        self._consumer.commit(offsets=ends, asynchronous=False)

    def _without_records(self, places: Mapping[tuple[str, int], int]) -> set[tuple[str, int]]:
        """Return the places, given with offsets, behind which there is no record that a reader gets."""
        if not places:
            return set()
        self._consumer.assign([TopicPartition(*place, offset) for place, offset in places.items()])
        unknown, without = set(places), set()
        deadline = time.monotonic() + _REQUEST_SECONDS
        try:
            while unknown and time.monotonic() < deadline:
                for message in self._consumer.consume(100, timeout=_POLL_SECONDS):
                    place = message.topic() or "", message.partition() or 0
                    error = message.error()
                    if error is not None and error.code() == KafkaError._PARTITION_EOF and place in unknown:
                        without.add(place)
                    unknown.discard(place)
        finally:
            self._consumer.unassign()
        return without

    def _offsets(self) -> list[tuple[TopicPartition, int, int]]:
        """Return each partition with its committed offset, and its oldest and newest offset."""

        def ask() -> list[tuple[TopicPartition, int, int]]:
            return [
                (committed, *self._consumer.get_watermark_offsets(committed, _REQUEST_SECONDS))
                for committed in self._consumer.committed(self._partitions(), _REQUEST_SECONDS)
            ]

        try:
            return when_settled(ask, _REQUEST_SECONDS)
        except KafkaException as error:
            raise StreamerError(
                f"the broker does not tell the group's offsets ({error.args[0].str()}): "
                "is it running, and is --broker right?"
            ) from None

    def _partitions(self) -> list[TopicPartition]:
        # List all topics, never some by name: a request by name creates a topic if the broker is set to do
        # so.
        known = self._consumer.list_topics(timeout=_REQUEST_SECONDS).topics
        if missing := [topic for topic in self._topics if topic not in known]:
            raise StreamerError(
                f"missing: {', '.join(missing)}; create them with `retail-streamer topics --create`"
            )
        return [TopicPartition(t, number) for t in self._topics for number in known[t].partitions]
