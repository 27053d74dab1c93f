"""The connector of docs/kafka-connect.md, in Kafka Connect's own runtime, beside our sink: the same rows."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from data_gen import Simulation
from helm.kafka_connect import EVIDENCE, FOLDER
from retail_anomaly.core.events import ALERTS
from streamer.kafka.connection import Connection
from streamer.kafka.topics import TopicPlan, ensure_topics
from tests.conftest import IN_CI
from tests.connect import ConnectWorker, Postgres, PostgresUnavailableError
from tests.influx import InfluxServer
from tests.kafka import Record, consume, create_topics, fresh_name, produce
from tests.support.alerts import TIME, alert_records, an_alert
from tests.support.processes import StreamerProcess
from tests.support.simulated import records
from tests.support.sink import SinkProcess
from tests.support.waiting import PATIENCE_S

PLAN = TopicPlan(4, 1, 3650 * 86_400_000)
PAGE = FOLDER.parents[1] / "docs" / "kafka-connect.md"
DEAD_LETTERS = "alerts-dead-letters"
COLUMNS = (
    *("type", "detector", "store", "alertId", "revision", "riskScore", "employee", "message", "severity"),
    *("openedAt", "eventTime", "detectedAt", "configHash", *EVIDENCE),
)


@pytest.fixture
def postgres() -> Postgres:
    """Give a PostgreSQL with the documented table."""
    try:
        server = Postgres()
    except PostgresUnavailableError as error:
        if IN_CI:
            pytest.fail(f"CI must run a PostgreSQL: {error}", pytrace=False)
        pytest.skip(str(error))
    server.do((FOLDER / "alerts.sql").read_text())
    return server


@pytest.fixture(scope="module")
def dead_letters(kafka: str) -> str:
    """Make the connector's topic of dead letters: Connect would want three copies of it."""
    create_topics(kafka, [DEAD_LETTERS])
    return DEAD_LETTERS


@pytest.fixture
def broker(clean_kafka: Connection, dead_letters: str) -> Connection:
    ensure_topics(clean_kafka, PLAN, create=True)
    return clean_kafka


def _address(connection: Connection) -> str:
    address: str = connection.properties()["bootstrap.servers"]
    return address


def _start(broker: Connection, postgres: Postgres, folder: Path) -> ConnectWorker:
    (shown,) = re.findall(r"```properties\n(.+?)```", PAGE.read_text(), re.DOTALL)
    properties = dict(line.split("=") for line in shown.splitlines())
    return ConnectWorker(_address(broker), FOLDER / "alerts.json", folder, postgres.environ, properties)


def _wait_for_alerts(worker: ConnectWorker, postgres: Postgres, condition: str, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    query = f"SELECT count(*) AS n FROM alerts WHERE {condition}"  # noqa: S608
    while postgres.rows(query) != [{"n": count}]:
        assert worker.running, worker.tail()
        assert time.monotonic() < deadline, worker.tail()
        time.sleep(0.2)


def test_a_simulated_day_ends_in_postgresql_as_our_sink_writes_it(
    broker: Connection, influx: InfluxServer, postgres: Postgres, tmp_path: Path
) -> None:
    produce(_address(broker), records(Simulation(stores=3, days=1, seed=2)))
    group = fresh_name("group")
    streamer = StreamerProcess(broker, group, tmp_path)
    sink = SinkProcess(broker, group, tmp_path, influx.environ)
    streamer.wait_until_processed()
    sink.wait_until_processed()
    wanted = {row["alertId"]: _comparable(row) for row in influx.query("SELECT * FROM alerts")}
    assert len(wanted) > 5

    worker = _start(broker, postgres, tmp_path)
    newest = " OR ".join(
        f"(\"alertId\" = '{name}' AND revision = {row['revision']})" for name, row in wanted.items()
    )
    _wait_for_alerts(worker, postgres, newest, len(wanted))
    worker.stop()
    streamer.stop()
    sink.stop()

    found = postgres.rows("SELECT *, extract(epoch FROM time) * 1000 AS millis FROM alerts")
    assert {row["alertId"]: _comparable(row) for row in found} == wanted
    assert all(row["millis"] == row["openedAt"] for row in found)


def _comparable(row: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that both have; the sink joins lists, and writes an empty text for no employee."""
    row = {**row, "employee": row["employee"] or ""}
    return {
        name: ", ".join(value) if isinstance(value, list) else value
        for name in COLUMNS
        if (value := row.get(name)) is not None
    }


def test_a_record_that_is_no_alert_becomes_a_dead_letter_and_the_others_go_on(
    broker: Connection, postgres: Postgres, tmp_path: Path
) -> None:
    alerts = [an_alert(1, revision=n, message=f"revision {n}", detected_at=TIME) for n in (1, 2, 3)]
    foreign = Record(ALERTS, b"not json", b"store-1", timestamp=TIME)
    produce(_address(broker), [foreign, *alert_records(alerts)])

    worker = _start(broker, postgres, tmp_path)
    _wait_for_alerts(worker, postgres, "revision = 3", 1)
    worker.stop()

    assert [row["message"] for row in postgres.rows("SELECT * FROM alerts")] == ["revision 3"]
    assert [record.value for record in consume(_address(broker), DEAD_LETTERS)] == [b"not json"]
