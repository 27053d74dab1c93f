"""The rendered chart by hand on one host: commands, configuration and environment, on a real Kafka."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from functools import partial
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from retail_anomaly.core.events import ALERTS
from retail_anomaly.replay import replay
from streamer.kafka.topic_plan import ALERT_ACTIONS
from tests.deploy.chart import CASES, Manifest, containers, pick, render
from tests.deploy.host import TOKEN, Host, InfluxWrites, pod
from tests.deploy.image import make_image
from tests.kafka import create_topics
from tests.kafka.jars import find_jars, find_java
from tests.support.ports import free_ports
from tests.support.waiting import PATIENCE_S

SECRETS = {"shops-retail-anomaly-influxdb-tokens": {"INFLUXDB_TOKEN": TOKEN}}
SETS = (
    "generator.history=0",
    "generator.days=1",
    "generator.stores=2",
    "generator.speedup=0",
    "generator.incidentRate=1",
    "generator.timeZones=null",
    "config.stores.store-1.time_zone=UTC",
    "config.stores.store-2.time_zone=UTC",
    "config.stores.store-3.time_zone=UTC",
)
# Where a process listens is each test's own; the rest of the properties is the chart's.
ADDRESSES = (
    "listeners",
    "advertised.listeners",
    "controller.quorum.bootstrap.servers",
    "log.dirs",
    "node.id",
)


@pytest.fixture(scope="module")
def manifests(helm) -> tuple[Manifest, ...]:
    return render(helm, CASES["values-dev"], *SETS)


def _properties(manifests: tuple[Manifest, ...]) -> dict[str, str]:
    lines = pick(manifests, "ConfigMap", "kafka")["data"]["server.properties"].splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


@pytest.fixture
def rendered_kafka(kafka_server, manifests) -> Iterator[str]:
    """Give the address of a Kafka with the chart's properties."""
    chosen = {name: value for name, value in _properties(manifests).items() if name not in ADDRESSES}
    broker = kafka_server(chosen)
    yield broker.address
    broker.stop()


@pytest.fixture
def host(manifests, rendered_kafka, tmp_path, tmp_path_factory) -> Iterator[tuple[Host, InfluxWrites]]:
    influx = InfluxWrites()
    image = make_image(tmp_path_factory.mktemp("source"))
    hosts = {
        "shops-retail-anomaly-kafka.loss-prevention.svc:9092": rendered_kafka,
        "shops-retail-anomaly-influxdb.loss-prevention.svc:8086": influx.address,
    }
    processes = Host(image, tmp_path, manifests, hosts, SECRETS)
    yield processes, influx
    processes.close()
    influx.close()


@pytest.mark.usefixtures("kafka")  # skips where Kafka can't be had
def test_storage_is_formatted_by_the_rendered_command_once(manifests, tmp_path):
    (container,) = pod(manifests, "StatefulSet", "kafka")["initContainers"]
    assert container["command"][0] == "/opt/kafka/bin/kafka-storage.sh"
    file = tmp_path / "server.properties"
    lines = [f"{k}={v}" for k, v in _properties(manifests).items() if k != "log.dirs"]
    file.write_text("\n".join([*lines, f"log.dirs={tmp_path}/logs"]))
    arguments = [
        a.replace("/etc/retail-kafka/server.properties", str(file)) for a in container["command"][1:]
    ]
    for _ in range(2):  # A pod that starts again finds its storage formatted.
        command = [find_java(), "-cp", f"{find_jars()}/*", "kafka.tools.StorageTool", *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd=tmp_path
        )
        assert done.returncode == 0, done.stdout + done.stderr
    meta = (tmp_path / "logs" / "meta.properties").read_text()
    assert "cluster.id=cmV0YWlsLWFub21hbHktMQ" in meta


