"""The oldest and newest offsets of all partitions in two requests to each broker.

Quix asks the consumer for one partition after the other, and for some of them six times, while the consumer
has begun to fetch. A broker answers the requests of a connection in their order, so each question waits for a
fetch without records to end: up to 50 ms. With 6 topics of 8 partitions a start took 5 s longer.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

_REQUEST_SECONDS: Final = 30.0

Watermarks: TypeAlias = Mapping[tuple[str, int], tuple[int, int]]
"""The oldest and the newest offset, by topic and partition."""


def watermarks(admin: AdminClient, partitions: Iterable[TopicPartition]) -> Watermarks:
    """Return the offsets that a reader of committed records gets.

    Parameters
    ----------
    admin
        A client with connections of its own.
    partitions
        The partitions.

    Returns
    -------
    Watermarks
        Without the partitions that the broker does not answer for, as when their leader has just changed.
    """
    places = [TopicPartition(each.topic, each.partition) for each in partitions]
    oldest, newest = (_offsets(admin, places, spec) for spec in (OffsetSpec.earliest(), OffsetSpec.latest()))
    return {place: (oldest[place], newest[place]) for place in oldest.keys() & newest.keys()}


@contextmanager
def at_hand(consumer: Any, found: Watermarks) -> Iterator[None]:
    """Have a consumer answer with these watermarks, for the length of a `with` block."""
    ask = consumer.get_watermark_offsets

    def answer(partition: TopicPartition, *arguments: Any, **options: Any) -> tuple[int, int]:
        known = found.get((partition.topic, partition.partition))
        low, high = known or ask(partition, *arguments, **options)
        return low, high

    consumer.get_watermark_offsets = answer
    try:
        yield
    finally:
        del consumer.get_watermark_offsets


def _offsets(
    admin: AdminClient, places: list[TopicPartition], spec: OffsetSpec
) -> dict[tuple[str, int], int]:
    if not places:
        return {}
    futures = admin.list_offsets(
        dict.fromkeys(places, spec),
        isolation_level=IsolationLevel.READ_COMMITTED,
        request_timeout=_REQUEST_SECONDS,
    )
    found = {}
    for place, future in futures.items():
        try:
            found[place.topic, place.partition] = future.result().offset
        except KafkaException:
            continue  # the consumer asks for this one
    return found
