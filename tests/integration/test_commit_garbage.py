"""A process keeps nothing of its earlier commits: Python looks for cycles of garbage seldom in it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from data_gen import Simulation
from retail_anomaly.settings import load
from streamer.detection.app import detection_process
from streamer.kafka.connection import Connection
from streamer.observe.metrics import Metrics
from streamer.process import build, ensure_process_topics
from tests.kafka import fresh_name, produce
from tests.support.faults import wait_for
from tests.support.simulated import records
from tests.support.waiting import PATIENCE_S

COMMITS = 6


@pytest.fixture
def without_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()
    gc.collect()


@pytest.mark.usefixtures("without_collection")
@pytest.mark.parametrize("guarantee", ["at-least-once", "exactly-once"])
def test_a_checkpoint_is_gone_once_the_next_is_open(
    clean_kafka: Connection, tmp_path: Path, guarantee: str
) -> None:
    flags = {
        "consumer_group": fresh_name("group"),
        "state_dir": str(tmp_path),
        "commit_interval": "100ms",
        "processing_guarantee": guarantee,
    }
    settings = load(environ={}, flags={f"streamer.{key}": value for key, value in flags.items()}).settings
    process = detection_process(settings)
    topics = ensure_process_topics(process, clean_kafka, create=True)
    counts = Metrics(process.name, process.group, tmp_path)
    app = build(process, clean_kafka, counts=counts, topics=topics, create_topics=True)
    checkpoints: list[weakref.ref[object]] = []

    def committed(seconds: float, *, committed: bool) -> None:
        del seconds, committed
        checkpoints.append(weakref.ref(app._processing_context.checkpoint))

    app.on_checkpoint(committed)
    thread = Thread(target=lambda: app.run())  # noqa: PLW0108 - in its own thread
    thread.start()
    try:
        address = clean_kafka.properties()["bootstrap.servers"]
        everything = records(Simulation(stores=2, days=1, seed=3))
        for number in range(COMMITS):
            seen = len(checkpoints)
            produce(address, everything[number::COMMITS])
            wait_for(partial(_more_than, seen, checkpoints), "another commit")
    finally:
        app.stop()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()

    alive = sum(checkpoint() is not None for checkpoint in checkpoints)
    assert alive <= 1, f"{alive} of {len(checkpoints)} checkpoints, each with the state that it wrote"


def _more_than(seen: int, found: Sequence[object]) -> bool:
    return len(found) > seen
