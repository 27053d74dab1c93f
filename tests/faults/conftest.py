"""A broker of their own for the faults, which may stop and kill it, and a scene on it for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from streamer.kafka.connection import Connection
from streamer.kafka.topics import TOPICS
from tests.kafka import KafkaServer
from tests.support.faults import Scene, wait_for
from tests.support.waiting import PATIENCE_S


@pytest.fixture(scope="session")
def own_broker(kafka_server: Callable[..., KafkaServer]) -> KafkaServer:
    """Give a broker that only the faults use."""
    return kafka_server()


@pytest.fixture
def broker(own_broker: KafkaServer) -> KafkaServer:
    """Give it running and without any of our topics, whatever the test before did to it."""
    own_broker.start()
    admin = AdminClient({"bootstrap.servers": own_broker.address})

    def ours() -> list[str]:
        return [name for name in admin.list_topics(timeout=PATIENCE_S).topics if name in TOPICS]

    if present := ours():
        for future in admin.delete_topics(present).values():
            future.result(PATIENCE_S)
    wait_for(lambda: not ours(), "the topics to be deleted")
    return own_broker


@pytest.fixture
def scene(broker: KafkaServer, tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """Make the scene of a test: `scene()`, `scene("--exactly-once")`. Its processes are killed at the end."""
    made: list[Scene] = []

    def make(*arguments: str, **options: Any) -> Scene:
        made.append(Scene(Connection(broker.address), tmp_path, *arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
