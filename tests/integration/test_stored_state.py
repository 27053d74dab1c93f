"""Stored state on a real Kafka: other versions, more partitions, older copies, and the loss of everything."""

from __future__ import annotations

import json
import shutil
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka.admin import AdminClient, NewPartitions
from rocksdict import Options, Rdict

from data_gen import Simulation
from retail_anomaly.core.codec import decode, encode
from retail_anomaly.core.events import INPUT_TOPICS
from retail_anomaly.core.state_errors import FORMAT_VERSION
from retail_anomaly.settings import Settings, build_engine
from streamer import cli
from streamer.kafka.connection import Connection
from streamer.kafka.topic_plan import ALIGNED
from streamer.kafka.topics import TopicPlan, ensure_topics
from tests.kafka import Record, consume, fresh_name, produce
from tests.support.processes import StreamerProcess
from tests.support.simulated import alerts_in, by_key, expected, records
from tests.support.waiting import PATIENCE_S

PARTITIONS = 4
MORE = 7
WORLD = Simulation(stores=6, days=1, seed=8)
EVERYTHING = records(WORLD)
THIRD = len(EVERYTHING) // 3


@pytest.fixture
def address(clean_kafka: Connection) -> str:
    ensure_topics(clean_kafka, TopicPlan(PARTITIONS, 1, 3650 * 86_400_000), create=True)
    found: str = clean_kafka.properties()["bootstrap.servers"]
    return found


def process(connection: Connection, group: str, folder: Path, some: list[Record]) -> None:
    """Send records, and let a streamer process them and stop."""
    produce(connection.properties()["bootstrap.servers"], some)
    folder.mkdir(exist_ok=True)
    streamer = StreamerProcess(connection, group, folder)
    streamer.wait_until_processed()
    assert streamer.stop() == 0


def refused(streamer: StreamerProcess) -> str:
    """Wait until a streamer ends by itself; return the one line that says why."""
    assert streamer.wait_until_ended() == 1
    said = [json.loads(line) for line in streamer.log.read_text().splitlines()]
    errors = [line for line in said if line["level"] in {"error", "critical"}]
    assert [line for line in said if "exception" in line] == []
    assert errors == [said[-1]]
    line: str = said[-1]["event"]
    assert "\n" not in line
    return line


def test_state_of_a_newer_version_ends_the_streamer_with_one_line(
    clean_kafka: Connection, address: str, tmp_path: Path
) -> None:
    group = fresh_name("group")
    process(clean_kafka, group, tmp_path / "a", EVERYTHING[:THIRD])
    for database in (tmp_path / "a" / "state" / group).glob("default/*/*"):
        opened = Rdict(str(database), Options(raw_mode=True))
        for key, header in list(opened.items()):
            if isinstance(key, bytes) and key.endswith(b"|header"):
                assert isinstance(header, bytes)
                _, *rest = msgspec.msgpack.decode(header)
                opened[key] = msgspec.msgpack.encode([FORMAT_VERSION + 1, *rest])
        opened.close()
    produce(address, EVERYTHING[THIRD:])
    (tmp_path / "a" / "streamer.log").unlink()

    line = refused(StreamerProcess(clean_kafka, group, tmp_path / "a"))

    assert f"has format {FORMAT_VERSION + 1}, this version reads {FORMAT_VERSION}" in line
    assert "run the version that wrote it" in line


def test_command_shows_the_state_of_a_stopped_streamer_and_not_of_a_running_one(
    clean_kafka: Connection, address: str, tmp_path: Path, capsys: Any
) -> None:
    group = fresh_name("group")
    produce(address, EVERYTHING)
    streamer = StreamerProcess(clean_kafka, group, tmp_path)
    streamer.wait_until_processed()
    arguments = ["state", "--json", "--consumer-group", group, "--state-dir", str(tmp_path / "state")]
    assert cli.main(arguments) == 1
    assert "in use by a running streamer" in capsys.readouterr().err
    assert streamer.stop() == 0

    assert cli.main(arguments) == 0

    content = json.loads(capsys.readouterr().out)
    assert len(content["partitions"]) == PARTITIONS
    engine = build_engine(Settings())
    stores = defaultdict(lambda: engine.new_store("any"))
    for event in WORLD.events():
        engine.process(event, stores[event.store_id])
    # Nearly: ids in a compact memory are counted again when they come again.
    assert {store["store"]: store["entries"] for store in content["stores"]} == pytest.approx(
        {name: sum(store.entries().values()) for name, store in stores.items()}, rel=0.01
    )


def test_older_copy_of_the_state_is_brought_up_to_date_by_the_changelog(
    clean_kafka: Connection, address: str, tmp_path: Path
) -> None:
    group = fresh_name("group")
    folder, copy = tmp_path / "a", tmp_path / "copy"
    process(clean_kafka, group, folder, EVERYTHING[:THIRD])
    shutil.copytree(folder / "state", copy)
    process(clean_kafka, group, folder, EVERYTHING[THIRD : 2 * THIRD])
    shutil.rmtree(folder / "state")
    shutil.copytree(copy, folder / "state")
    process(clean_kafka, group, folder, EVERYTHING[2 * THIRD :])

    assert alerts_in(address) == expected(WORLD)


def test_when_all_state_is_lost_a_new_group_gives_the_same_alerts(
    clean_kafka: Connection, address: str, tmp_path: Path
) -> None:
    process(clean_kafka, fresh_name("group"), tmp_path / "a", EVERYTHING)
    before = alerts_in(address)
    process(clean_kafka, fresh_name("group"), tmp_path / "b", [])

    # Each stands in the topic twice now, with equal content, which reading them checks.
    assert alerts_in(address) == before == expected(WORLD)


def test_partitions_added_while_it_was_stopped_end_the_streamer_with_one_line(
    clean_kafka: Connection, address: str, tmp_path: Path
) -> None:
    group = fresh_name("group")
    process(clean_kafka, group, tmp_path / "a", EVERYTHING[: 2 * THIRD])
    add_partitions(address)
    (tmp_path / "a" / "streamer.log").unlink()

    line = refused(StreamerProcess(clean_kafka, group, tmp_path / "a"))

    assert f"expected {MORE}, got {PARTITIONS}" in line
    assert "new --consumer-group" in line

    # Follow its advice: a store that changed its partition starts empty there.
    process(clean_kafka, fresh_name("group"), tmp_path / "b", EVERYTHING[2 * THIRD :])
    assert alerts_in(address) == expected_by_partition(address)


def add_partitions(address: str) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    wanted = [NewPartitions(name, MORE) for name in ALIGNED]
    for future in admin.create_partitions(wanted).values():
        future.result(PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while {len(admin.list_topics(timeout=PATIENCE_S).topics[name].partitions) for name in ALIGNED} != {MORE}:
        assert time.monotonic() < deadline, "the partitions are not there"
        time.sleep(0.05)


def expected_by_partition(address: str) -> dict[tuple[str, int], dict[str, Any]]:
    """Return the alerts of an engine that takes a store in two partitions for two stores."""
    where = {(record.topic, record.value): record.partition for record in consume(address, INPUT_TOPICS)}
    engine = build_engine(Settings())
    stores = defaultdict(lambda: engine.new_store("any"))
    alerts = []
    moved = set()
    for record in EVERYTHING:
        assert record.value
        partition = where[record.topic, record.value]
        moved.add((record.key, partition))
        alerts += engine.process(decode(record.topic, record.value), stores[record.key, partition])
    assert len(moved) > len({store for store, _ in moved}), "no store moved: choose other numbers"
    return by_key(json.loads(encode(alert)) for alert in alerts)
