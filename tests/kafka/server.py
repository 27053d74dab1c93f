"""One Kafka node in KRaft mode as a child process, with data that survives a restart."""

from __future__ import annotations

import atexit
import contextlib
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.kafka.jars import find_jars, find_java
from tests.support.cached import once
from tests.support.ports import free_ports
from tests.support.proxy import Proxy
from tests.support.waiting import PATIENCE_S

START_DEADLINE = PATIENCE_S
STOP_DEADLINE = PATIENCE_S
PORT_ATTEMPTS = 5

# The quick compiler alone: a broker of a test lives too briefly to earn back the work of the thorough one.
COMPILER = ["-XX:TieredStopAtLevel=1"]
HEAP = ["-Xmx512m", "-Xms128m", "-XX:+UseSerialGC"]
LOGGING = [
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
]

# One node needs these. With few internal partitions the first consumer group joins at once.
# Retention stays Kafka's own week on purpose: a topic made without explicit retention loses old events here
# too.
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "num.partitions": "1",
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # A killed process's partitions go to the next when its session has run out: 6 s at least by default.
    "group.min.session.timeout.ms": "1000",
    # How often it looks for transactions that a killed process left open; 10 s by default.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # After a crash the controller refuses the new process until the old one's session has run out (9 s by
    # default).
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "1000",
}


class KafkaStartError(Exception):
    """The broker ended or stayed silent; the message ends with its last log lines."""


class KafkaServer:
    """A broker on the loopback interface.

    Parameters
    ----------
    folder
        Where its properties, log and data live; the data stays there until you remove it.
    properties
        Broker properties over the ones above, such as `{"message.max.bytes": "2000"}`.
    doors
        Proxies in front of the broker. A client that gets a proxy's address sees the broker there alone: the
        broker has a listener for each, which tells that address to its clients.
    """

    def __init__(
        self, folder: Path, properties: dict[str, str] | None = None, *, doors: Sequence[Proxy] = ()
    ) -> None:
        self.folder = folder
        self.log = folder / "server.log"
        self._properties = PROPERTIES | (properties or {})
        self._doors = doors
        self._data = folder / "data"
        self._config = folder / "server.properties"
        self._ports: list[int] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """`host:port` for clients; the same after a restart."""
        if self._ports is None:
            raise KafkaStartError("the broker was not started yet: call start() first")
        return f"127.0.0.1:{self._ports[0]}"

    @property
    def pid(self) -> int | None:
        """The broker's process id while it runs."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> KafkaServer:
        """Start, or start again over the same data, and return once clients are served."""
        if self.running:
            return self
        java = [find_java(), *self._classes(), "-cp", f"{find_jars()}/*", *COMPILER, *LOGGING]
        fresh = self._ports is None
        for attempt in range(1, PORT_ATTEMPTS + 1):
            if fresh:
                self._format(java)
            self._launch([*java, *HEAP, "kafka.Kafka", str(self._config)])
            try:
                self._wait_until_served()
            except KafkaStartError:
                self.kill()
                if attempt == PORT_ATTEMPTS or "Address already in use" not in self.log_tail(200):
                    raise
                # Another process was quicker. Take new ports while no client knows ours, otherwise try the
                # same again a bit later.
                time.sleep(0 if fresh else 1)
            except BaseException:
                self.kill()
                raise
            else:
                return self
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """End it as an operator would, with SIGTERM; kill it if it does not end in time."""
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_DEADLINE)
        self.kill()

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        atexit.unregister(self.kill)
        if self._guard is not None:  # first: it must not outlive the process whose id it holds
            self._guard.kill()
            self._guard.communicate()
            self._guard = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def log_tail(self, lines: int = 20) -> str:
        """Return the end of the server's log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _classes(self) -> list[str]:
        """Return the option for an archive of the broker's classes, with which it starts on half the CPU."""
        found = once(f"{find_jars().name}-classes", "broker.jsa", _write_classes)
        return [f"-XX:SharedArchiveFile={found}"] if found.exists() else []

    def _format(self, java: list[str]) -> None:
        shutil.rmtree(self._data, ignore_errors=True)
        self.log.unlink(missing_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._ports = free_ports(2 + len(self._doors))
        client, controller, *behind = self._ports
        listeners = [f"PLAINTEXT://127.0.0.1:{client}", f"CONTROLLER://127.0.0.1:{controller}"]
        advertised, protocols = listeners[:], ["PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT"]
        for number, (door, port) in enumerate(zip(self._doors, behind, strict=True)):
            door.target = f"127.0.0.1:{port}"
            listeners.append(f"DOOR{number}://{door.target}")
            advertised.append(f"DOOR{number}://{door.address}")
            protocols.append(f"DOOR{number}:PLAINTEXT")
        properties = {
            "listeners": ",".join(listeners),
            "advertised.listeners": ",".join(advertised),
            "listener.security.protocol.map": ",".join(protocols),
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
            "log.dirs": str(self._data),
            **self._properties,
        }
        self._config.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        # The identifier is 16 random bytes in URL-safe base64; any such string of 22 characters will do.
        cluster = uuid.uuid4().hex[:22]
        tool = [*java, "kafka.tools.StorageTool", "format", "--standalone"]
        options = ["--cluster-id", cluster, "--config", str(self._config)]
        done = subprocess.run(
            [*tool, *options], capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        if done.returncode:
            raise KafkaStartError(
                f"kafka.tools.StorageTool could not format {self._data}:\n{done.stderr[-2000:]}"
            )

    def _launch(self, command: list[str]) -> None:
        with self.log.open("ab") as log:
            # Its own session: an interrupt at the keyboard reaches pytest alone, which then stops the broker.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        atexit.register(self.kill)
        # However this process dies, the pipe closes and the broker ends (PR_SET_PDEATHSIG follows threads
        # instead).
        self._guard = subprocess.Popen(
            ["sh", "-c", 'read -r _; kill -9 "$0"', str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _wait_until_served(self) -> None:
        deadline = time.monotonic() + START_DEADLINE
        while not self._served():
            if not self.running:
                raise KafkaStartError(f"Kafka ended while starting; see {self.log}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise KafkaStartError(
                    f"Kafka does not answer after {START_DEADLINE:.0f} s; see {self.log}:\n{self.log_tail()}"
                )
            time.sleep(0.05)

    def _served(self) -> bool:
        # Asking the port first spares librdkafka's noise about refused connections.
        try:
            socket.create_connection(("127.0.0.1", int(self.address.rpartition(":")[2])), timeout=1).close()
        except OSError:
            return False
        try:
            # A node that is still fenced answers, but does not list itself.
            return len(AdminClient({"bootstrap.servers": self.address}).list_topics(timeout=2).brokers) == 1
        except KafkaException:
            return False


class _WritingServer(KafkaServer):
    """A broker that writes its classes to an archive when it ends."""

    def _classes(self) -> list[str]:
        return []

    def _launch(self, command: list[str]) -> None:
        java, *rest = command
        super()._launch([java, f"-XX:ArchiveClassesAtExit={self.folder.parent / 'broker.jsa'}", *rest])


def _write_classes(folder: Path) -> None:
    _WritingServer(folder / "broker").start().stop()
    shutil.rmtree(folder / "broker")
