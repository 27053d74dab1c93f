"""Streamers that run the models too, killed and moved once they have learned for days; in `make soak`, weeks.

A store falls silent at noon of the last day. Its later scores come from ticks alone, and must be the
same whichever of them tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import msgspec
import pytest

from data_gen import Simulation
from retail_anomaly.core.codec import decode, encode
from retail_anomaly.core.events import POS_EVENTS
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import build_engine, load
from tests.kafka import Record
from tests.support.events import DAY, HOUR
from tests.support.faults import CRAWL, LONG, PARTITIONS, Scene, variants, wait_for
from tests.support.simulated import Content, by_key, records

DAYS, REFUND_DAYS, SALES_DAYS = (24, 8, 16) if LONG else (10, 4, 6)
CONFIG = f"""
streamer:
  tick_interval: 200ms
detectors:
  refund_deviation: {{enabled: true, learn_days: {REFUND_DAYS}, false_alarms: 0.05}}
  sales_deviation: {{enabled: true, learn_days: {SALES_DAYS}, false_alarms: 0.01}}
stores:
  # Models of River in place of the packaged ones.
  store-1:
    detectors:
      refund_deviation:
        model: river.anomaly.HalfSpaceTrees
        model_parameters: {{n_trees: 4, height: 4, window_size: 20}}
        scaler: river.preprocessing.MinMaxScaler
      sales_deviation: {{model: river.anomaly.GaussianScorer, false_alarms: 0.05}}
  store-2:
    detectors:
      refund_deviation: {{model: tests.unit.models.detectors_to_choose.Surprise, false_alarms: 0.2}}
      sales_deviation:
        model: tests.unit.models.detectors_to_choose.scaled_trees
        model_parameters: {{n_trees: 2}}
        false_alarms: 0.05
"""
RIVER = {
    "river.anomaly.HalfSpaceTrees",
    "river.anomaly.GaussianScorer",
    "tests.unit.models.detectors_to_choose.Surprise",
    "tests.unit.models.detectors_to_choose.scaled_trees",
}
SILENT = b"store-3"
MODELS = {"refund_deviation", "sales_deviation"}
ALL = [
    (guarantee, state) for guarantee in ("--at-least-once", "--exactly-once") for state in ("kept", "lost")
]


@cache
def log() -> list[Record]:
    """Return the days of four small stores, each in a partition of its own."""
    world = Simulation(stores=PARTITIONS, days=DAYS, seed=11, volumes=("small",), incident_rate=1.0)
    every = records(world)
    noon = (every[-1].timestamp or 0) // DAY * DAY + 12 * HOUR
    return [
        replace(record, partition=int((record.key or b"").rpartition(b"-")[2]) % PARTITIONS)
        for record in every
        if record.key != SILENT or (record.timestamp or 0) < noon
    ]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file: Path = tmp_path_factory.mktemp("config") / "config.yaml"
    file.write_text(CONFIG)
    return file


@pytest.fixture(scope="module")
def expected(config: Path) -> Content:
    """Return the alerts of a replay."""
    events = (decode(record.topic, record.value) for record in log())
    found = replay_events(events, build_engine(load(config, environ={}).settings))
    return by_key(msgspec.json.decode(encode(alert)) for alert in found)


@pytest.fixture
def watched(scene: Callable[..., Scene], config: Path, expected: Content) -> Callable[..., Scene]:
    """Make the scene of a test: `watched("--exactly-once")`."""
    return lambda *arguments: scene("--config", str(config), *arguments, given=log(), alerts=expected)


def finish(here: Scene, expected: Content) -> None:
    """Let the ticks behind the last event have their say, then compare."""
    (here.gate / "full-speed").touch()
    # An alert is seldom the last, and a look at all alerts costs more than one at the offsets.
    here.processes[-1].wait_until_processed()
    wait_for(lambda: len(here.alerts()) >= len(expected), f"all of {len(expected)} alerts", here.lacks)
    here.finish()

    assert here.restarts == 0


def test_the_models_have_much_to_say_and_some_of_it_of_a_silent_store(expected: Content) -> None:
    by_model = Counter(alert["detector"] for alert in expected.values())
    assert all(by_model[name] > 5 for name in MODELS)
    assert any(alert["revision"] > 1 for alert in expected.values() if alert["detector"] in MODELS)
    assert {alert["evidence"].get("model") for alert in expected.values()} >= RIVER
    last = max(
        record.timestamp or 0 for record in log() if (record.key, record.topic) == (SILENT, POS_EVENTS)
    )
    assert [
        alert
        for alert in expected.values()
        if alert["storeId"] == SILENT.decode() and alert["eventTime"] > last + HOUR
    ]
    # No order of two topics decides anything.
    times = {(record.key, record.timestamp, record.topic) for record in log()}
    assert len({time[:2] for time in times}) == len(times)


@variants("guarantee", ["--at-least-once"], ["--at-least-once", "--exactly-once"])
def test_an_undisturbed_run_raises_the_alerts_of_a_replay(
    watched: Callable[..., Scene], expected: Content, guarantee: str
) -> None:
    here = watched(guarantee)
    here.start()
    finish(here, expected)


@pytest.mark.timeout(1_200)
@variants("guarantee,state", [ALL[0], ALL[3]], ALL)
def test_kills_lose_nothing_of_what_was_learned(
    watched: Callable[..., Scene], expected: Content, guarantee: str, state: str
) -> None:
    here = watched(guarantee)
    # Days of learning; then in the midst of the alerts, between two commits and within one.
    for point, pace in (
        (f"kill:processed:{len(log()) * 6 // 10}:0.030", 0),
        ("kill:delivered:3", 3_000),
        ("kill:committed:3", 3_000),
    ):
        here.die(point, pace=pace)
        if state == "lost":
            here.lose_state()
    here.start()
    finish(here, expected)


@pytest.mark.timeout(1_200)
@variants("guarantee", ["--at-least-once"], ["--at-least-once", "--exactly-once"])
def test_what_was_learned_moves_to_another_process_and_back(
    watched: Callable[..., Scene], expected: Content, guarantee: str
) -> None:
    here = watched(guarantee)
    # It has learned for days before the other comes.
    learned = len(log()) * 4 // 10
    here.start("a", fault=f"crawl:processed:{learned}").wait_until_beyond(learned - 1)
    second = here.start("b", pace=CRAWL)
    here.wait_for_group("STABLE", 2)
    here.wait_for_progress()
    assert second.stop() == 0
    here.wait_for_group("STABLE", 1)
    here.wait_for_progress()
    finish(here, expected)
