"""The image in containers: who runs in it, what it may write, each command, its end and its size."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import pytest
import typer

from data_gen.cli import app as simulator
from retail_anomaly.cli.commands import app as analyst
from streamer.cli.commands import app as streamer
from tests.deploy.test_image import MOST_MB
from tests.image.podman import IMAGE, base, build, podman, run, size, start

PROGRAMS = {"retail-anomaly": analyst, "retail-streamer": streamer, "retail-datagen": simulator}
PATIENCE_S = 60
# `podman stop` waits this long before it kills.
GRACE_S = 5
# Runs each of the commands that it gets in one container: a start of its own costs a second each.
EACH = """
import json, subprocess, sys, time
for command in json.loads(sys.argv[1]):
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    print(json.dumps([command, done.returncode, time.monotonic() - began, done.stderr[-300:]]))
"""


def _commands(name: str, app: typer.Typer) -> Iterator[list[str]]:
    yield [name, "--help"]
    for command in app.registered_commands:
        assert command.callback is not None
        yield [name, command.name or command.callback.__name__.replace("_", "-"), "--help"]
    for group in app.registered_groups:
        assert group.name is not None
        assert group.typer_instance is not None
        yield from ([name, group.name, *below[1:]] for below in _commands(group.name, group.typer_instance))


@pytest.fixture
def started() -> Iterator[list[str]]:
    containers: list[str] = []
    yield containers
    for container in reversed(containers):  # the later ones live in the network of the first
        podman("rm", "--force", container)


def test_the_user_is_nobody_special_and_may_write_to_two_places():
    script = """
import os
from pathlib import Path
def writes(folder):
    try:
        (Path(folder) / "probe").write_text("x")
    except OSError:
        return False
    return True
state = os.environ["RETAIL__STREAMER__STATE_DIR"]
print(os.getuid(), os.getgid(), [f for f in ("/", "/opt/retail-anomaly", "/tmp", "/etc", state) if writes(f)])
"""
    said = run("python", "-c", script, options=["--volume", "/var/lib/retail-anomaly"])
    assert said == "10001 10001 ['/tmp', '/var/lib/retail-anomaly']\n"


def test_each_command_explains_itself_without_a_network():
    commands = [line for name, app in PROGRAMS.items() for line in _commands(name, app)]
    assert len(commands) > 30
    rows = [json.loads(line) for line in run("python", "-c", EACH, json.dumps(commands)).splitlines()]
    assert [(command, said) for command, code, _, said in rows if code] == []
    assert len(rows) == len(commands)
    took = sorted(seconds for _, _, seconds, _ in rows)
    print(f"start-up of {len(rows)} commands: median {took[len(took) // 2]:.2f} s, longest {took[-1]:.2f} s")


@pytest.mark.parametrize(
    "command",
    [
        ["retail-streamer", "run"],
        ["retail-streamer", "metrics"],
        ["retail-streamer", "triage"],
        ["retail-streamer", "topics", "--create", "--wait", "300"],
        ["retail-datagen", "stream"],
    ],
    ids=lambda command: command[1],
)
def test_a_container_ends_within_five_seconds(started, command):
    # The address takes connections and answers nothing.
    silent = "import socket, time; s = socket.create_server(('127.0.0.1', 9092)); time.sleep(600)"
    server = start("python", "-c", silent)
    started.append(server)
    container = start(*command, "--broker", "127.0.0.1:9092", options=["--network", f"container:{server}"])
    started.append(container)
    _wait_until_connected(server)

    began = time.monotonic()
    podman("stop", "--time", str(GRACE_S), container)

    code = int(podman("inspect", "--format", "{{.State.ExitCode}}", container))
    print(f"{' '.join(command)}: ended after {time.monotonic() - began:.1f} s with {code}")
    assert code != 128 + 9, "it was killed"


def _wait_until_connected(server: str) -> None:
    """Wait until somebody has connected to port 9092 of a container."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        rows = podman("exec", server, "cat", "/proc/net/tcp")
        # 2384 is 9092, and 01 an open connection.
        if re.search(r":2384 \w+:\w+ 01 ", rows):
            return
        assert time.monotonic() < deadline, rows
        time.sleep(0.2)


def test_it_is_at_most_so_much_larger_than_its_base():
    added = (size(build()) - size(base())) / 1e6
    print(f"the image adds {added:.0f} MB to its base")
    assert added <= MOST_MB


def test_its_labels_name_the_version():
    labels = json.loads(podman("image", "inspect", "--format", "{{json .Labels}}", IMAGE))
    assert labels["org.opencontainers.image.title"] == "retail-anomaly"
    assert run("retail-streamer", "--version").split()[1] == labels["org.opencontainers.image.version"]
