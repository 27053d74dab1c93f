"""Records with the right key in the wrong partition: a store's events would not meet, and that is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import (
    DEAD_LETTERS,
    POS_EVENTS,
    SECURITY_EVENTS,
    GateData,
    PosEvent,
    SecurityEvent,
)
from retail_anomaly.core.key_partitions import KeyPartitions, murmur2
from streamer.cli import main
from streamer.kafka.connection import Connection
from streamer.kafka.topics import TopicPlan, ensure_topics
from tests.kafka import Record, consume, fresh_name, produce
from tests.support.processes import StreamerProcess
from tests.support.simulated import alerts_in

T = 1_760_000_000_000
STORES = [f"store-{n}" for n in range(40)]
SALES = [PosEvent(f"t-{store}", store, "c", "tv", 500.0, "SALE", T) for store in STORES]
GATES = [SecurityEvent(f"g-{store}", store, T + 1_000, "GATE", GateData("1", alarm=True)) for store in STORES]


def as_records(events: list[PosEvent] | list[SecurityEvent]) -> list[Record]:
    return [Record(topic_of(e), encode(e), e.store_id.encode(), timestamp=e.event_time) for e in events]


@pytest.fixture
def address(clean_kafka: Connection) -> str:
    ensure_topics(clean_kafka, TopicPlan(4, 1, 3650 * 86_400_000), create=True)
    address: str = clean_kafka.properties()["bootstrap.servers"]
    produce(address, as_records(SALES))
    # librdkafka's own partitioner, which every client on it uses unless it is told otherwise.
    produce(address, as_records(GATES), partitioner="consistent")
    return address


@pytest.mark.parametrize("guarantee", ["--at-least-once", "--exactly-once"])
def test_records_in_another_partition_than_their_keys_are_dead_letters(
    clean_kafka: Connection, address: str, tmp_path: Path, guarantee: str
) -> None:
    streamer = StreamerProcess(clean_kafka, fresh_name("group"), tmp_path, guarantee)
    streamer.wait_until_processed()
    assert streamer.stop() == 0, streamer.tail()

    alerts = {alert["storeId"] for alert in alerts_in(address).values()}
    letters = [json.loads(record.value or b"") for record in consume(address, DEAD_LETTERS)]

    assert {letter["reason"] for letter in letters} == {"wrong_partition"}
    assert {letter["topic"] for letter in letters} == {SECURITY_EVENTS}
    buried = {letter["key"] for letter in letters}
    assert 20 < len(buried) < 40
    assert alerts == set(STORES) - buried
    assert "another partition" in streamer.log.read_text()


def test_by_setting_they_are_processed_with_one_warning(
    clean_kafka: Connection, address: str, tmp_path: Path
) -> None:
    streamer = StreamerProcess(
        clean_kafka,
        fresh_name("group"),
        tmp_path,
        environment={"RETAIL__STREAMER__WRONG_PARTITION": "warn"},
    )
    streamer.wait_until_processed()
    assert streamer.stop() == 0, streamer.tail()

    assert not consume(address, DEAD_LETTERS)
    assert streamer.log.read_text().count("another partition") == 1


def test_the_check_of_the_topics_tells_of_them(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--broker", address, "--partitions", "4"]
    assert main(["topics", "--check", *options]) == 1
    said = capsys.readouterr().out
    assert f"{SECURITY_EVENTS}: " in said.split(POS_EVENTS)[-1] or SECURITY_EVENTS in said
    assert "of the newest 40 records are in another partition than their key's" in said
    assert said.count("another partition") == 1


def test_the_partitions_are_those_of_kafkas_own_client() -> None:
    # Vectors of Kafka's own tests, without a sign.
    vectors = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    assert {key: murmur2(key) for key in vectors} == {key: n % 2**32 for key, n in vectors.items()}
    keys = KeyPartitions(12)
    assert [keys.of(b"foobar"), keys.of(b"foobar")] == [(-790332482 & 0x7FFFFFFF) % 12] * 2
