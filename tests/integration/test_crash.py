"""Killed in mid-stream: after a restart the alerts are the same set."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from data_gen import Simulation
from retail_anomaly.core.events import ALERTS, INPUT_TOPICS
from streamer.kafka.connection import Connection
from streamer.kafka.topics import TopicPlan, ensure_topics
from tests.kafka import consume, fresh_name, produce
from tests.support.processes import StreamerProcess
from tests.support.simulated import alerts_in, expected, records

WORLD = Simulation(stores=4, days=3, seed=5)


@pytest.mark.parametrize(
    ("state", "options"),
    [("kept", ()), ("lost", ()), ("lost", ("--exactly-once",))],
    ids=["state kept", "state lost", "state lost, exactly once"],
)
def test_kill_in_mid_stream_loses_no_alert(
    clean_kafka: Connection, tmp_path: Path, state: str, options: tuple[str, ...]
) -> None:
    ensure_topics(clean_kafka, TopicPlan(4, 1, 3650 * 86_400_000), create=True)
    everything = records(WORLD)
    group = fresh_name("group")
    # In parts, so that each process is met in the middle of its work, whatever the machine's speed.
    cuts = [0, *(len(everything) * n // 4 for n in (1, 2, 3, 4))]
    for number, (start, end) in enumerate(pairwise(cuts)):
        produce(clean_kafka.properties()["bootstrap.servers"], everything[start:end])
        folder = tmp_path / ("state" if state == "kept" else f"state-{number}")
        folder.mkdir(exist_ok=True)
        streamer = StreamerProcess(clean_kafka, group, folder, *options)
        if end == len(everything):
            streamer.wait_until_processed()
            assert streamer.stop() == 0
        else:
            streamer.wait_until_beyond(start)
            streamer.kill()

    address, wanted = clean_kafka.properties()["bootstrap.servers"], expected(WORLD)
    # A killed process's transaction hides the alerts behind it until the broker has timed it out.
    alerts = alerts_in(address, at_least=len(wanted))

    assert alerts == wanted
    if options:
        assert len(consume(address, ALERTS)) == len(alerts), "an alert came twice"
    assert len(INPUT_TOPICS) == len({record.topic for record in everything})
