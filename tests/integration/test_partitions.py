"""Partitions that come back after a rebalance, and those whose records have all expired, hold up nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from quixstreams.models import Topic

from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import POS_EVENTS, STAFF_SHIFTS, PosEvent, ShiftEvent
from streamer.kafka.connection import Connection
from streamer.kafka.topics import TopicPlan, ensure_topics
from streamer.quix.member_consumer import MemberConsumer
from tests.kafka import Record, create_topics, fresh_name, produce
from tests.support.faults import wait_for
from tests.support.processes import StreamerProcess
from tests.support.waiting import PATIENCE_S

T = 1_760_000_000_000


class Member:
    """A consumer of a group, and the partitions it has."""

    def __init__(self, address: str, group: str, topic: str) -> None:
        self.consumer = MemberConsumer(
            broker_address=address,
            consumer_group=group,
            auto_offset_reset="earliest",
            auto_commit_enable=False,
            extra_config={"session.timeout.ms": 4_000, "heartbeat.interval.ms": 500},
        )
        self.partitions: set[int] = set()
        self.consumer.subscribe([Topic(topic)], on_assign=self._assign, on_revoke=self._revoke)

    def _assign(self, _: Any, partitions: list[TopicPartition]) -> None:
        self.consumer.assign(partitions)
        self.partitions = {each.partition for each in partitions}

    def _revoke(self, *_: Any) -> None:
        self.partitions = set()

    def received(self) -> int | None:
        """Return the partition of a record, if one comes."""
        message = self.consumer.poll(0.1)
        return None if message is None else message.partition()


def test_a_partition_that_was_paused_is_read_on_after_it_was_away(kafka: str) -> None:
    topic, group = fresh_name("topic"), fresh_name("group")
    create_topics(kafka, [topic], partitions=2)
    produce(kafka, [Record(topic, b"x", partition=number % 2) for number in range(100)])
    first = Member(kafka, group, topic)
    wait_for(lambda: first.received() is not None, "a record")
    # As the aligned reading pauses what waits for another topic, and a sink all that it can't write.
    first.consumer.pause(first.consumer.assignment())
    second = Member(kafka, group, topic)

    def shared() -> bool:
        first.received()
        second.received()
        return len(first.partitions) == len(second.partitions) == 1

    wait_for(shared, "a partition for each")
    second.consumer.close()
    found: set[int | None] = set()

    def both() -> bool:
        found.add(first.received())
        return {0, 1} <= found

    wait_for(both, "records of both partitions")
    first.consumer.close()


def test_a_topic_whose_records_have_all_expired_holds_up_nobody(
    clean_kafka: Connection, tmp_path: Path
) -> None:
    ensure_topics(clean_kafka, TopicPlan(1, 1, 3650 * 86_400_000), create=True)
    address = clean_kafka.properties()["bootstrap.servers"]
    shifts = [ShiftEvent("c", "s", T + n, T + n + 1) for n in range(5)]
    produce(address, [Record(STAFF_SHIFTS, encode(e), b"s", timestamp=e.shift_start) for e in shifts])
    admin = AdminClient({"bootstrap.servers": address})
    for future in admin.delete_records([TopicPartition(STAFF_SHIFTS, 0, len(shifts))]).values():
        future.result(PATIENCE_S)
    sale = PosEvent("t", "s", "c", "k", 5.0, "SALE", T)
    produce(address, [Record(POS_EVENTS, encode(sale), b"s", timestamp=T)])

    streamer = StreamerProcess(clean_kafka, fresh_name("group"), tmp_path)
    streamer.wait_for(lambda: streamer.committed() == 1)
    assert streamer.stop() == 0
