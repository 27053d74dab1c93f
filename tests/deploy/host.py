"""Containers of the rendered chart as processes of this machine, and the InfluxDB that they write to.

Only things that a cluster would give are changed: names of hosts, mounted folders, one port a process.
"""

from __future__ import annotations

import gzip
import json
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from tests.deploy.chart import Manifest, pick, pods
from tests.support.ports import free_ports
from tests.support.waiting import PATIENCE_S

TOKEN = "token-of-the-sink"  # noqa: S105
_FOLDERS = ("/etc/retail-anomaly", "/etc/kafka-tls", "/etc/influxdb-tls", "/var/lib/retail-anomaly")


class InfluxWrites:
    """Takes writes to one bucket as InfluxDB does, from whoever has the token, and keeps their lines.

    Parameters
    ----------
    certificate
        A file of key and certificate: then it speaks TLS.
    """

    def __init__(self, certificate: Path | None = None) -> None:
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
                if self.headers["Authorization"] != f"Token {TOKEN}" or not place:
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
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def holds(self, alert_ids: set[str]) -> bool:
        """Whether each of the alerts is a point."""
        return all(any(line.startswith("alerts,") and i in line for line in self.lines) for i in alert_ids)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Host:
    """Runs containers as processes of this machine.

    Parameters
    ----------
    image
        The environment that the image holds.
    folder
        Where each part gets its folders.
    manifests
        The rendered chart.
    hosts
        Addresses in it, and those that stand for them here.
    secrets
        Content of the Secrets that the chart names.
    """

    def __init__(
        self,
        image: Path,
        folder: Path,
        manifests: tuple[Manifest, ...],
        hosts: Mapping[str, str],
        secrets: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._image, self._folder, self._hosts, self._secrets = image, folder, hosts, secrets
        self._config: str = pick(manifests, "ConfigMap", "config")["data"]["config.yaml"]
        self._mounted: dict[str, str] = {
            volume["name"]: volume["secret"]["secretName"]
            for _, _, spec in pods(manifests)
            for volume in spec["volumes"]
            if "secret" in volume
        }
        self.ports: dict[str, int] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, part: str, container: Manifest) -> subprocess.Popen[bytes]:
        """Start a container; processes of one part share its folders."""
        root = self._folder / part
        for folder in ("etc/retail-anomaly", "var/lib/retail-anomaly", "tmp"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "etc/retail-anomaly/config.yaml").write_text(self._placed(self._config, part))
        for mount in container.get("volumeMounts", []):
            if mount["name"] in self._mounted:
                folder = root / mount["mountPath"].lstrip("/")
                folder.mkdir(parents=True, exist_ok=True)
                for name, content in self._secrets[self._mounted[mount["name"]]].items():
                    (folder / name).write_text(content)
        environment = {
            "PATH": f"{self._image}/bin:/usr/bin:/bin",
            "TMPDIR": f"{root}/tmp",  # noqa: S108
        }
        for source in container.get("envFrom", []):
            environment |= self._secrets[source["secretRef"]["name"]]
        for variable in container.get("env", []):
            value = variable.get("value")
            if value is None:
                value = self._value(variable["valueFrom"], part)
            environment[variable["name"]] = value
        environment = {
            name: value if name in {"PATH", "TMPDIR"} else self._placed(value, part)
            for name, value in environment.items()
        }
        command = [self._placed(argument, part) for argument in container["command"]]
        with self.log(part, container["name"]).open("wb") as log:
            return subprocess.Popen(command, env=environment, cwd=root, stdout=log, stderr=log)

    def _value(self, source: Manifest, part: str) -> str:
        if "fieldRef" in source:
            assert source["fieldRef"]["fieldPath"] == "metadata.name"
            return part
        reference = source["secretKeyRef"]
        return self._secrets[reference["name"]][reference["key"]]

    def do(self, part: str, container: Manifest, code: int = 0) -> str:
        """Run a container to its end, which is to have this exit code; return its output."""
        process = self.start(part, container)
        try:
            ended = process.wait(PATIENCE_S)
        finally:
            process.kill()
            process.wait()
        said = self.log(part, container["name"]).read_text()
        assert ended == code, said[-3000:]
        return said

    def ask(self, part: str, container: Manifest, *command: str) -> str:
        """Run another of our commands in a container of a part, as `kubectl exec` does; return its output."""
        command = ("retail-streamer", *command, "--config", "/etc/retail-anomaly/config.yaml")
        return self.do(part, {**container, "name": command[1], "command": list(command)})

    def serve(self, part: str, spec: Manifest) -> None:
        """Run a pod: its init containers to their end, then its container until `stop`."""
        (self.ports[part],) = free_ports(1)
        for container in spec.get("initContainers", []):
            self.do(part, container)
        self.running[part] = self.start(part, spec["containers"][0])

    def answers(self, part: str, probe: Manifest) -> bool:
        """Whether the kubelet would be content with the answer to a probe."""
        try:
            with urlopen(
                f"http://127.0.0.1:{self.ports[part]}{probe['httpGet']['path']}", timeout=5
            ) as answer:
                return bool(answer.status == 200)
        except (URLError, TimeoutError):  # a server that listens and is not yet there to answer
            return False

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait for a condition while all that runs goes on running."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := condition()):
            ended = [part for part, process in self.running.items() if process.poll() is not None]
            assert not ended, f"{ended} ended: {self.log(ended[0], ended[0]).read_text()[-3000:]}"
            assert time.monotonic() < deadline, what
            time.sleep(0.1)
        return found

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
        for folder in _FOLDERS:
            text = text.replace(folder, f"{self._folder}/{part}{folder}")
        port = self.ports.get(part, 0)
        text = text.replace("metrics_address: 0.0.0.0", "metrics_address: 127.0.0.1")
        text = text.replace("metrics_port: 8080", f"metrics_port: {port}")
        for other, its_port in self.ports.items():
            text = text.replace(f"shops-retail-anomaly-{other}:8080", f"127.0.0.1:{its_port}")
        return text


def pod(manifests: tuple[Manifest, ...], kind: str, part: str) -> Manifest:
    """Return the pod's spec of a workload."""
    found: Manifest = pick(manifests, kind, part)
    spec: Manifest = found["spec"] if kind == "Pod" else found["spec"]["template"]["spec"]
    return spec
