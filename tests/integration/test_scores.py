"""`anomaly-scores`: the models' scores, on Kafka as in a replay, and only if they are on."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pandas as pd
import pytest
from confluent_kafka.admin import AdminClient

from data_gen import Simulation
from retail_anomaly.core.score import Score
from retail_anomaly.frames.scores import scores_frame
from retail_anomaly.replay import replay
from retail_anomaly.settings import load
from streamer import cli
from streamer.kafka.connection import Connection
from streamer.kafka.topic_plan import SCORES
from streamer.kafka.topics import TopicPlan, ensure_topics
from tests.kafka import Record, consume, fresh_name, produce
from tests.support.filled import MODELS
from tests.support.processes import StreamerProcess
from tests.support.simulated import records
from tests.support.waiting import PATIENCE_S

WORLD = Simulation(stores=2, days=5, seed=4)
PLAN = TopicPlan(4, 1, 3650 * 86_400_000)
WANTED = MODELS | {"RETAIL__STREAMER__SCORES": "true", "RETAIL__STREAMER__TICK_INTERVAL": "200ms"}


@pytest.fixture
def address(clean_kafka: Connection) -> str:
    ensure_topics(clean_kafka, PLAN, create=True)
    address: str = clean_kafka.properties()["bootstrap.servers"]
    produce(address, records(WORLD))
    return address


def _frame(found: list[Record]) -> pd.DataFrame:
    scores = [msgspec.json.decode(record.value or b"", type=Score) for record in found]
    return _sorted(scores_frame(scores))


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    by = ["detector", "store_id", "subject", "end", "observed"]
    return frame.sort_values(by, kind="stable", ignore_index=True)


def test_the_topic_has_the_rows_of_a_replay_and_a_second_reading_repeats_them(
    clean_kafka: Connection, address: str, tmp_path: Path
) -> None:
    wanted = replay(list(WORLD.events()), settings=load(None, environ=MODELS).settings, scores=True).scores
    assert wanted is not None
    judged = wanted[wanted["score"].notna()]
    assert set(judged["detector"]) == {"refund_deviation", "sales_deviation"}
    assert wanted["silent"].notna().any()

    found: list[Record] = []
    for reading in (1, 2):
        folder = tmp_path / str(reading)
        folder.mkdir()
        streamer = StreamerProcess(clean_kafka, fresh_name("group"), folder, environment=WANTED)
        streamer.wait_until_running()  # the topic is made before
        found = consume(address, SCORES, at_least=reading * len(wanted), timeout=PATIENCE_S)
        assert streamer.stop() == 0
        assert len(found) == reading * len(wanted)
    assert all(record.key == msgspec.json.decode(record.value or b"")["storeId"].encode() for record in found)
    both = _frame(found)
    pd.testing.assert_frame_equal(both[::2].reset_index(drop=True), _sorted(wanted))
    pd.testing.assert_frame_equal(both[1::2].reset_index(drop=True), _sorted(wanted))


def test_without_the_option_there_is_no_such_topic(
    clean_kafka: Connection, address: str, tmp_path: Path
) -> None:
    streamer = StreamerProcess(clean_kafka, fresh_name("group"), tmp_path, environment=MODELS)
    streamer.wait_until_processed()
    assert streamer.stop() == 0
    assert SCORES not in AdminClient({"bootstrap.servers": address}).list_topics(timeout=PATIENCE_S).topics


def test_where_it_is_wanted_it_is_planned_like_the_others(
    clean_kafka: Connection, address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RETAIL__STREAMER__SCORES", "true")
    command = ["topics", "--broker", address, "--partitions", "4"]
    assert cli.main([*command, "--check"]) == 1
    assert f"{SCORES}: missing" in capsys.readouterr().out
    assert cli.main([*command, "--create"]) == 0
    assert f"{SCORES}: created, 4 partitions" in capsys.readouterr().out
    assert cli.main([*command, "--check"]) == 0
