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
from tests.integration.conftest import emptied
from tests.kafka import Record, consume, fresh_name
from tests.support.faults import set_topic
from tests.support.processes import StreamerProcess
from tests.support.simulated import alerts_in

T = 1_760_000_000_000
PLAN = TopicPlan(4, 1, 3650 * 86_400_000)
CASES = [(name, each) for name, (_, compressions) in CLIENTS.items() for each in compressions]


def stores_of(case: str) -> list[str]:
    return [f"{case}/{n}" for n in range(12)]


def foreign(case: str) -> list[tuple[bytes | None, bytes | None, str]]:
    """Return keys and values of a store of the case, and words of the reason that each must get."""
    store = f"{case}/s"
    key, count = store.encode(), encode(CountEvent(store, "k", 3, T))
    return [
        (None, count, "key_mismatch"),
        (b'"%b"' % key, count, "the key is JSON text"),
        (b"\x00\x00\x00\x00\x07%c%b" % (2 * len(key), key), count, "the key is a schema registry's frame"),
        (key, None, "got none"),
        (key, b"", "value: expected JSON"),
        (key, b"\x00\x00\x00\x00\x07" + count, "a schema registry's frame (schema 7)"),
        (key, b'{"op": "c", "before": null, "after": %b}' % count, "Debezium's envelope"),
        (key, b'{"schema": {}, "payload": %b}' % count, "Kafka Connect's envelope"),
    ]


def records_of(case: str) -> list[Record]:
    events = [
        event
        for store in stores_of(case)
        for event in (
            PosEvent(f"t-{store}", store, "c", "tv", 500.0, "SALE", T),
            SecurityEvent(f"g-{store}", store, T + 1_000, "GATE", GateData("1", alarm=True)),
        )
    ]
    good = [Record(topic_of(e), encode(e), e.store_id.encode(), timestamp=e.event_time) for e in events]
    return [*good, *(Record(INVENTORY_COUNTS, value, key, timestamp=T) for key, value, _ in foreign(case))]


class Outcome:
    """The alerts and dead letters of a streamer that has processed all that the broker has."""

    def __init__(self, kafka: Connection, folder: Path) -> None:
        streamer = StreamerProcess(kafka, fresh_name("group"), folder)
        streamer.wait_until_processed()
        assert streamer.stop() == 0, streamer.tail()
        address: str = kafka.properties()["bootstrap.servers"]
        self._alerted = sorted(
            alert["storeId"]
            for alert in alerts_in(address).values()
            if alert["type"] == "SECURITY_CORRELATION"
        )
        self._counts = {(r.partition, r.offset): r for r in consume(address, INVENTORY_COUNTS)}
        self._letters: list[dict[str, Any]] = [
            json.loads(r.value or b"") for r in consume(address, DEAD_LETTERS)
        ]

    def check(self, case: str) -> None:
        """See that each good event of a case has arrived and each foreign format is named."""
        assert [store for store in self._alerted if store.startswith(f"{case}/")] == sorted(stores_of(case))
        reasons = [letter["reason"] for letter in self._letters if self._is_of(case, letter)]
        assert len(reasons) == len(foreign(case))
        for _, _, words in foreign(case):
            assert any(words in reason for reason in reasons), words

    def _is_of(self, case: str, letter: dict[str, Any]) -> bool:
        record = self._counts[letter["partition"], letter["offset"]]
        return f"{case}/s".encode() in (record.key or b"") + (record.value or b"")

    def nothing_else(self, cases: int) -> bool:
        """Tell whether there are no dead letters but those of so many cases."""
        return len(self._letters) == cases * len(foreign(""))


@pytest.fixture(scope="module")
def absent() -> dict[str, str]:
    """Give the clients that this machine does not have, and why; filled by `outcome`."""
    return {}


@pytest.fixture(scope="module")
def outcome(kafka: str, absent: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Send with every client, then let one streamer process it all."""
    cleaned = emptied(kafka)
    ensure_topics(cleaned, PLAN, create=True)
    for client, (send, compressions) in CLIENTS.items():
        try:
            batches = {each: records_of(f"{client}-{each}") for each in compressions}
            send(kafka, batches, tmp_path_factory.mktemp(client))
        except pytest.skip.Exception as reason:
            absent[client] = str(reason)
    return Outcome(cleaned, tmp_path_factory.mktemp("streamer"))


@pytest.mark.parametrize(("client", "compression"), CASES, ids=[f"{c}-{each}" for c, each in CASES])
def test_each_event_arrives_and_foreign_formats_are_named(
    outcome: Outcome, absent: dict[str, str], client: str, compression: str
) -> None:
    if client in absent:
        pytest.skip(absent[client])
    outcome.check(f"{client}-{compression}")
    assert outcome.nothing_else(sum(name not in absent for name, _ in CASES))


def test_topics_whose_records_the_broker_stamps(clean_kafka: Connection, tmp_path: Path) -> None:
    ensure_topics(clean_kafka, PLAN, create=True)
    address: str = clean_kafka.properties()["bootstrap.servers"]
    for topic in (POS_EVENTS, SECURITY_EVENTS, INVENTORY_COUNTS):
        set_topic(address, topic, {"message.timestamp.type": "LogAppendTime"})
    send, _ = CLIENTS["librdkafka"]
    records = records_of("stamped")
    # One topic after the other: the broker's stamps decide their order.
    send(address, {"none": [each for each in records if each.topic == POS_EVENTS]}, tmp_path)
    send(address, {"none": [each for each in records if each.topic != POS_EVENTS]}, tmp_path)

    Outcome(clean_kafka, tmp_path).check("stamped")
