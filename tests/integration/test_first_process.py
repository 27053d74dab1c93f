"""As the first process of a container each command ends in seconds when it is asked to."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retail_anomaly.core.events import INPUT_TOPICS
from streamer.kafka.connection import Connection
from streamer.kafka.embedded_broker import EmbeddedBroker
from streamer.kafka.topics import TopicPlan, ensure_topics
from tests.deploy.chart import CHART
from tests.kafka import consume
from tests.support.first_process import FirstProcess, can_be_first
from tests.support.open_board import write_alerts
from tests.support.waiting import PATIENCE_S
from tests.unit.cases.test_triage import alert

FORCED = "ended 3 s after SIGTERM, in the midst of its work\n"
Start = Callable[..., FirstProcess]

pytestmark = pytest.mark.skipif(
    not can_be_first(), reason="this machine lets nobody make a process namespace"
)


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[FirstProcess] = []

    def run(*command: str, **environment: str) -> FirstProcess:
        started.append(FirstProcess([sys.executable, *command], environment))
        return started[-1]

    yield run
    for process in started:
        process.kill()


class Silent:
    """A server that takes connections and never says a word."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self.address = f"127.0.0.1:{server.getsockname()[1]}"
        self.taken: list[socket.socket] = []

    def take(self) -> None:
        """Wait until somebody comes."""
        self.taken.append(self._server.accept()[0])


@pytest.fixture
def silent() -> Iterator[Silent]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE_S)
        made = Silent(server)
        yield made
        for connection in made.taken:
            connection.close()


@pytest.mark.parametrize(
    "command",
    [
        ("streamer.cli", "topics", "--create", "--wait", "300"),
        ("streamer.cli", "run"),
        ("data_gen", "stream"),
    ],
    ids=lambda command: command[1],
)
def test_a_command_that_waits_for_kafka_ends(start: Start, silent: Silent, command: tuple[str, ...]) -> None:
    process = start("-m", *command, "--broker", silent.address)
    silent.take()  # now it waits for an answer

    code, _, said = process.end()

    # Kafka's client takes ten seconds to give up, and Python runs no handler until then.
    assert (code, said) in [
        (128 + 15, FORCED),
        (0, ""),
        (1, f"retail-{_name(command)}: stopped before the end\n"),
    ]


def _name(command: tuple[str, ...]) -> str:
    return {"streamer.cli": "streamer", "data_gen": "datagen"}[command[0]]


def test_the_bootstrap_of_influxdb_ends(start: Start, silent: Silent) -> None:
    script = CHART / "files" / "influxdb_bootstrap.py"
    process = start(str(script), INFLUXDB_URL=f"http://{silent.address}", TOKENS_FOLDER="/nowhere")
    silent.take()

    assert process.end() == (128 + 15, "", "")


def test_the_board_ends(start: Start, tmp_path: Path) -> None:
    write_alerts(tmp_path, alert("a"))
    process = start("-m", "retail_anomaly.cli", "review", str(tmp_path / "alerts.jsonl"), "--port", "0")
    process.wait_for_text("on http://")

    code, _, said = process.end()

    assert (code, said.split(":")[0]) == (0, "Your decisions")


def test_the_simulator_and_the_streamer_end_what_they_have_begun(start: Start, tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        connection = Connection(broker.address, embedded=True)
        ensure_topics(connection, TopicPlan(2, 1, 3650 * 86_400_000), create=True)
        at = ("--broker", broker.address)
        simulator = start("-m", "data_gen", "stream", *at, "--stores", "2", "--rate", "50")
        streamer = start(
            "-m", "streamer.cli", "run", *at, "--embedded-broker", "--state-dir", str(tmp_path / "state")
        )
        deadline = time.monotonic() + PATIENCE_S
        while not any(consume(broker.address, topic) for topic in INPUT_TOPICS):
            assert time.monotonic() < deadline
        streamer.wait_for_text("now processing")

        code, counted, said = simulator.end()
        assert (code, said) == (1, "retail-datagen: stopped before the end\n")
        assert sum(int(line.split(": ")[1]) for line in counted.splitlines()) > 0
        code, _, said = streamer.end()
        assert code == 0
        assert '"stopped"' in said.splitlines()[-1]
