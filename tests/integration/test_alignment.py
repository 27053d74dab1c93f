"""Four topics are read in the order of time: after downtime too, and past those that are silent."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import reduce
from pathlib import Path

import pytest
from quixstreams.dataframe import StreamingDataFrame

from data_gen import Simulation
from retail_anomaly.core.events import (
    INPUT_TOPICS,
    INVENTORY_COUNTS,
    POS_EVENTS,
    SECURITY_EVENTS,
    STAFF_SHIFTS,
)
from retail_anomaly.settings import load
from streamer.kafka.connection import Connection
from streamer.kafka.topics import TopicPlan, ensure_topics
from streamer.observe.counts import ProcessCounts
from streamer.quix.application import new_application, raw_topic
from tests.kafka import Record, fresh_name, produce
from tests.support.processes import StreamerProcess
from tests.support.simulated import alerts_in, expected, records
from tests.support.streaming import StreamerInTest

WORLD = Simulation(stores=3, days=1, seed=8)


def test_a_backlog_of_all_topics_gives_the_live_runs_alerts(clean_kafka: Connection, tmp_path: Path) -> None:
    ensure_topics(clean_kafka, TopicPlan(4, 1, 3650 * 86_400_000), create=True)
    address = clean_kafka.properties()["bootstrap.servers"]
    by_topic: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records(WORLD):
        by_topic[record.topic].append(record)
    # One topic after the other, the last one first: only the timestamps tell the order.
    for topic in reversed(INPUT_TOPICS):
        produce(address, by_topic[topic])

    streamer = StreamerProcess(clean_kafka, fresh_name("group"), tmp_path)
    streamer.wait_until_processed()
    assert streamer.stop() == 0

    assert alerts_in(address) == expected(WORLD)


@pytest.mark.parametrize("silent", [STAFF_SHIFTS, SECURITY_EVENTS, INVENTORY_COUNTS])
def test_a_topic_that_falls_silent_holds_up_nobody(
    clean_kafka: Connection, tmp_path: Path, silent: str
) -> None:
    """The silent topic has history, another never had a record; sales must flow all the same."""
    never = {STAFF_SHIFTS: SECURITY_EVENTS}.get(silent, STAFF_SHIFTS)
    day = [record for record in records(WORLD) if record.topic != never]
    history = [record for record in day if record.topic == silent][:5]
    sales = [record for record in day if record.topic == POS_EVENTS]
    with StreamerInTest(clean_kafka, tmp_path) as streamer:
        streamer.send_in_step(history)
        streamer.send_in_step(sales)  # returns once each was processed

        assert streamer.progress.count == len(history) + len(sales)


class Received(ProcessCounts):
    """Ends the application after enough records; knows how many the consumer was sent until then."""

    def __init__(self, enough: int) -> None:
        super().__init__()
        self.enough = enough
        self.processed = 0
        self.records = 0
        self.stop: Callable[[], None]

    def message(self, topic: str, partition: int, offset: int, records: int = 1) -> None:
        super().message(topic, partition, offset, records)
        self.processed += records

    def statistics(self, raw: str) -> None:
        topics = json.loads(raw)["topics"].values()
        self.records = sum(part["rxmsgs"] for topic in topics for part in topic["partitions"].values())
        if self.processed >= self.enough:
            self.stop()


def test_a_backlog_is_fetched_once(clean_kafka: Connection, tmp_path: Path) -> None:
    ensure_topics(clean_kafka, TopicPlan(2, 1, 3650 * 86_400_000), create=True)
    sent = [
        Record(
            SECURITY_EVENTS if n % 20 == 0 else POS_EVENTS,
            b"x" * 180,
            partition=n % 2,
            timestamp=1_760_000_000_000 + n,
        )
        for n in range(40_000)
    ]
    produce(clean_kafka.properties()["bootstrap.servers"], sent, **{"linger.ms": 500})  # in large batches
    flags = {"state_dir": str(tmp_path), "consumer_group": fresh_name("group"), "metrics_port": 1}
    received = Received(len(sent))
    app = new_application(
        load(environ={}, flags={f"streamer.{key}": value for key, value in flags.items()}).settings,
        connection=clean_kafka,
        counts=received,
    )
    received.stop = app.stop
    frames = [app.dataframe(raw_topic(app, name)) for name in INPUT_TOPICS]
    reduce(StreamingDataFrame.concat, frames).filter(lambda _value: False)
    app.run()

    assert received.totals()["processed"] == Counter(record.topic for record in sent)
    assert received.records < 1.2 * len(sent)


def test_events_that_come_twice_raise_nothing_more(clean_kafka: Connection, tmp_path: Path) -> None:
    address = clean_kafka.properties()["bootstrap.servers"]
    with StreamerInTest(clean_kafka, tmp_path) as streamer:
        streamer.send_in_step(
            again
            for record in records(WORLD)
            for again in [record] * (2 if record.topic in {POS_EVENTS, SECURITY_EVENTS} else 1)
        )
        streamer.app.flush_output()

        assert alerts_in(address) == expected(WORLD)
