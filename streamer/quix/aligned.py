"""Aligned reading of many partitions, in runs, without repeated looks at empty ones or fetching twice.

Quix Streams 3.28 wastes most of its time in three ways here:

- It looks for each next record among all topics of a partition. Where one topic has most of the records, the
  next dozens come from it anyway: one look finds them all, as a run.
- It begins each look at the first partition. A partition that is empty stays empty until the buffer is fed
  again, so looking again is in vain.
- It stops reading a partition as soon as it holds as many of its records as one feed can bring. In a backlog
  every feed brings that many. A stop throws away the records that the client has fetched ahead, often a
  megabyte for a thousand records, and they are fetched again. With room for four feeds, only a partition that
  waits long for another topic is stopped: the others are empty by the next feed.

And one till with a wrong clock spoils its order, because timestamps decide it: see `head_times`.
"""

import math
from collections.abc import Iterable
from typing import Any, Final

from confluent_kafka import TopicPartition
from quixstreams.internal_consumer.buffering import Idleness, InternalConsumerBuffer
from quixstreams.models import SuccessfulConfluentKafkaMessageProto as Message

from retail_anomaly.core.wrong_times import AHEAD
from streamer.kafka.topic_plan import RULES
from streamer.quix.head_times import TopicBuffer, TopicGroup

_CHANGELOG: Final = "changelog__"  # how Quix begins the names of such topics
_ROOM: Final = 4  # feeds
_UNKNOWN: Final = -1001  # Quix's value for an end of a partition that is not known


class AlignedBuffer(InternalConsumerBuffer):
    """The records read ahead, in the same order as Quix's own buffer gives them; at equal times rules first.

    Parameters
    ----------
    fed_at_once
        Most records that one feed brings. A partition is not read any further while the buffer holds four
        times as many of it; it never holds more than five times as many.
    """

    def __init__(self, fed_at_once: int) -> None:
        super().__init__(max_partition_buffer_size=_ROOM * fed_at_once)
        self._partition_groups: dict[int, Any] = {}  # of a TopicGroup each
        self._open: list[TopicGroup] = []  # groups that may have a record; the first is last

    def next_run(self, most: int) -> list[Message]:
        """Take the records of one topic and partition that come before any other; none until there are more.

        Parameters
        ----------
        most
            Most records to take; those of the run that are left come next.
        """
        groups = self._open
        while groups:
            buffer, before, after = _first_of(groups[-1])
            if buffer is not None:
                return _taken(buffer, before, after, most)
            groups.pop()
        return []

    def feed(
        self,
        messages: Iterable[Message],
        high_watermarks: dict[tuple[str, int], int],
        positions: dict[tuple[str, int], int] | None = None,
    ) -> None:
        """Take records, and the end of each partition as far as it is known."""
        # A poll in which a partition is assigned may bring a record of its changelog, before Quix reads state
        # back. That begins with a seek, so this record comes again.
        data = (each for each in messages if not each.topic().startswith(_CHANGELOG))
        super().feed(data, high_watermarks, positions)
        for group in self._partition_groups.values():
            for buffer in group.buffers:
                buffer.judge_head()
        self._reopen()

    def assign_partitions(self, topic_partitions: list[TopicPartition]) -> None:
        """Start to buffer partitions."""
        for each in topic_partitions:
            if each.partition not in self._partition_groups:
                group = TopicGroup(each.partition, self._max_partition_buffer_size)
                self._partition_groups[each.partition] = group
        # At equal times the topic that is first has its turn: as in a replay, a rule meets the event.
        super().assign_partitions(sorted(topic_partitions, key=lambda each: not each.topic.endswith(RULES)))
        self._reopen()

    def revoke_partitions(self, topic_partitions: list[TopicPartition]) -> None:
        """Give partitions up; partitions of the same number in other topics may have waited for them."""
        super().revoke_partitions(topic_partitions)
        self._reopen()

    def clear(self, topic: str, partition: int) -> None:
        """Drop the records of a partition."""
        super().clear(topic, partition)
        self._reopen()

    def close(self) -> None:
        """Drop everything."""
        super().close()  # type: ignore[no-untyped-call]
        self._reopen()

    def _reopen(self) -> None:
        self._open = [*self._partition_groups.values()][::-1]


def _first_of(group: TopicGroup) -> tuple[TopicBuffer | None, float, float]:
    """Return the topic that has a partition's next record, and until when it has.

    Its records come next while they are before the first time and not after the second: at equal times the
    topics take turns in the order in which they were assigned.
    """
    first: TopicBuffer | None = None
    before = after = math.inf
    for buffer in group.buffers:
        if buffer._messages:
            time = buffer.next_timestamp
            if first is None:
                first = buffer
            elif time < first.next_timestamp:
                before, after, first = min(before, first.next_timestamp, after), math.inf, buffer
            else:
                after = min(after, time)
        elif len(group._partition_buffers) > 1 and buffer.idleness() is not Idleness.IDLE:
            return None, before, after  # records of it may be on their way
    limit = first.next_timestamp + AHEAD if first is not None else math.inf
    for buffer in group.buffers:
        if buffer.short and limit < buffer.next_timestamp < math.inf:
            return None, before, after  # its next record may be ahead, which those behind it will tell
    return first, before, after


def _taken(buffer: TopicBuffer, before: float, after: float, most: int) -> list[Message]:
    messages = buffer._messages
    taken = [messages.popleft()]
    while messages:
        time: float = messages[0].timestamp()[1]
        if time >= before or time > after:
            buffer.look()
            time = buffer.head_time()
        if time >= before or time > after or len(taken) >= most:
            buffer.next_timestamp = time
            return taken
        taken.append(messages.popleft())
    # As Quix does with an empty buffer: more may have come meanwhile, which the next feed tells.
    buffer.next_timestamp = math.inf
    buffer._high_watermark = _UNKNOWN
    return taken
