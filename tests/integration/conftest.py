"""The topics of the contract, emptied for each test, on the Kafka that the session shares."""

from __future__ import annotations

import time

import pytest
from confluent_kafka.admin import AdminClient

from streamer.connection import Connection
from streamer.topics import TOPICS


@pytest.fixture
def clean_kafka(kafka: str) -> Connection:
    """Give a broker without any of our topics: their names are fixed, so tests can't share them."""
    admin = AdminClient({"bootstrap.servers": kafka})

    def ours() -> list[str]:
        return [name for name in admin.list_topics(timeout=10).topics if name in TOPICS]

    if present := ours():
        for future in admin.delete_topics(present).values():
            future.result(30)
    deadline = time.monotonic() + 30
    while ours():
        assert time.monotonic() < deadline, f"the broker still lists {ours()}"
        time.sleep(0.05)
    return Connection(kafka)
