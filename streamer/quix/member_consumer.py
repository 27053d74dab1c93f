"""The consumer of an application: pauses end with an assignment, and a partition without records is idle.

Quix Streams 3.28 relies on two things that librdkafka 2.12 does not do. Each of them let a partition stand
still for ever, and with it the partitions of the same number in the other topics:

- It takes for granted that an assignment ends all pauses. librdkafka keeps them: a partition that was paused
  when it was revoked is paused when it comes back. Quix pauses partitions that wait for another topic, and
  all of them while a sink holds back.
- It takes a partition for idle once its position is at the end. A partition whose records have all expired
  has no position, because no record was ever read.
"""

from typing import Any

from confluent_kafka import TopicPartition
from quixstreams.internal_consumer import InternalConsumer

from streamer.quix.aligned import AlignedBuffer


class MemberConsumer(InternalConsumer):
    """Quix's consumer of an application's topics, aligned in runs; its arguments are Quix's."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._buffer = AlignedBuffer(self._max_partition_buffer_size)

    def assign(self, partitions: list[TopicPartition]) -> None:
        """Take partitions; none of them is paused."""
        super().assign(partitions)
        self.resume(partitions)

    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Return the offset of the next record of each partition; without any records left, the end."""
        found: list[TopicPartition] = super().position(partitions)
        for place in found:
            if place.offset < 0:
                oldest, end = self._ends(place)
                if 0 < end <= oldest:
                    place.offset = end
        return found

    def _ends(self, place: TopicPartition) -> Any:
        return self.get_watermark_offsets(TopicPartition(place.topic, place.partition), cached=True)
