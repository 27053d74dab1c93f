"""Offsets of all partitions at once are those that a consumer is told one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import NewTopic

from streamer.kafka.embedded_admin import EmbeddedAdmin
from streamer.kafka.embedded_broker import EmbeddedBroker
from streamer.quix.watermarks import at_hand, watermarks
from tests.kafka import Record, produce

PARTITIONS = [TopicPartition("sales", number) for number in range(3)]


class Asked:
    """Stands for a consumer, and notes for which partitions it was asked."""

    def __init__(self) -> None:
        self.places: list[int] = []

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]:
        self.places.append(partition.partition)
        return 7, 9


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Give a broker with records in two of the three partitions."""
    with EmbeddedBroker() as broker:
        EmbeddedAdmin({"bootstrap.servers": broker.address}).create_topics([NewTopic("sales", 3)])
        produce(broker.address, [Record("sales", b"x", partition=number) for number in (0, 0, 2)])
        yield broker.address


def test_they_are_those_of_a_consumer(address: str) -> None:
    found = watermarks(EmbeddedAdmin({"bootstrap.servers": address}), PARTITIONS)

    consumer = Consumer({"bootstrap.servers": address, "group.id": "never-joined", "log_level": 0})
    assert found == {
        (place.topic, place.partition): consumer.get_watermark_offsets(place, 10) for place in PARTITIONS
    }
    consumer.close()
    assert found["sales", 0] == (0, 2)


def test_no_partitions_need_no_broker() -> None:
    assert watermarks(EmbeddedAdmin({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}), []) == {}


def test_a_consumer_is_asked_for_those_that_are_not_at_hand_and_for_all_behind_the_block() -> None:
    consumer = Asked()
    with at_hand(consumer, {("sales", 0): (1, 4)}):
        answers = [consumer.get_watermark_offsets(place, timeout=10) for place in PARTITIONS[:2]]
    assert answers == [(1, 4), (7, 9)]
    assert consumer.get_watermark_offsets(PARTITIONS[0], timeout=10) == (7, 9)
    assert consumer.places == [1, 0]
