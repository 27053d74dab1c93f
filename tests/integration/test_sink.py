"""Kafka to a real InfluxDB through the real command: nothing lost, nothing twice, whatever fails."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from data_gen import Simulation
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import ALERTS, DEAD_LETTERS
from retail_anomaly.core.invalid import DeadLetter
from streamer.kafka.connection import Connection
from streamer.kafka.topics import STORE_METRICS, TopicPlan, ensure_topics
from tests.influx import Answer, InfluxServer, ScriptedServer
from tests.kafka import Record, consume, fresh_name, produce
from tests.support.alerts import TIME, alert_records, an_alert
from tests.support.faults import LONG
from tests.support.processes import StreamerProcess
from tests.support.simulated import records
from tests.support.sink import SinkProcess

PLAN = TopicPlan(4, 1, 3650 * 86_400_000)


@pytest.fixture
def kafka_with_topics(clean_kafka: Connection) -> Connection:
    ensure_topics(clean_kafka, PLAN, create=True)
    return clean_kafka


def _address(connection: Connection) -> str:
    address: str = connection.properties()["bootstrap.servers"]
    return address


def _by_type_in_kafka(connection: Connection) -> Counter[str]:
    alerts = [msgspec.json.decode(r.value or b"", type=Alert) for r in consume(_address(connection), ALERTS)]
    return Counter(kind for kind, _ in {(alert.type, alert.alert_id) for alert in alerts})


def _by_type_in_influx(influx: InfluxServer) -> Counter[str]:
    rows = influx.query('SELECT COUNT("alertId") AS n FROM alerts GROUP BY "type"')
    return Counter({row["type"]: row["n"] for row in rows})


def test_a_simulated_day_ends_in_the_database_though_both_processes_are_killed(
    kafka_with_topics: Connection, influx: InfluxServer, tmp_path: Path
) -> None:
    everything = records(Simulation(stores=3, days=1, seed=2))
    group = fresh_name("group")
    half = len(everything) // 2

    produce(_address(kafka_with_topics), everything[:half])
    streamer = StreamerProcess(kafka_with_topics, group, tmp_path)
    sink = SinkProcess(kafka_with_topics, group, tmp_path, influx.environ)
    streamer.wait_until_processed()
    sink.wait_for(lambda: influx.count("alerts", "alertId") > 0)
    streamer.kill()
    sink.kill()

    produce(_address(kafka_with_topics), everything[half:])
    streamer = StreamerProcess(kafka_with_topics, group, tmp_path)
    sink = SinkProcess(kafka_with_topics, group, tmp_path, influx.environ)
    streamer.wait_until_processed()
    sink.wait_until_processed()
    assert streamer.stop() == 0
    assert sink.stop() == 0

    wanted = _by_type_in_kafka(kafka_with_topics)
    assert len(wanted) >= 4
    assert _by_type_in_influx(influx) == wanted

    # All of it again, by a group that knows of nothing: each point overwrites itself.
    again = SinkProcess(kafka_with_topics, fresh_name("again"), tmp_path, influx.environ)
    again.wait_until_processed()
    assert again.stop() == 0
    assert _by_type_in_influx(influx) == wanted


def test_killed_between_write_and_commit_it_writes_the_same_again(
    kafka_with_topics: Connection, influx: InfluxServer, tmp_path: Path
) -> None:
    produce(_address(kafka_with_topics), alert_records([an_alert(n) for n in range(300)]))
    group = fresh_name("group")
    running: list[SinkProcess] = []

    def kill() -> None:
        # The engine has the lines, the sink does not know it, Kafka has no commit.
        if running and influx.count("alerts", "alertId"):
            os.kill(running[0].pid, signal.SIGKILL)

    influx.on_written = kill
    running.append(SinkProcess(kafka_with_topics, group, tmp_path, influx.environ))
    assert running[0].wait_until_ended() == -signal.SIGKILL
    assert influx.count("alerts", "alertId") > 0
    assert running[0].committed() == 0
    influx.on_written = lambda: None

    sink = SinkProcess(kafka_with_topics, group, tmp_path, influx.environ)
    sink.wait_until_processed()
    assert sink.stop() == 0
    assert _by_type_in_influx(influx) == Counter(dict.fromkeys(_by_type_in_kafka(kafka_with_topics), 100))


def test_the_database_goes_away_and_comes_back(
    kafka_with_topics: Connection, influx: InfluxServer, tmp_path: Path
) -> None:
    address = _address(kafka_with_topics)
    sink = SinkProcess(kafka_with_topics, fresh_name("group"), tmp_path, influx.environ)
    produce(address, alert_records([an_alert(n) for n in range(50)]))
    sink.wait_until_processed()

    influx.kill()
    produce(address, alert_records([an_alert(n) for n in range(50, 100)]))
    sink.wait_for(lambda: sink.said("takes no writes"))
    if LONG:  # a minute: 1, 2, 4 and 8 s, then 15 s each time
        sink.wait_for(lambda: sink.log.read_bytes().count(b'"seconds": 15.0') >= 4)
    else:
        sink.wait_for(lambda: sink.said('"seconds": 2.0'))
    assert sink.committed() == 50
    assert sink.said("is it running, and is INFLUXDB_URL right?")

    influx.start()
    sink.wait_until_processed()
    assert sink.said("takes writes again")
    assert sink.stop() == 0
    assert influx.count("alerts", "alertId") == 100


def test_it_waits_for_a_database_that_is_not_there_yet_and_ends_when_asked(
    kafka_with_topics: Connection, influx: InfluxServer, tmp_path: Path
) -> None:
    influx.kill()
    produce(_address(kafka_with_topics), alert_records([an_alert(1)]))
    group = fresh_name("group")
    sink = SinkProcess(kafka_with_topics, group, tmp_path, influx.environ)
    sink.wait_for(lambda: sink.said("InfluxDB is not there yet"))
    sink.wait_for(lambda: sink.said("takes no writes"))
    assert sink.stop() == 0
    assert sink.committed() == 0

    influx.start()
    sink = SinkProcess(kafka_with_topics, group, tmp_path, influx.environ)
    sink.wait_until_processed()
    assert sink.stop() == 0
    assert influx.count("alerts", "alertId") == 1


def test_poison_goes_to_the_dead_letters_and_the_rest_to_the_database(
    kafka_with_topics: Connection, influx: InfluxServer, tmp_path: Path
) -> None:
    address = _address(kafka_with_topics)
    good = [an_alert(n, store_id="store-1") for n in range(999)]
    poison = [
        an_alert(5_000, store_id="store-1", evidence={"amount": "not a number"}),
        an_alert(
            5_001, store_id="store-1", opened_at=10_000_000_000_000
        ),  # beyond InfluxDB's last year, 2262
    ]
    values = [*good[:600], poison[0], *good[600:], poison[1]]
    foreign = Record(ALERTS, b"not json", b"store-1", timestamp=TIME)
    produce(address, [*alert_records(values), foreign])

    sink = SinkProcess(kafka_with_topics, fresh_name("group"), tmp_path, influx.environ)
    sink.wait_until_processed()
    assert sink.stop() == 0

    assert influx.count("alerts", "alertId") == len(good)
    letters = [msgspec.json.decode(r.value or b"", type=DeadLetter) for r in consume(address, DEAD_LETTERS)]
    assert {letter.topic for letter in letters} == {ALERTS}
    # In which order depends on how many checkpoints they came in.
    assert Counter(letter.reason.split(":")[0] for letter in letters) == {
        "value": 1,
        "InfluxDB refuses it": 2,
    }
    raw = {msgspec.json.encode(letter.value)[1:-1] for letter in letters}
    assert len(raw) == 3
    assert sink.said("went to dead-letters")


def test_a_revision_replaces_its_predecessor(
    kafka_with_topics: Connection, influx: InfluxServer, tmp_path: Path
) -> None:
    revisions = [an_alert(1, revision=n, risk_score=0.7 + n / 10, message=f"revision {n}") for n in (1, 2, 3)]
    produce(_address(kafka_with_topics), alert_records(revisions))
    for name in ("first", "again"):
        sink = SinkProcess(kafka_with_topics, fresh_name(name), tmp_path, influx.environ)
        sink.wait_until_processed()
        assert sink.stop() == 0
        (row,) = influx.query("SELECT * FROM alerts")
        assert (row["revision"], row["riskScore"], row["message"]) == (3, 1.0, "revision 3")


def test_store_metrics_are_written(
    kafka_with_topics: Connection, influx: InfluxServer, tmp_path: Path
) -> None:
    window = {"storeId": "s 1", "windowStart": TIME, "windowEnd": TIME + 300_000, "salesLines": 2}
    value = json.dumps(window | {"salesAmount": 12.5, "refundLines": 1, "refundAmount": 3}).encode()
    produce(_address(kafka_with_topics), [Record(STORE_METRICS, value, b"s 1", timestamp=TIME)] * 2)
    sink = SinkProcess(kafka_with_topics, fresh_name("group"), tmp_path, influx.environ)
    sink.wait_until_processed()
    assert sink.stop() == 0
    (row,) = influx.query("SELECT * FROM store_metrics")
    assert row == {
        "time": TIME * 1_000_000, "store": "s 1", "windowEnd": TIME + 300_000,
        "salesLines": 2, "salesAmount": 12.5, "refundLines": 1, "refundAmount": 3,
    }  # fmt: skip


def test_an_answer_that_comes_too_late_is_written_again_as_the_same_points(
    kafka_with_topics: Connection, tmp_path: Path
) -> None:
    alerts = [an_alert(n) for n in range(20)]
    produce(_address(kafka_with_topics), alert_records(alerts))
    with ScriptedServer([Answer(400), Answer(how="hang")]) as server:  # the first is for the check
        environ = {"INFLUXDB_URL": server.url, "INFLUXDB_TOKEN": "t", "INFLUXDB_BUCKET": "b"}
        sink = SinkProcess(kafka_with_topics, fresh_name("group"), tmp_path, environ)
        sink.wait_until_processed()
        assert sink.stop() == 0
        assert sink.said("does not answer in time")
        assert len(set(server.lines)) == 20
        assert len(server.lines) > 20


def test_a_token_that_is_revoked_ends_it_with_one_line_and_without_a_commit(
    kafka_with_topics: Connection, tmp_path: Path
) -> None:
    produce(_address(kafka_with_topics), alert_records([an_alert(1)]))
    secret = "do-not-tell"  # noqa: S105
    with ScriptedServer([Answer(400), Answer(401)]) as server:
        environ = {"INFLUXDB_URL": server.url, "INFLUXDB_TOKEN": secret, "INFLUXDB_BUCKET": "b"}
        sink = SinkProcess(kafka_with_topics, fresh_name("group"), tmp_path, environ, "--log-level", "debug")
        assert sink.wait_until_ended() == 1
    assert sink.committed() == 0
    assert sink.last_word()["event"].endswith("set INFLUXDB_TOKEN to a token that is valid there")
    assert secret not in sink.log.read_text()


@pytest.mark.parametrize("how", ["drip", "hang"])
def test_asked_to_stop_it_does_not_wait_for_a_server_that_drips(
    kafka_with_topics: Connection, tmp_path: Path, how: str
) -> None:
    produce(_address(kafka_with_topics), alert_records([an_alert(n) for n in range(20)]))
    with ScriptedServer([Answer()], judge=lambda _lines: Answer(how=how)) as server:
        environ = {"INFLUXDB_URL": server.url, "INFLUXDB_TOKEN": "t", "INFLUXDB_BUCKET": "b"}
        slow = {"RETAIL__STREAMER__SINK__TIMEOUT": "30s"}
        sink = SinkProcess(kafka_with_topics, fresh_name("group"), tmp_path, environ | slow)
        sink.wait_for(lambda: len(server.sizes) > 1)
        assert sink.stop() == 0
        assert not sink.said("does not answer in time")  # as after its timeout
    assert sink.committed() == 0
