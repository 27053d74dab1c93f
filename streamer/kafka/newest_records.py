"""The newest records of many partitions, looked at from time to time."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streamer.kafka.offsets import UNSETTLED

_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.1


def newest_times(admin: AdminClient, partitions: Sequence[TopicPartition]) -> dict[int, int]:
    """Return the newest timestamp of the records of some topics, by the number of the partition.

    Parameters
    ----------
    admin
        Asks the broker.
    partitions
        The partitions; one without records has -1.

    Raises
    ------
    KafkaException
        The broker does not answer.
    """
    wanted = {partition: OffsetSpec.max_timestamp() for partition in partitions}
    newest: dict[int, int] = {}
    for partition, future in admin.list_offsets(wanted, request_timeout=_SECONDS).items():
        stamp = future.result().timestamp
        newest[partition.partition] = max(stamp, newest.get(partition.partition, stamp))
    return newest


class NewestRecords:
    """Reads, at each look, the records that came since the last one: of each partition the newest few.

    Parameters
    ----------
    client
        Client settings for confluent-kafka, ``bootstrap.servers`` among them.
    most
        Records of a partition at one look.
    """

    def __init__(self, client: Mapping[str, Any], most: int) -> None:
        self._consumer = Consumer(
            {
                **client,
                "group.id": "never-joined",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "latest",
                "fetch.wait.max.ms": 50,
                "max.partition.fetch.bytes": 1 << 18,
                "queued.max.messages.kbytes": 1_024,
                "log_level": 0,
            }
        )
        self._most = most
        self._seen: dict[tuple[str, int], int] = {}  # by partition, the offset behind the last look

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()

    def of(self, partitions: Sequence[TopicPartition]) -> Iterator[Message]:
        """Yield the records, in the order of each partition.

        Raises
        ------
        KafkaException
            The broker does not answer.
        """
        ends: dict[tuple[str, int], int] = {}
        starts = []
        for partition in partitions:
            place = partition.topic, partition.partition
            oldest, end = self._ends(partition)
            start = max(self._seen.get(place, 0), end - self._most, oldest)
            self._seen[place] = end
            if start < end:
                ends[place] = end
                starts.append(TopicPartition(*place, start))
        self._consumer.assign(starts)
        deadline = time.monotonic() + _SECONDS
        while ends and time.monotonic() < deadline:
            for message in self._consumer.consume(1_000, timeout=0.2):
                place = message.topic() or "", message.partition() or 0
                error = message.error()
                if error is not None:
                    if error.code() != KafkaError._PARTITION_EOF:
                        raise KafkaException(error)
                    ends.pop(place, None)
                    continue
                if (message.offset() or 0) + 1 >= ends.get(place, 0):
                    ends.pop(place, None)
                yield message
        self._consumer.unassign()

    def _ends(self, partition: TopicPartition) -> tuple[int, int]:
        """Return the oldest offset and the end; a topic that was made just now has no leader for a moment."""
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                ends: tuple[int, int] = self._consumer.get_watermark_offsets(partition, _SECONDS)
                return ends
            except KafkaException as error:
                if error.args[0].code() not in UNSETTLED or time.monotonic() > deadline:
                    raise
            time.sleep(_POLL_SECONDS)
