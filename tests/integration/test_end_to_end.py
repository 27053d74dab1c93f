"""Kafka, the streamer, the sink and InfluxDB: a day gets through, whichever of them is killed meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from data_gen import Simulation
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import ALERTS
from retail_anomaly.core.score import Score
from retail_anomaly.settings import load
from streamer.kafka.connection import Connection
from streamer.kafka.offsets import GroupOffsets
from streamer.kafka.topic_plan import SCORES, TOPICS
from streamer.kafka.topics import TopicPlan, ensure_topics
from streamer.sinks.points import sink_topics
from tests.influx import InfluxServer
from tests.kafka import KafkaServer, Record, consume, fresh_name, produce
from tests.support.filled import MODELS
from tests.support.processes import StreamerProcess
from tests.support.simulated import expected, records
from tests.support.sink import SinkProcess
from tests.support.waiting import PATIENCE_S

WORLD = Simulation(stores=3, days=1, seed=2)
PLAN = TopicPlan(4, 1, 3650 * 86_400_000)
OF_ONE_TOPIC = {"REFUND_BURST", "REFUND_WITHOUT_SALE"}
Content = tuple[str, int, float, str]
OPTIONS = MODELS | {"RETAIL__STREAMER__SCORES": "true"}


class Chain:
    """The four processes under a supervisor: one that ends is started again."""

    def __init__(self, kafka: KafkaServer, influx: InfluxServer, folder: Path) -> None:
        self.kafka, self.influx = kafka, influx
        self.group = fresh_name("group")
        self.folder = folder
        self.connection = Connection(kafka.address)
        ensure_topics(self.connection, PLAN, (*TOPICS, SCORES), create=True)
        self.streamer = self._new_streamer()
        self.sink = self._new_sink()

    def _new_streamer(self) -> StreamerProcess:
        return StreamerProcess(self.connection, self.group, self.folder, environment=OPTIONS)

    def _new_sink(self) -> SinkProcess:
        return SinkProcess(self.connection, self.group, self.folder, self.influx.environ | OPTIONS)

    def send(self, part: list[Record]) -> None:
        produce(self.kafka.address, part)

    def settle(self) -> None:
        """Wait until all that was sent is processed, and then all that came of it written."""
        client = self.connection.properties()
        topics = sink_topics(load(None, environ=OPTIONS).settings)
        deadline = time.monotonic() + PATIENCE_S
        for offsets in (GroupOffsets(client, self.group), GroupOffsets(client, f"{self.group}-sink", topics)):
            with offsets:
                while any((lag := offsets.lag(settled=False)).values()):
                    assert time.monotonic() < deadline, f"{lag}\n{self.streamer.tail()}\n{self.sink.tail()}"
                    # A broker that was away for longer than a session ends them with a word about it.
                    if not self.streamer.running:
                        self.streamer = self._new_streamer()
                    if not self.sink.running:
                        self.sink = self._new_sink()
                    time.sleep(0.05)

    # Each is killed while the others have work for it.

    def kill_streamer(self, part: list[Record]) -> None:
        self.send(part)
        self.streamer.kill()

    def kill_sink(self, part: list[Record]) -> None:
        self.influx.on_written = self.sink.kill
        self.send(part)
        self.sink.wait_until_ended()
        self.influx.on_written = lambda: None

    def kill_influxdb(self, part: list[Record]) -> None:
        def kill() -> None:
            self.influx.kill()
            raise ConnectionError("the engine has the lines, and its answer is lost with it")

        self.influx.on_written = kill
        self.send(part)
        self.sink.wait_for(lambda: self.sink.said("takes no writes"))
        self.influx.on_written = lambda: None
        self.influx.start()

    def kill_kafka(self, part: list[Record]) -> None:
        self.send(part)
        self.kafka.kill()
        self.kafka.start()


@pytest.fixture
def chain(kafka_server: Callable[..., KafkaServer], influx: InfluxServer, tmp_path: Path) -> Iterator[Chain]:
    kafka = kafka_server()  # its own, to be killed
    yield Chain(kafka, influx, tmp_path)
    kafka.stop()


def _alerts_in_kafka(chain: Chain) -> dict[str, Content]:
    """Return by id the last revision in the topic; all revisions of an alert are in one partition."""
    found = [msgspec.json.decode(r.value or b"", type=Alert) for r in consume(chain.kafka.address, ALERTS)]
    return {alert.alert_id: (alert.type, alert.revision, alert.risk_score, alert.message) for alert in found}


def _alerts_in_influx(chain: Chain) -> dict[str, Content]:
    rows = chain.influx.query('SELECT "alertId", "type", "revision", "riskScore", "message" FROM alerts')
    alerts = {
        row["alertId"]: (row["type"], row["revision"], row["riskScore"], row["message"]) for row in rows
    }
    assert len(alerts) == len(rows), "an alert is there twice"
    return alerts


def _scores_in_kafka(chain: Chain) -> int:
    found = [msgspec.json.decode(r.value or b"", type=Score) for r in consume(chain.kafka.address, SCORES)]
    return len({(score.detector, score.store_id, score.subject, score.end) for score in found})


def test_a_day_is_in_the_database_though_each_process_is_killed_in_turn(chain: Chain) -> None:
    everything = records(WORLD)
    fifth = len(everything) // 5 + 1
    parts = [everything[n : n + fifth] for n in range(0, len(everything), fifth)]
    faults = [chain.send, chain.kill_streamer, chain.kill_sink, chain.kill_influxdb, chain.kill_kafka]

    for fault, part in zip(faults, parts, strict=True):
        fault(part)
        chain.settle()
        assert _alerts_in_influx(chain) == _alerts_in_kafka(chain), fault
        assert chain.influx.count("scores", "start") == _scores_in_kafka(chain), fault

    found = _alerts_in_influx(chain)
    assert len({kind for kind, *_ in found.values()}) >= 4
    # A part is sent to a streamer that runs, so the order among its topics is open. Alerts that
    # depend on one topic alone must be all those of a replay.
    wanted = {alert["alertId"] for alert in expected(WORLD).values() if alert["type"] in OF_ONE_TOPIC}
    assert len(wanted) >= 3
    assert {alert_id for alert_id, (kind, *_) in found.items() if kind in OF_ONE_TOPIC} == wanted
    assert chain.streamer.stop() == 0
    assert chain.sink.stop() == 0
