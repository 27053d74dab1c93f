"""The newest records of topics: all of them, or an error."""

from __future__ import annotations

from contextlib import closing

import pytest
from confluent_kafka import TopicPartition

from retail_anomaly.core.events import POS_EVENTS
from streamer.errors import StreamerError
from streamer.kafka import newest_records
from streamer.kafka.connection import Connection
from streamer.kafka.embedded_broker import EmbeddedBroker
from streamer.kafka.newest_records import NewestRecords
from streamer.kafka.topics import TopicPlan, ensure_topics
from tests.kafka import Record, produce

COUNT, SIZE = 2_000, 2_000


def test_records_that_do_not_come_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newest_records, "_SILENCE_SECONDS", 1.0)
    broker = EmbeddedBroker()
    with broker:
        connection = Connection(broker.address, embedded=True)
        ensure_topics(connection, TopicPlan(1, 1, 3_600_000), create=True)
        produce(broker.address, [Record(POS_EVENTS, b"x" * SIZE, partition=0) for _ in range(COUNT)])
        newest = NewestRecords(connection.properties(), COUNT)
        records = newest.of([TopicPartition(POS_EVENTS, 0)])
        assert next(records).offset() == 0
    # The client has read a part ahead; the broker is gone with the rest.
    with (
        closing(newest),
        pytest.raises(StreamerError, match=rf"pos-events\[0\]: no record .* {COUNT}: is the"),
    ):
        assert len(list(records)) < COUNT - 1
