"""The real commands serve their metrics, and these agree with Kafka and InfluxDB."""

from __future__ import annotations

from pathlib import Path

from data_gen import Simulation
from retail_anomaly.replay import replay
from streamer.errors import StreamerError
from streamer.kafka.connection import Connection
from streamer.kafka.topics import TopicPlan, ensure_topics
from streamer.observe.status import Status, ask
from tests.influx import Answer, ScriptedServer
from tests.kafka import fresh_name, produce
from tests.support.alerts import alert_records, an_alert
from tests.support.ports import free_ports
from tests.support.processes import StreamerProcess
from tests.support.simulated import expected, records
from tests.support.sink import SinkProcess

PLAN = TopicPlan(4, 1, 3650 * 86_400_000)
WORLD = Simulation(stores=2, days=1, seed=3)


def _status(port: int) -> Status | None:
    try:
        return ask(f"http://127.0.0.1:{port}")
    except StreamerError:
        return None


def _ready(port: int) -> bool:
    found = _status(port)
    return found is not None and found.ready


def test_the_streamer_tells_what_it_did(clean_kafka: Connection, tmp_path: Path) -> None:
    ensure_topics(clean_kafka, PLAN, create=True)
    everything = records(WORLD)
    produce(clean_kafka.properties()["bootstrap.servers"], everything)
    (port,) = free_ports(1)
    streamer = StreamerProcess(clean_kafka, fresh_name("group"), tmp_path, "--metrics-port", str(port))
    streamer.wait_for(lambda: _ready(port))
    streamer.wait_until_processed()
    # Statistics come once a second: the last of them tells of the last commit.
    streamer.wait_for(lambda: (s := _status(port)) is not None and _told(s, len(everything)))
    found = _status(port)
    assert streamer.stop() == 0

    assert found is not None
    assert sum(found.by("retail_alerts_total", "type").values()) == len(expected(WORLD))
    assert found.by("retail_alerts_total", "type").keys() == {a["type"] for a in expected(WORLD).values()}
    judged = replay(WORLD.events(), detectors=["refund_match"]).undecided
    assert judged
    assert found.by("retail_undecided_total", "reason") == {reason: n for (_, reason), n in judged.items()}
    assert found.value("retail_alert_latency_seconds_count") == len(expected(WORLD))
    assert found.value("retail_processing_seconds_count") == len(everything) // 64
    assert found.value("retail_checkpoint_seconds_count") >= 1
    assert found.value("retail_last_checkpoint_timestamp_seconds") > 0
    assert found.by("retail_state_entries", "collection")["shifts"] > 0
    assert found.value("retail_state_bytes") > 0
    assert "\n".join(found.lines()).count("\n") >= 8


def _told(found: Status, count: int) -> bool:
    lags = found.samples.get("retail_lag_records", [])
    done = sum(found.by("retail_events_total", "topic").values())
    return bool(lags) and not any(lag for _, lag in lags) and done == count


def test_the_sink_tells_that_it_waits_and_how_far_it_is_behind(
    clean_kafka: Connection, tmp_path: Path
) -> None:
    ensure_topics(clean_kafka, PLAN, create=True)
    produce(clean_kafka.properties()["bootstrap.servers"], alert_records([an_alert(n) for n in range(30)]))
    (port,) = free_ports(1)
    with ScriptedServer(judge=lambda _lines: Answer(503)) as server:
        environ = {"INFLUXDB_URL": server.url, "INFLUXDB_TOKEN": "t", "INFLUXDB_BUCKET": "b"}
        arguments = ("--metrics-port", str(port))
        sink = SinkProcess(clean_kafka, fresh_name("group"), tmp_path, environ, *arguments)
        sink.wait_for(
            lambda: (
                (s := _status(port)) is not None
                and s.value("retail_backpressure_total") >= 1
                and s.value("retail_lag_records") == 30
            )
        )
        waiting = _status(port)
        assert waiting is not None
        assert waiting.ready, "it does its work as far as it can"
        assert waiting.value("retail_last_checkpoint_timestamp_seconds") == 0
        server.judge = lambda _lines: Answer()
        sink.wait_for(
            lambda: (
                (s := _status(port)) is not None
                and s.by("retail_sink_points_total", "topic") == {"anomaly-alerts": 30}
                and s.value("retail_lag_records") == 0
            )
        )
        done = _status(port)
        assert done is not None
        assert done.value("retail_last_checkpoint_timestamp_seconds") > 0
        assert sink.stop() == 0
