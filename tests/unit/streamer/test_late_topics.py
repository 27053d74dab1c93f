"""A broker lists a topic a moment after its controller has made it."""

from __future__ import annotations

from typing import Any

import pytest
from quixstreams.models import Topic, TopicConfig

from streamer.kafka.connection import Connection
from streamer.kafka.embedded_broker import EmbeddedBroker
from streamer.quix.topic_manager import topic_manager


def test_a_topic_that_is_listed_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedBroker() as broker:
        manager = topic_manager(Connection(broker.address, embedded=True), "group", create=True)
        assert manager is not None
        admin = manager._admin
        listed, looks = admin.list_topics, 0

        def late(timeout: float = 30) -> dict[str, Any]:
            nonlocal looks
            looks += 1
            return {name: found for name, found in listed(timeout).items() if looks > 5 or name != "made"}

        monkeypatch.setattr(admin, "list_topics", late)
        admin.create_topics(
            [Topic("made", create_config=TopicConfig(num_partitions=3, replication_factor=1))]
        )

        found = admin.inspect_topics(["made"])["made"]
    assert found is not None
    assert found.num_partitions == 3
