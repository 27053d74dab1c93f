"""Whether everything that was produced was processed, seen from outside the streamer."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

_TIMEOUT_S: Final = 10.0
_UNSETTLED: Final = {
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
}


@dataclass(frozen=True)
class Progress:
    """How far a consumer group is with what was produced.

    Parameters
    ----------
    produced
        Records that ever came.
    processed
        Records before the group's committed offsets.
    dropped
        Records that the broker no longer has. Of these nobody can say whether they were read in
        time, so a run that must be complete has none.

    Examples
    --------
    >>> Progress(produced=10, processed=10, dropped=0).complete
    True
    >>> Progress(produced=10, processed=10, dropped=1).complete
    False
    """

    produced: int
    processed: int
    dropped: int

    @property
    def complete(self) -> bool:
        """Whether everything produced was processed, and provably so."""
        return self.processed >= self.produced and not self.dropped


def progress(properties: dict[str, Any], group: str, topics: Iterable[str]) -> Progress:
    """Compare what is in topics with what a consumer group has committed; on any broker.

    Parameters
    ----------
    properties
        The client's properties, with ``bootstrap.servers``.
    group
        The consumer group.
    topics
        Topics that exist.

    Returns
    -------
    Progress
        Summed over all partitions.
    """
    client = Consumer({**properties, "group.id": group, "enable.auto.commit": False, "log_level": 0})
    try:
        known = client.list_topics(timeout=_TIMEOUT_S).topics
        parts = [TopicPartition(name, number) for name in topics for number in known[name].partitions]
        produced = processed = dropped = 0
        for part in _committed(client, parts):
            low, high = client.get_watermark_offsets(part, timeout=_TIMEOUT_S)
            produced += high
            processed += max(part.offset, 0)
            dropped += low
    finally:
        client.close()
    return Progress(produced, processed, dropped)


def _committed(client: Consumer, parts: list[TopicPartition]) -> list[TopicPartition]:
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        try:
            return list(client.committed(parts, timeout=_TIMEOUT_S))
        except KafkaException as error:
            # A new cluster, or one that lost a broker, is still deciding who keeps the group.
            if error.args[0].code() not in _UNSETTLED or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
