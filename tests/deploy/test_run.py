"""The rendered chart by hand on one host: its commands, its configuration and its environment, on a real Kafka.

Nothing is changed but what a cluster would give: names of hosts, mounted folders, one port a process.
"""

from __future__ import annotations

import gzip
import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from retail_anomaly.replay import replay
from tests.deploy.chart import CASES, Manifest, containers, pick, render
from tests.deploy.image import make_image
from tests.kafka.jars import find_jars, find_java

PATIENCE_S = 90
SECRETS = {"INFLUXDB_TOKEN": "token-of-the-sink"}
SETS = ("generator.days=1", "generator.stores=2", "generator.speedup=1000000", "generator.incidentRate=1")
# Where a process listens is each test's own; the rest of the properties is the chart's.
ADDRESSES = (
    "listeners",
    "advertised.listeners",
    "controller.quorum.bootstrap.servers",
    "log.dirs",
    "node.id",
)


class InfluxWrites:
    """Takes writes as InfluxDB does, from whoever has the token, and keeps their lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        state = self

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Content-Encoding") == "gzip":
                    raw = gzip.decompress(raw)
                lines = [line for line in raw.decode().splitlines() if line]
                place = (
                    self.path.startswith("/api/v2/write?")
                    and "org=retail" in self.path
                    and "bucket=retail" in self.path
                )
                if self.headers["Authorization"] != f"Token {SECRETS['INFLUXDB_TOKEN']}" or not place:
                    status, answer = 401, {"code": "unauthorized", "message": "unauthorized access"}
                elif not lines:
                    status, answer = 400, {"code": "invalid", "message": "writing requires points"}
                else:
                    state.lines += lines
                    status, answer = 204, {}
                body = json.dumps(answer).encode() if answer else b""
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("X-Influxdb-Version", "2.9.1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Host:
    """Runs containers as processes of this machine."""

    def __init__(
        self, image: Path, folder: Path, manifests: tuple[Manifest, ...], hosts: dict[str, str]
    ) -> None:
        self._image, self._folder, self._hosts = image, folder, hosts
        self._config: str = pick(manifests, "ConfigMap", "config")["data"]["config.yaml"]
        self.ports: dict[str, int] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, part: str, container: Manifest) -> subprocess.Popen[bytes]:
        """Start a container; processes of one part share its folders."""
        root = self._folder / part
        for folder in ("etc/retail-anomaly", "var/lib/retail-anomaly", "tmp"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "etc/retail-anomaly/config.yaml").write_text(self._placed(self._config, part))
        environment = {
            "PATH": f"{self._image}/bin:/usr/bin:/bin",
            "TMPDIR": f"{root}/tmp",  # noqa: S108
        }
        for variable in container.get("env", []):
            value = variable.get("value")
            if value is None:
                value = SECRETS[variable["valueFrom"]["secretKeyRef"]["key"]]
            environment[variable["name"]] = self._placed(value, part)
        command = [self._placed(argument, part) for argument in container["command"]]
        with self.log(part, container["name"]).open("wb") as log:
            return subprocess.Popen(command, env=environment, cwd=root, stdout=log, stderr=log)

    def do(self, part: str, container: Manifest) -> str:
        """Run a container to its end; return what it said."""
        process = self.start(part, container)
        try:
            code = process.wait(PATIENCE_S)
        finally:
            process.kill()
            process.wait()
        said = self.log(part, container["name"]).read_text()
        assert code == 0, said[-3000:]
        return said

    def serve(self, part: str, spec: Manifest) -> None:
        """Run a pod: its init containers to their end, then its container until `stop`."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.ports[part] = free.getsockname()[1]
        for container in spec.get("initContainers", []):
            self.do(part, container)
        self.running[part] = self.start(part, spec["containers"][0])

    def answers(self, part: str, probe: Manifest) -> bool:
        """Whether the kubelet would be content with what it asks."""
        try:
            with urlopen(
                f"http://127.0.0.1:{self.ports[part]}{probe['httpGet']['path']}", timeout=5
            ) as answer:
                return bool(answer.status == 200)
        except URLError:
            return False

    def log(self, part: str, name: str) -> Path:
        return self._folder / part / f"{name}.log"

    def stop(self, part: str) -> int:
        """End it as the kubelet does; return its exit code."""
        process = self.running.pop(part)
        process.send_signal(signal.SIGTERM)
        return process.wait(PATIENCE_S)

    def close(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()

    def _placed(self, text: str, part: str) -> str:
        for host, address in self._hosts.items():
            text = text.replace(host, address)
        for folder in ("/etc/retail-anomaly", "/var/lib/retail-anomaly"):
            text = text.replace(folder, f"{self._folder}/{part}{folder}")
        port = self.ports.get(part, 0)
        text = text.replace("metrics_address: 0.0.0.0", "metrics_address: 127.0.0.1")
        text = text.replace("metrics_port: 8080", f"metrics_port: {port}")
        for other, its_port in self.ports.items():
            text = text.replace(f"shops-retail-anomaly-{other}:8080", f"127.0.0.1:{its_port}")
        return text


def _until(condition: Callable[[], Any], what: str, host: Host) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        ended = [part for part, process in host.running.items() if process.poll() is not None]
        assert not ended, f"{ended} ended: {host.log(ended[0], ended[0]).read_text()[-3000:]}"
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return found


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
        "shops-retail-anomaly-influxdb:8086": influx.address,
    }
    processes = Host(image, tmp_path, manifests, hosts)
    yield processes, influx
    processes.close()
    influx.close()


