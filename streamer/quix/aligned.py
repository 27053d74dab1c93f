"""Aligned reading of many partitions, without asking in vain and without fetching twice.

Quix Streams 3.28 spends most of its time in two ways here:

- It looks for the next record from the first partition on, every time. One that has none to give has none until
  the buffer is fed again.
- It stops reading a partition of whose records it holds as many as a feed brings at most, which in a backlog is
  that of every feed. A stop throws away what the client has fetched ahead, often a megabyte for a thousand
  records, to be fetched again. With room for two feeds only one that waits for another topic is stopped: the
  others are empty by the next feed.
"""

from collections.abc import Iterable
from typing import Any

from confluent_kafka import TopicPartition
from quixstreams.internal_consumer.buffering import InternalConsumerBuffer, PartitionBufferGroup


class AlignedBuffer(InternalConsumerBuffer):
    """The records read ahead; gives the same ones in the same order as the class it stands in for.

    Parameters
    ----------
    fed_at_once
        Records that a feed brings at most. A topic's partition is not read any further while it holds
        twice as many, and never holds more than three times as many.
    """

    def __init__(self, fed_at_once: int) -> None:
        super().__init__(max_partition_buffer_size=2 * fed_at_once)
        self._open: list[PartitionBufferGroup] = []  # those that may have a record, the first one last

    def pop(self) -> Any:
        """Return the next record, or None until there are more."""
        groups = self._open
        while groups:
            message = groups[-1].pop()
            if message is not None:
                return message
            groups.pop()
        return None

    def feed(
        self,
        messages: Iterable[Any],
        high_watermarks: dict[tuple[str, int], int],
        positions: dict[tuple[str, int], int] | None = None,
    ) -> None:
        """Take records and what is known of each partition's end."""
        super().feed(messages, high_watermarks, positions)
        self._reopen()

    def assign_partitions(self, topic_partitions: list[TopicPartition]) -> None:
        """Begin with partitions."""
        super().assign_partitions(topic_partitions)
        self._reopen()

    def revoke_partitions(self, topic_partitions: list[TopicPartition]) -> None:
        """Give partitions up; others of their number may have waited for them."""
        super().revoke_partitions(topic_partitions)
        self._reopen()

    def clear(self, topic: str, partition: int) -> None:
        """Forget what was read of a partition."""
        super().clear(topic, partition)
        self._reopen()

    def close(self) -> None:
        """Drop everything."""
        super().close()  # type: ignore[no-untyped-call]
        self._reopen()

    def _reopen(self) -> None:
        self._open = [*self._partition_groups.values()][::-1]
