"""A Kafka shared with others: under a prefix each command uses the topics with it, and no others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from data_gen import Simulation
from data_gen.cli import main as datagen
from retail_anomaly.core.events import DEAD_LETTERS, POS_EVENTS
from streamer.cli import main as streamer
from streamer.kafka.connection import Connection
from streamer.kafka.topic_plan import TOPICS, TopicNames
from tests.kafka import Record, consume, fresh_name, produce
from tests.support.processes import StreamerProcess
from tests.support.simulated import by_key, expected
from tests.support.waiting import PATIENCE_S

WORLD = Simulation(stores=1, days=1, seed=2)
NAMES = TopicNames("shops.")


@pytest.fixture
def address(clean_kafka: Connection, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("RETAIL__STREAMER__TOPIC_PREFIX", NAMES.prefix)
    return str(clean_kafka.broker)


def test_every_command_keeps_to_the_topics_with_the_prefix(
    address: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    group = fresh_name("group")
    at = ["--broker", address]
    of_group = [*at, "--consumer-group", group]

    def said(code: int) -> list[str]:
        assert code == 0
        return capfd.readouterr().out.splitlines()

    topics = said(streamer(["topics", "--create", "--internal", *of_group, "--partitions", "4"]))
    world = ["--stores", "1", "--days", "1", "--seed", "2"]
    said(datagen(["stream", *at, *world]))
    produce(address, [Record(NAMES.of(POS_EVENTS), b"{", b"store-1", timestamp=1_760_000_000_000)])
    process = StreamerProcess(Connection(address), group, tmp_path)
    lag = said(streamer(["lag", *of_group, "--wait", "60"]))
    process.stop()
    adopted = said(streamer(["state", "adopt", *of_group]))
    alerts = said(streamer(["alerts", *at]))

    assert {f"{name}: created, 4 partitions" for name in NAMES.all(TOPICS)} <= set(topics)
    assert json.loads(lag[0]) == dict.fromkeys(NAMES.inputs, 0)
    assert {line.partition("[")[0] for line in adopted} <= set(NAMES.aligned)
    assert by_key(map(json.loads, alerts)) == expected(WORLD)
    (letter,) = consume(address, NAMES.of(DEAD_LETTERS))
    assert json.loads(letter.value or b"")["topic"] == NAMES.of(POS_EVENTS)
    listed = AdminClient({"bootstrap.servers": address}).list_topics(timeout=PATIENCE_S).topics
    assert not set(TOPICS) & set(listed)


def test_a_new_group_skips_the_history_of_the_topics_with_the_prefix(
    address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    of_group = ["--broker", address, "--consumer-group", fresh_name("group")]
    assert streamer(["topics", "--create", *of_group]) == 0
    assert streamer(["skip", *of_group]) == 0
    assert NAMES.of(POS_EVENTS) in capfd.readouterr().out.splitlines()[-1]
