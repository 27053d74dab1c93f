"""Producers with transactions: their marks are no lag, and an open transaction is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from confluent_kafka import Producer

from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import POS_EVENTS, PosEvent
from streamer.cli import main
from streamer.kafka.connection import Connection
from streamer.kafka.offsets import GroupOffsets
from streamer.kafka.topics import TopicPlan, ensure_topics
from tests.kafka import fresh_name
from tests.support.processes import StreamerProcess
from tests.support.simulated import alerts_in
from tests.support.waiting import PATIENCE_S

T = 1_760_000_000_000
BOTH = ["--at-least-once", "--exactly-once"]


@pytest.fixture
def address(clean_kafka: Connection) -> str:
    ensure_topics(clean_kafka, TopicPlan(4, 1, 3650 * 86_400_000), create=True)
    address: str = clean_kafka.properties()["bootstrap.servers"]
    return address


def transactional(address: str) -> Producer:
    producer = Producer(
        {"bootstrap.servers": address, "transactional.id": fresh_name("till"), "partitioner": "murmur2"}
    )
    producer.init_transactions(PATIENCE_S)
    producer.begin_transaction()
    return producer


def send(producer: Producer, *transactions: str) -> None:
    for n, transaction in enumerate(transactions):
        event = PosEvent(transaction, "s", "c", "k", 5.0, "REFUND", T + n)
        producer.produce(POS_EVENTS, encode(event), b"s", timestamp=T + n)
    assert producer.flush(PATIENCE_S) == 0


@pytest.mark.parametrize("guarantee", BOTH)
def test_ended_transactions_leave_no_lag(
    clean_kafka: Connection, address: str, tmp_path: Path, guarantee: str
) -> None:
    group = fresh_name("group")
    streamer = StreamerProcess(clean_kafka, group, tmp_path, guarantee)
    kept, given_up = transactional(address), transactional(address)
    send(kept, "kept")
    kept.commit_transaction(PATIENCE_S)
    send(given_up, *(f"aborted-{n}" for n in range(300)))
    given_up.abort_transaction(PATIENCE_S)

    streamer.wait_until_processed()
    with GroupOffsets(clean_kafka.properties(), group) as offsets:
        assert not any(offsets.lag().values())
        assert offsets.hidden() == {}
    assert streamer.stop() == 0, streamer.tail()
    assert [alert["evidence"]["transactionId"] for alert in alerts_in(address).values()] == ["kept"]

    # The marks are between the offsets and the state: that is no difference.
    again = StreamerProcess(clean_kafka, group, tmp_path, guarantee)
    last = transactional(address)
    send(last, "last")
    last.commit_transaction(PATIENCE_S)
    again.wait_until_processed()
    again.kill()
    third = StreamerProcess(clean_kafka, group, tmp_path, guarantee)
    third.wait_until_running()
    third.wait_until_processed()
    assert third.stop() == 0, third.tail()


def test_an_open_transaction_is_named_as_the_reason(
    clean_kafka: Connection, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    group = fresh_name("group")
    streamer = StreamerProcess(clean_kafka, group, tmp_path)
    streamer.wait_until_running()
    producer = transactional(address)
    send(producer, "open-1", "open-2")
    streamer.wait_until_processed()

    assert main(["lag", "--broker", address, "--consumer-group", group]) == 0
    said = capsys.readouterr()

    assert not any(json.loads(said.out).values())
    assert f"{POS_EVENTS}[" in said.err
    assert "an open transaction holds up 2 records" in said.err
    producer.commit_transaction(PATIENCE_S)
    streamer.wait_until_processed()
    assert len(alerts_in(address, at_least=2)) == 2
    assert streamer.stop() == 0, streamer.tail()
    assert main(["lag", "--broker", address, "--consumer-group", group]) == 0
    assert capsys.readouterr().err == ""
