"""The broker stops, crashes, stalls or refuses while a streamer works; nothing is lost."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException, TopicPartition

from streamer.quix.membership import MemberApplication
from tests.kafka import KafkaServer, create_topics, fresh_name
from tests.support.faults import CRAWL, LONG, Scene, log, set_topic, stalling, variants, wait_for
from tests.support.proxy import Proxy

DOWN_S = 20 if LONG else 3
MIDWAY = len(log()) // 2
BOTH = ["--at-least-once", "--exactly-once"]
WHERE = [f"processed:{MIDWAY}", "delivered:3"]
HOW = ["killed", "stopped"]


@variants("guarantee,where,how", list(zip(BOTH, WHERE, HOW, strict=True)), list(product(BOTH, WHERE, HOW)))
def test_a_broker_that_was_away_for_a_while_costs_no_alert(
    scene: Callable[..., Scene], broker: KafkaServer, guarantee: str, where: str, how: str
) -> None:
    here = scene(guarantee)
    with here.held(where):
        broker.stop() if how == "stopped" else broker.kill()
    time.sleep(DOWN_S)  # the fault's length, waits for nothing
    broker.start()
    here.finish()


@variants("guarantee", BOTH[:1], BOTH)
def test_a_broker_that_stalls_again_and_again_slows_and_changes_nothing(
    scene: Callable[..., Scene], broker: KafkaServer, guarantee: str
) -> None:
    here = scene(guarantee)
    assert broker.pid is not None
    streamer = here.start(pace=CRAWL)
    streamer.wait_until_running()
    with stalling(broker.pid, stands=0.6, runs=0.3) as stalls:
        wait_for(lambda: len(stalls) > 3, "the broker to have stalled several times")
        (here.gate / "full-speed").touch()
        streamer.wait_until_processed()
    here.finish()

    assert here.restarts == 0


@variants("guarantee", BOTH[1:], BOTH)
def test_a_changelog_that_refuses_the_state_ends_the_streamer_before_it_commits(
    scene: Callable[..., Scene], guarantee: str
) -> None:
    here = scene(guarantee)
    with here.held("delivered:2") as streamer:
        _set_largest_message(here, "200")
    assert streamer.wait_until_ended() == 1
    said = streamer.last_word()
    assert said["level"] == "error"
    assert "Message size too large" in said["event"]
    assert "Traceback" not in said["event"]

    _set_largest_message(here, "1000000")
    here.start()
    here.finish()

    assert here.restarts == 0


@variants("guarantee", BOTH[:1], BOTH)
def test_a_signal_ends_it_while_its_broker_is_gone_and_costs_no_alert(
    scene: Callable[..., Scene], broker: KafkaServer, guarantee: str
) -> None:
    here = scene(guarantee)
    with here.held(f"processed:{MIDWAY}", FAULT_END="1") as streamer:
        broker.kill()
    assert streamer.stop() == 128 + signal.SIGTERM
    said = streamer.log.read_text().splitlines()[-1]
    assert said.startswith("ended 1 s after SIGTERM, in the midst of its work: does Kafka answer?")

    broker.start()
    here.start()
    here.finish()


class CutOff(MemberApplication):
    """Loses its broker while it takes partitions over."""

    def __init__(self, way: Proxy, state_dir: Path) -> None:
        super().__init__(way.address, consumer_group=fresh_name("group"), state_dir=state_dir, loglevel=None)
        self._way = way

    def _take_over(self, consumer: Any, topic_partitions: list[TopicPartition]) -> None:
        self._way.refuse()
        self._way.cut()
        try:
            self._consumer.committed(topic_partitions, 2.0)
        finally:
            self._way.accept()


def test_a_broker_that_goes_away_while_partitions_are_taken_over_leaves_no_traceback(
    kafka_server: Callable[..., KafkaServer], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    way, topics = Proxy(), [fresh_name("topic"), fresh_name("topic")]
    broker = kafka_server(doors=[way])
    create_topics(broker.address, topics, 1)
    app = CutOff(way, tmp_path)
    first, second = (app.dataframe(app.topic(name)) for name in topics)
    first.concat(second)

    with pytest.raises(KafkaException, match="Timed out"):
        app.run()

    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    way.close()
    broker.stop()


def _set_largest_message(scene: Scene, size: str) -> None:
    for name in scene.changelogs():
        set_topic(scene.address, name, {"max.message.bytes": size})