def _pod(manifests: tuple[Manifest, ...], kind: str, part: str) -> Manifest:
    found: Manifest = pick(manifests, kind, part)
    spec: Manifest = found["spec"] if kind == "Pod" else found["spec"]["template"]["spec"]
    return spec


def test_storage_is_formatted_by_the_rendered_command_once(manifests, kafka_server, tmp_path):
    kafka_server().stop()  # Skips where Kafka can't be had.
    (container,) = _pod(manifests, "StatefulSet", "kafka")["initContainers"]
    assert container["command"][0] == "/opt/kafka/bin/kafka-storage.sh"
    file = tmp_path / "server.properties"
    lines = [f"{k}={v}" for k, v in _properties(manifests).items() if k != "log.dirs"]
    file.write_text("\n".join([*lines, f"log.dirs={tmp_path}/logs"]))
    arguments = [
        a.replace("/etc/retail-kafka/server.properties", str(file)) for a in container["command"][1:]
    ]
    for _ in range(2):  # A pod that starts again finds its storage formatted.
        command = [find_java(), "-cp", f"{find_jars()}/*", "kafka.tools.StorageTool", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    meta = (tmp_path / "logs" / "meta.properties").read_text()
    assert "cluster.id=cmV0YWlsLWFub21hbHktMQ" in meta


@pytest.mark.timeout(400)
def test_the_rendered_chart_raises_alerts(manifests, host):
    here, influx = host
    # The Job of the topics: made, then checked, and again without a change.
    topics = _pod(manifests, "Job", "topics")
    create, check = containers(topics)
    assert "pos-events: created, 3 partitions" in here.do("topics", create)
    assert "fine" in here.do("topics", check)
    assert "created" not in here.do("topics", create)

    # A day in a moment: sent before the streamers start, for live it would come hours of event time out of order.
    generator = _pod(manifests, "Job", "generator")
    for container in containers(generator):
        said = here.do("generator", container)
    sent = int(said.splitlines()[-1].split()[0].replace(",", ""))
    assert sent > 1000

    workloads = {"streamer": "StatefulSet", "store-metrics": "StatefulSet", "sink": "Deployment"}
    for part, kind in workloads.items():
        here.serve(part, _pod(manifests, kind, part))
    for part, kind in workloads.items():
        probes = _pod(manifests, kind, part)["containers"][0]
        _until(partial(here.answers, part, probes["readinessProbe"]), f"{part} is not ready", here)
        assert here.answers(part, probes["livenessProbe"])
        with urlopen(f"http://127.0.0.1:{here.ports[part]}/metrics", timeout=5) as answer:
            assert b"retail_ready 1.0" in answer.read()

    # The tests of `helm test`.
    for name in ("topics", "ready", "sink"):
        here.do(f"test-{name}", _pod(manifests, "Pod", f"test-{name}")["containers"][0])

    # All is processed, and as many alerts are in Kafka as the same events raise in a replay.
    streamer = _pod(manifests, "StatefulSet", "streamer")["containers"][0]
    config = ["--config", "/etc/retail-anomaly/config.yaml"]
    lag = {**streamer, "name": "lag", "command": ["retail-streamer", "lag", "--wait", "60", *config]}
    here.do("streamer", lag)
    alerts = [
        json.loads(line)
        for line in here.do(
            "streamer", {**streamer, "name": "alerts", "command": ["retail-streamer", "alerts", *config]}
        ).splitlines()
    ]
    distinct = {(alert["alertId"], alert["revision"]) for alert in alerts}
    assert distinct == _replayed(here, generator)

    # And each alert is a point in InfluxDB.
    ids = {alert["alertId"] for alert in alerts}
    _until(
        lambda: all(any(line.startswith("alerts,") and i in line for line in influx.lines) for i in ids),
        f"{len(ids)} alerts are not all written",
        here,
    )
    assert {part: here.stop(part) for part in workloads} == dict.fromkeys(workloads, 0)


def _replayed(here: Host, generator: Manifest) -> set[tuple[str, int]]:
    """Return what a notebook finds in the events that the generator has sent."""
    (command,) = [c["command"] for c in generator["containers"]]
    options = dict(zip(command[2::2], command[3::2], strict=True))
    folder = here.log("generator", "generator").parent / "log"
    write = ["retail-datagen", "write", "--out", str(folder)]
    for name in ("--stores", "--days", "--seed", "--incident-rate"):
        write += [name, options[name]]
    here.do("generator", {"name": "write", "command": write})
    found = replay(folder / "events.jsonl").alerts
    assert len(found) > 5
    return set(zip(found["alert_id"], (int(r) for r in found["revision"]), strict=True))