def test_the_rendered_chart_raises_alerts(manifests, host):
    here, influx = host
    # The Job of the topics: made, then checked, and again without a change.
    topics = pod(manifests, "Job", "topics")
    create, check = containers(topics)
    assert "pos-events: created, 3 partitions" in here.do("topics", create)
    assert "fine" in here.do("topics", check)
    assert "created" not in here.do("topics", create)

    # A day in a moment: sent before the streamers start, because live it would come hours of event time out
    # of order.
    generator = pod(manifests, "Job", "generator")
    for container in containers(generator):
        said = here.do("generator", container)
    sent = int(said.splitlines()[-1].split()[0].replace(",", ""))
    assert sent > 1000

    workloads = {
        "streamer": "StatefulSet",
        "store-metrics": "StatefulSet",
        "triage": "StatefulSet",
        "sink": "Deployment",
    }
    for part, kind in workloads.items():
        here.serve(part, pod(manifests, kind, part))
    for part, kind in workloads.items():
        probes = pod(manifests, kind, part)["containers"][0]
        here.until(partial(here.answers, part, probes["readinessProbe"]), f"{part} is not ready")
        assert here.answers(part, probes["livenessProbe"])
        with urlopen(f"http://127.0.0.1:{here.ports[part]}/metrics", timeout=PATIENCE_S) as answer:
            assert b"retail_ready 1.0" in answer.read()

    # The tests of `helm test`.
    for name in ("topics", "ready", "sink"):
        here.do(f"test-{name}", pod(manifests, "Pod", f"test-{name}")["containers"][0])

    # All is processed, and as many alerts are in Kafka as the same events raise in a replay.
    streamer = pod(manifests, "StatefulSet", "streamer")["containers"][0]
    here.ask("streamer", streamer, "lag", "--wait", "60")
    alerts = [json.loads(line) for line in here.ask("streamer", streamer, "alerts").splitlines()]
    distinct = {(alert["alertId"], alert["revision"]) for alert in alerts}
    assert distinct == _replayed(here, generator)

    # And each alert is a point in InfluxDB.
    ids = {alert["alertId"] for alert in alerts}
    here.until(partial(influx.holds, ids), f"{len(ids)} alerts are not all written")
    assert {part: here.stop(part) for part in workloads} == dict.fromkeys(workloads, 0)


def test_the_board_answers_to_whom_its_proxy_names(helm, kafka_server, tmp_path):
    kafka = kafka_server().address
    create_topics(kafka, [ALERTS, ALERT_ACTIONS])
    manifests = render(helm, CASES["board"])
    (port,) = free_ports(1)
    board = deepcopy(pod(manifests, "Deployment", "board"))
    command = board["containers"][0]["command"]
    for option, value in (("--host", "127.0.0.1"), ("--port", str(port))):
        command[command.index(option) + 1] = value
    # The tests' own environment has the libraries of the board's image.
    with closing(Host(Path(sys.prefix), tmp_path, manifests, {"kafka:9092": kafka}, {"kafka": {}})) as here:
        here.serve("board", board)
        here.ports["board"] = port

        probe = board["containers"][0]["readinessProbe"]
        here.until(partial(here.answers, "board", probe), "the board is not ready")
        assert _board_says(port, {}) == 401
        assert _board_says(port, {"X-Forwarded-User": "kim"}) == 200
        assert here.stop("board") in (0, -signal.SIGTERM)


def _board_says(port: int, headers: dict[str, str]) -> int:
    try:
        with urlopen(Request(f"http://127.0.0.1:{port}/", headers=headers), timeout=PATIENCE_S) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def _replayed(here: Host, generator: Manifest) -> set[tuple[str, int]]:
    """Return the alerts that a notebook finds in the generator's events."""
    (command,) = [c["command"] for c in generator["containers"]]
    folder = here.log("generator", "generator").parent / "log"
    write = ["retail-datagen", "write", "--out", str(folder)]
    for name in ("--stores", "--days", "--seed", "--incident-rate"):
        write += [name, command[command.index(name) + 1]]
    here.do("generator", {"name": "write", "command": write})
    found = replay(folder / "events.jsonl").alerts
    assert len(found) > 5
    return set(zip(found["alert_id"], (int(r) for r in found["revision"]), strict=True))
