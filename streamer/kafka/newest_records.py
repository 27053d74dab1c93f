"""The newest records of many partitions, looked at from time to time."""

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streamer.errors import StreamerError
from streamer.kafka.settled import when_settled

_SECONDS: Final = 10.0
_SILENCE_SECONDS: Final = 10.0


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

    def ask() -> dict[int, int]:
        newest: dict[int, int] = {}
        for partition, future in admin.list_offsets(wanted, request_timeout=_SECONDS).items():
            stamp = future.result().timestamp
            newest[partition.partition] = max(stamp, newest.get(partition.partition, stamp))
        return newest

    return when_settled(ask, _SECONDS)


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
        StreamerError
            For ten seconds no record came, although there are more.
        """
        ends: dict[tuple[str, int], int] = {}
        starts: list[TopicPartition] = []
        for partition in partitions:
            place = partition.topic, partition.partition
            ask = partial(self._consumer.get_watermark_offsets, partition, _SECONDS)
            oldest, end = when_settled(ask, _SECONDS)
            start = max(self._seen.get(place, 0), end - self._most, oldest)
            if start < end:
                ends[place] = end
                starts.append(TopicPartition(*place, start))
        self._consumer.assign(starts)
        deadline = time.monotonic() + _SILENCE_SECONDS
        while ends:
            messages = self._consumer.consume(1_000, timeout=0.2)
            if all(_place(message) not in ends for message in messages) and time.monotonic() > deadline:
                raise StreamerError(_unread(ends))
            for message in messages:
                place, error = _place(message), message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                if place in ends:
                    deadline = time.monotonic() + _SILENCE_SECONDS
                    if error is not None or (message.offset() or 0) + 1 >= ends[place]:
                        self._seen[place] = ends.pop(place)
                if error is None:
                    yield message
        self._consumer.unassign()


def _place(message: Message) -> tuple[str, int]:
    return message.topic() or "", message.partition() or 0


def _unread(ends: Mapping[tuple[str, int], int]) -> str:
    (topic, number), end = next(iter(ends.items()))
    more = f" and {len(ends) - 1} more partitions" if len(ends) > 1 else ""
    return (
        f"{topic}[{number}]{more}: no record came for {_SILENCE_SECONDS:.0f} s, and the end is at {end}: "
        "is the broker busy? Run the command again"
    )
