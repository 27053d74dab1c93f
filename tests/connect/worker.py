"""A standalone worker of Kafka Connect as a child process."""

from __future__ import annotations

import os
import signal
import subprocess
import weakref
from collections.abc import Mapping
from pathlib import Path

from tests.kafka.jars import fetched, find_java
from tests.kafka.server import COMPILER, HEAP, LOGGING
from tests.support.ports import free_ports
from tests.support.waiting import PATIENCE_S

POM = Path(__file__).with_name("pom.xml")
STOP_DEADLINE = PATIENCE_S


class ConnectWorker:
    """Runs a connector until it is stopped.

    Parameters
    ----------
    broker
        Kafka's address.
    connector
        Its file, as the REST interface takes it.
    folder
        Where properties, offsets and log go.
    environment
        What the connector takes from `${env:...}`.
    properties
        Properties of the worker over the ones below.
    """

    def __init__(
        self,
        broker: str,
        connector: Path,
        folder: Path,
        environment: Mapping[str, str],
        properties: Mapping[str, str],
    ) -> None:
        java, jars = find_java(), fetched(POM, "connect.version", "connect")
        (port,) = free_ports(1)
        chosen = {
            "bootstrap.servers": broker,
            "listeners": f"http://127.0.0.1:{port}",
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.storage.StringConverter",
            "offset.storage.file.filename": str(folder / "connect.offsets"),
            "offset.flush.interval.ms": "1000",
            **properties,
        }
        worker = folder / "worker.properties"
        worker.write_text("".join(f"{name}={value}\n" for name, value in chosen.items()))
        self.log = folder / "connect.log"
        command = [java, "-cp", f"{jars}/*", *COMPILER, *LOGGING, *HEAP]
        command += ["org.apache.kafka.connect.cli.ConnectStandalone", str(worker), str(connector)]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **environment}
            )
        # A test that fails half-way leaves nothing running.
        weakref.finalize(self, _end, self._process)

    @property
    def running(self) -> bool:
        """Whether the worker has not ended."""
        return self._process.poll() is None

    def tail(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """End it as an operator would; it commits first."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(STOP_DEADLINE)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
