"""The topics of the contract, emptied for each test, on the Kafka that the session shares; an InfluxDB."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from streamer.kafka.connection import Connection
from streamer.kafka.topic_plan import SCORES
from streamer.kafka.topics import TOPICS
from tests.conftest import IN_CI
from tests.influx import InfluxServer, InfluxUnavailableError
from tests.support.waiting import PATIENCE_S


@pytest.fixture
def clean_kafka(kafka: str) -> Connection:
    """Give a broker without any of our topics: their names are fixed, so tests can't share them."""
    return emptied(kafka)


def emptied(address: str) -> Connection:
    """Delete our topics on a broker, prefixed or not."""
    admin = AdminClient({"bootstrap.servers": address})

    def ours() -> list[str]:
        topics = admin.list_topics(timeout=PATIENCE_S).topics
        return [name for name in topics if name.rpartition(".")[2] in (*TOPICS, SCORES)]

    if present := ours():
        for future in admin.delete_topics(present).values():
            future.result(PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while ours():
        assert time.monotonic() < deadline, f"the broker still lists {ours()}"
        time.sleep(0.05)
    return Connection(address)


@pytest.fixture
def influx(tmp_path: Path) -> Iterator[InfluxServer]:
    """Give a real InfluxDB with an empty bucket."""
    server = InfluxServer(tmp_path / "influx")
    try:
        yield server.start()
    except InfluxUnavailableError as error:
        if IN_CI:
            pytest.fail(f"CI must run a real InfluxDB: {error}", pytrace=False)
        pytest.skip(f"no real InfluxDB: {error}")
    finally:
        server.kill()
