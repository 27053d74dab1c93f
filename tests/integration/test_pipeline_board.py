"""Every query of the board on the processes themselves, on a real Prometheus that has scraped them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from data_gen import Simulation
from helm.dashboards.__main__ import FOLDER
from helm.dashboards.preview import answer, picture
from retail_anomaly.core.events import ALERTS, INPUT_TOPICS, POS_EVENTS
from streamer.kafka.connection import Connection
from streamer.kafka.offsets import GroupOffsets
from streamer.kafka.topic_plan import NOTIFY_TICKS
from streamer.kafka.topics import TOPICS, TopicPlan, ensure_topics
from tests.conftest import IN_CI
from tests.influx import InfluxServer, InfluxUnavailableError
from tests.kafka import KafkaServer, Record, fresh_name, produce
from tests.support.ports import free_ports
from tests.support.processes import StreamerProcess
from tests.support.prometheus import Prometheus, PrometheusUnavailableError
from tests.support.services import WebService
from tests.support.simulated import records
from tests.support.sink import SinkProcess
from tests.support.waiting import PATIENCE_S

WORLD = Simulation(stores=3, days=1, seed=2)
POISON = Record(POS_EVENTS, b"not json", b"store-1")
BOARD = json.loads((FOLDER / "pipeline-health.json").read_text())
# Each alert of the day, which is long ago, goes out one by one.
ROUTES = """
notify:
  memory: 20000d
  routes: {floor: {service: slack, address: FLOOR_URL, severity: low, revisions: all, max_age: 19999d}}
"""
RULE = """
{id: refunds, version: 1, status: shadow, events: {refund: {eventType: REFUND}}, window: 1h,
 when: {count: refund, gte: 1}}
"""
PIECES = 4
STEP_MS = 500


class Watched:
    """A day that went through the streamer, the sink and notify while Prometheus looked on."""

    def __init__(self, prometheus: Prometheus, start: int, end: int) -> None:
        self.prometheus, self.start, self.end = prometheus, start, end

    def run(self, expression: str) -> list[dict[str, Any]]:
        return self.prometheus.rows(expression, self.start, self.end, step=STEP_MS / 1_000)

    def shown(self, title: str) -> dict[str, list[float | None]]:
        """Return the values of a panel by series."""
        (panel,) = (panel for panel in BOARD["panels"] if panel["title"] == title)
        series: dict[str, list[float | None]] = {}
        for row in answer(panel, self.run, self.start, self.end, interval="3s"):
            series.setdefault(row["series"], []).append(row["value"])
        return series


@pytest.fixture(scope="module")
def watched(
    kafka_server: Callable[..., KafkaServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    folder: Path = tmp_path_factory.mktemp("watched")
    running = ExitStack()
    ports = free_ports(3)
    influx = InfluxServer(folder / "influx")
    try:
        influx.start()
        prometheus = Prometheus(folder / "prometheus", ports)
    except (InfluxUnavailableError, PrometheusUnavailableError) as error:
        influx.kill()
        if IN_CI:
            pytest.fail(f"CI must run it: {error}", pytrace=False)
        pytest.skip(str(error))
    broker = kafka_server()
    connection = Connection(broker.address)
    plan = TopicPlan(4, 1, 3650 * 86_400_000)
    ensure_topics(connection, plan, [*TOPICS, NOTIFY_TICKS], create=True)
    group, options = fresh_name("group"), [("--metrics-port", str(port)) for port in ports]
    slack = running.enter_context(WebService("slack"))
    (folder / "notify").mkdir()
    (folder / "notify" / "config.yaml").write_text(ROUTES)
    notify = StreamerProcess(
        *(connection, group, folder / "notify", "--config", str(folder / "notify" / "config.yaml")),
        *options[2],
        module="tests.support.faulty",
        environment={"FAULT_COMMAND": "notify", "FAULT": "", "FLOOR_URL": slack.url},
    )
    (folder / "rule.yaml").write_text(RULE)
    (folder / "rules.yaml").write_text(f"rules: {{files: [{folder / 'rule.yaml'}]}}\n")
    streamer = StreamerProcess(connection, group, folder, *options[0], "--config", str(folder / "rules.yaml"))
    sink = SinkProcess(connection, group, folder, influx.environ, *options[1])
    began = int(time.time() * 1_000)

    def wait_for(expression: str, wanted: float | Callable[[], float]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (found := prometheus.value(expression)) != (wanted() if callable(wanted) else wanted):
            ends = "\n".join(process.tail() for process in (streamer, sink, notify))
            assert time.monotonic() < deadline, f"{expression}: {found}\n{ends}"
            time.sleep(0.05)

    wait_for("sum(retail_ready)", 3)
    everything = records(WORLD)
    size = len(everything) // PIECES + 1
    for piece in range(PIECES):
        part = [*everything[piece * size : (piece + 1) * size], POISON]
        produce(connection.properties()["bootstrap.servers"], part)
        # Not on before it was seen: a counter that was never lower has no rate.
        wait_for('sum(retail_dead_letters_total{reason="value"})', piece + 1)
        streamer.wait_until_processed()
        sink.wait_until_processed()
        with GroupOffsets(connection.properties(), f"{group}-notify", [ALERTS]) as offsets:
            assert not any(offsets.wait(PATIENCE_S).values()), notify.tail()
        wait_for('sum(retail_notifications_total{outcome="sent"})', lambda: len(slack.arrived))
    wait_for("sum(retail_lag_records)", 0)
    ended = int(time.time() * 1_000)
    # In whole steps back from the end, so that the last moment is that at which all was done.
    yield Watched(prometheus, ended - ((ended - began) // STEP_MS + 1) * STEP_MS, ended)
    assert streamer.stop() == 0
    assert sink.stop() == 0
    assert notify.stop() == 0
    running.close()
    prometheus.kill()
    influx.kill()
    broker.stop()


@pytest.mark.parametrize("title", [panel["title"] for panel in BOARD["panels"]])
def test_a_panel_gets_what_it_shows(watched: Watched, title: str) -> None:
    series = watched.shown(title)
    assert series
    for name, values in series.items():
        assert not set("{}") & set(name)
        assert name != "None"
        assert any(value is not None for value in values), name


def test_panels_say_what_happened(watched: Watched) -> None:
    def newest(title: str) -> float | None:
        (values,) = watched.shown(title).values()
        return values[-1]

    assert newest("Processes ready") == 3
    assert newest("Lag") == 0
    assert newest("Writes put off") == 0
    assert 1 < (newest("Dead letters") or 0) < 2 * PIECES  # increase() is an estimate
    processed = watched.shown("Records processed")
    assert {*(f"run: {topic}" for topic in INPUT_TOPICS), "sink: anomaly-alerts"} <= processed.keys()
    assert watched.shown("Dead letters by reason").keys() == {"value"}
    assert "written" in watched.shown("Requests to InfluxDB")
    assert watched.shown("Committing").keys() == {"notify", "run", "sink"}
    (detecting,) = watched.shown("Detecting").values()
    for values in (detecting, *watched.shown("Committing").values()):
        assert 0 < max(value for value in values if value is not None) < 10


def test_the_preview_draws_every_panel(watched: Watched) -> None:
    figure = picture(BOARD, watched.run, watched.start, watched.end, interval="3s")
    assert len(figure.data) >= len(BOARD["panels"])
