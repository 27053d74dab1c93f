"""Producers of other makes, with each compression: nothing is lost, and each store's events meet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import (
    DEAD_LETTERS,
    INVENTORY_COUNTS,
    POS_EVENTS,
    SECURITY_EVENTS,
    CountEvent,
    GateData,
    PosEvent,
    SecurityEvent,
)
from streamer.kafka.connection import Connection
from streamer.kafka.topics import TopicPlan, ensure_topics
from tests.clients import CLIENTS
from tests.kafka import Record, consume, fresh_name
from tests.support.faults import set_topic
from tests.support.processes import StreamerProcess
from tests.support.simulated import alerts_in

T = 1_760_000_000_000
STORES = [f"store-{n}" for n in range(12)]
COUNT = encode(CountEvent("s", "k", 3, T))
CHANGE = b'{"op": "c", "before": null, "after": %b}' % COUNT

EVENTS = [
    event
    for store in STORES
    for event in (
        PosEvent(f"t-{store}", store, "c", "tv", 500.0, "SALE", T),
        SecurityEvent(f"g-{store}", store, T + 1_000, "GATE", GateData("1", alarm=True)),
    )
]
# By key and value: words of the reason.
FOREIGN: list[tuple[bytes | None, bytes | None, str]] = [
    (None, COUNT, "key_mismatch"),
    (b'"s"', COUNT, "the key is JSON text"),
    (b"\x00\x00\x00\x00\x07\x02s", COUNT, "the key is a schema registry's frame"),
    (b"s", None, "got none"),
    (b"s", b"", "value: expected JSON"),
    (b"s", b"\x00\x00\x00\x00\x07" + COUNT, "a schema registry's frame (schema 7)"),
    (b"s", CHANGE, "Debezium's envelope"),
    (b"s", b'{"schema": {}, "payload": %b}' % COUNT, "Kafka Connect's envelope"),
]


def as_records() -> list[Record]:
    good = [Record(topic_of(e), encode(e), e.store_id.encode(), timestamp=e.event_time) for e in EVENTS]
    return [*good, *(Record(INVENTORY_COUNTS, value, key, timestamp=T) for key, value, _ in FOREIGN)]


CASES = [(name, each) for name, (_, compressions) in CLIENTS.items() for each in compressions]


@pytest.mark.parametrize(("client", "compression"), CASES, ids=[f"{c}-{each}" for c, each in CASES])
def test_each_event_arrives_and_foreign_formats_are_named(
    clean_kafka: Connection, tmp_path: Path, client: str, compression: str
) -> None:
    ensure_topics(clean_kafka, TopicPlan(4, 1, 3650 * 86_400_000), create=True)
    address: str = clean_kafka.properties()["bootstrap.servers"]
    send, _ = CLIENTS[client]
    send(address, as_records(), compression, tmp_path)

    assert_all_is_said(clean_kafka, address, tmp_path)


def test_topics_whose_records_the_broker_stamps(clean_kafka: Connection, tmp_path: Path) -> None:
    ensure_topics(clean_kafka, TopicPlan(4, 1, 3650 * 86_400_000), create=True)
    address: str = clean_kafka.properties()["bootstrap.servers"]
    for topic in (POS_EVENTS, SECURITY_EVENTS, INVENTORY_COUNTS):
        set_topic(address, topic, {"message.timestamp.type": "LogAppendTime"})
    send, _ = CLIENTS["librdkafka"]
    # One topic after the other: the broker's stamps decide their order.
    send(address, [each for each in as_records() if each.topic == POS_EVENTS], "none", tmp_path)
    send(address, [each for each in as_records() if each.topic != POS_EVENTS], "none", tmp_path)

    assert_all_is_said(clean_kafka, address, tmp_path)


def assert_all_is_said(kafka: Connection, address: str, folder: Path) -> None:
    streamer = StreamerProcess(kafka, fresh_name("group"), folder)
    streamer.wait_until_processed()
    assert streamer.stop() == 0, streamer.tail()
    alerts = [alert for alert in alerts_in(address).values() if alert["type"] == "SECURITY_CORRELATION"]
    assert sorted(alert["storeId"] for alert in alerts) == sorted(STORES)
    letters: list[dict[str, Any]] = [json.loads(r.value or b"") for r in consume(address, DEAD_LETTERS)]
    assert len(letters) == len(FOREIGN)
    for _, _, words in FOREIGN:
        assert any(words in letter["reason"] for letter in letters), words
