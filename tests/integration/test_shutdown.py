"""Asked to end, the streamer commits once more and logs its counts."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from data_gen import Simulation
from retail_anomaly.core.events import ALERTS
from streamer.kafka.connection import Connection
from streamer.kafka.topics import TopicPlan, ensure_topics
from streamer.quix.membership import MemberApplication
from tests.kafka import consume, fresh_name, produce
from tests.support.processes import StreamerProcess
from tests.support.simulated import alerts_in, expected, records

WORLD = Simulation(stores=1, days=1, seed=3)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_a_last_checkpoint(
    clean_kafka: Connection, tmp_path: Path, how: signal.Signals
) -> None:
    ensure_topics(clean_kafka, TopicPlan(4, 1, 3650 * 86_400_000), create=True)
    address = clean_kafka.properties()["bootstrap.servers"]
    everything = records(WORLD)
    group = fresh_name("group")
    produce(address, everything)
    streamer = StreamerProcess(clean_kafka, group, tmp_path)
    streamer.wait_for(lambda: bool(consume(address, ALERTS)))

    assert streamer.stop(how) == 0
    said = streamer.last_word()
    assert said["event"] == "stopped"
    # The records that it counts are the records that it committed: none will come again.
    assert sum(said["processed"].values()) == streamer.committed()

    again = StreamerProcess(clean_kafka, group, tmp_path)
    again.wait_until_running()
    again.wait_until_processed()
    assert again.stop() == 0

    assert alerts_in(address) == expected(WORLD)
    assert len(consume(address, ALERTS)) == len(expected(WORLD)), "an alert came twice"


class AskedEarly(MemberApplication):
    """Is asked to stop as soon as a signal can reach it, before it has connected."""

    def _setup_signal_handlers(self) -> None:
        self.stop()


def test_a_signal_while_it_connects_is_not_forgotten(clean_kafka: Connection, tmp_path: Path) -> None:
    address = clean_kafka.properties()["bootstrap.servers"]
    app = AskedEarly(address, consumer_group=fresh_name("group"), state_dir=tmp_path, loglevel=None)
    app.dataframe(app.topic(fresh_name("topic")))
    running = threading.Thread(target=app.run, daemon=True)
    running.start()

    running.join(60)

    assert not running.is_alive()
