"""The time of a partition's next record in aligned reading, whatever the clock of one till says.

A record that bears tomorrow's date would stop its topic until the other topics have reached tomorrow, and in
a backlog all records behind it would come too late. So a record that is ahead of most of those behind it is
taken where it stands: with the earliest of them. Where more than half of the records have a wrong clock,
nothing tells which are right, and the timestamps count.
"""

from collections.abc import ValuesView
from itertools import islice
from typing import Any

from quixstreams.internal_consumer.buffering import Idleness, PartitionBuffer, PartitionBufferGroup
from quixstreams.models import SuccessfulConfluentKafkaMessageProto as Message

from retail_anomaly.core.wrong_times import AHEAD, LOOK, judged_time


class TopicBuffer(PartitionBuffer):
    """The records of one topic and partition that were read ahead.

    Attributes
    ----------
    turned
        The offset of the newest record that is more than a minute earlier than the one before it, -1 if none
        is. Before it there may be a record that is ahead.
    short
        Whether records by which the next one is judged are on their way.
    """

    def __init__(self, partition: int, topic: str, max_size: int) -> None:
        super().__init__(partition, topic, max_size)
        self.turned = -1
        self.short = False
        self._newest = 0

    def append(self, message: Message) -> None:
        """Add a record, as Quix does."""
        offset, time = message.offset(), message.timestamp()[1]
        if offset <= self._max_offset:
            raise ValueError(f"Invalid offset {offset} (max offset is {self._max_offset})")
        self._max_offset = offset
        if time < self._newest - AHEAD:
            self.turned = offset
        self._newest = time
        if not self._messages:
            self.next_timestamp = time
        self._messages.append(message)

    def head_time(self) -> int:
        """Return the time of the next record; if it is ahead of most behind it, that of the earliest."""
        head: int = self._messages[0].timestamp()[1]
        if self.turned <= self._messages[0].offset() or self.short:
            return head
        return judged_time(head, [each.timestamp()[1] for each in islice(self._messages, 1, LOOK + 1)])

    def look(self) -> None:
        """Note how many records are there: some have come, or were taken."""
        self.short = (
            0 < len(self._messages) <= LOOK and not self.full() and self.idleness() is Idleness.ACTIVE
        )

    def judge_head(self) -> None:
        """Look at the next record again, because records have come."""
        self.look()
        if self._messages and self.turned > self._messages[0].offset():
            self.next_timestamp = self.head_time()


class TopicGroup(PartitionBufferGroup):
    """The topics' partitions with one number.

    Attributes
    ----------
    buffers
        Those of the topics, in the order in which they were assigned.
    """

    def __init__(self, partition: int, max_size: int) -> None:
        super().__init__(partition, max_size)
        self._partition_buffers: dict[str, Any] = {}
        self.buffers: ValuesView[TopicBuffer] = self._partition_buffers.values()
        self._partition_buffers_values = self._partition_buffers.values()

    def assign_partition(self, topic: str) -> None:
        """Start to buffer a topic."""
        if topic not in self._partition_buffers:
            self._partition_buffers[topic] = TopicBuffer(self._partition, topic, self._max_size)
