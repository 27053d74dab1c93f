"""Aligned reading that asks a partition only once whether it has a record.

Quix Streams 3.28 looks for the next record from the first partition on, every time, and with many partitions
spends a fifth of its time on those that have none to give. Such a one has none until the buffer is fed again.
"""

from collections.abc import Iterable
from typing import Any

from confluent_kafka import TopicPartition
from quixstreams.internal_consumer.buffering import InternalConsumerBuffer, PartitionBufferGroup


class AlignedBuffer(InternalConsumerBuffer):
    """The records read ahead; gives the same ones in the same order as the class it stands in for.

    Parameters
    ----------
    max_partition_buffer_size
        Records of a topic's partition from which on it is not read any further.
    """

    def __init__(self, max_partition_buffer_size: int = 10_000) -> None:
        super().__init__(max_partition_buffer_size)
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
