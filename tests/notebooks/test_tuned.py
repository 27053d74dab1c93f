"""One notebook tunes, the next validates the result, and the streamer's own command runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_gen import Simulation
from docs.gallery import execute
from retail_anomaly.evaluate import differing_alerts
from retail_anomaly.frames.alerts import read_alerts
from retail_anomaly.replay import replay
from retail_anomaly.settings import Settings, load
from streamer.kafka import tail
from streamer.kafka.connection import Connection
from streamer.kafka.embedded_broker import EmbeddedBroker
from streamer.kafka.topics import TopicPlan, check_topics
from tests.kafka import produce
from tests.notebooks.source import ROOT, Notebook
from tests.support.processes import StreamerProcess
from tests.support.simulated import records


def run(name: str, **parameters: Any) -> str:
    """Run a notebook as small as its test does, with these parameters; return all that it says."""
    path = ROOT / "notebooks" / name
    shrunk = Notebook(path).parameters["metadata"]["nbmake"]["mock"]
    notebook = execute(path, {**shrunk, **parameters})
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "\n".join(output.get("text") or json.dumps(output.get("data", {})) for output in outputs)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the notebook on tuning writes."""
    path = tmp_path_factory.mktemp("tuned") / "tuned.yaml"
    run("40_tune.ipynb", output=str(path), budget=0.6)
    return path


def test_the_file_says_something(tuned):
    assert load(tuned, environ={}).settings != Settings()


def test_the_streamer_runs_the_file_and_raises_what_a_replay_does(tuned, tmp_path):
    simulation = Simulation(stores=3, days=1, seed=11)
    with EmbeddedBroker() as broker:
        connection = Connection(broker.address, embedded=True)
        check_topics(connection, TopicPlan.of(Settings()), create=True, wait=0)
        produce(broker.address, records(simulation))
        process = StreamerProcess(
            connection, "tuned", tmp_path, "--config", str(tuned), "--embedded-broker", module="streamer"
        )
        process.wait_until_processed()
        assert process.stop() == 0
        alerts = tmp_path / "alerts.jsonl"
        alerts.write_bytes(b"".join(value + b"\n" for value in tail.alerts(connection.properties())))
    expected = replay(simulation.events(), settings=load(tuned, environ={}).settings).alerts
    usual = replay(simulation.events()).alerts
    assert differing_alerts(read_alerts(alerts), expected).empty
    assert not differing_alerts(expected, usual).empty, "the tuned parameters make no difference on this day"


def test_validation_shows_equal_alerts_from_the_streamer_and_the_replay(tuned):
    said = run("50_validate.ipynb", new=str(tuned))
    assert "from the replay, 0 differ" in said
    assert "Go." in said or "No-go." in said
