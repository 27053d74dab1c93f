"""`retail-streamer`: help with examples, exit codes, errors in one line."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from streamer import cli
from streamer.cli.commands import app
from tests.support.waiting import PATIENCE_S

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch, restored_log):
    monkeypatch.setattr("streamer.kafka.topics._TIMEOUT_S", 1.0)


@pytest.fixture
def nobody():
    """Give an address that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize(
    "command", [command.callback.__name__ for command in app.registered_commands if command.callback]
)
def test_help_has_an_example(command, capsys):
    assert cli.main([command, "--help"]) == 0
    assert f"Example: retail-streamer {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["unknown"],
        ["run", "--unknown"],
        ["run", "--config", "not-there.yaml"],
        ["run", "--log-level", "loud"],
        ["run", "--detectors", "no_such_detector"],
        ["topics", "--partitions", "0"],
        ["topics", "--internal"],
    ],
)
def test_usage_errors_are_one_line_and_exit_2(arguments, capsys, nobody):
    if "no_such_detector" in arguments:
        pytest.importorskip("streamer.detection.app")
    assert cli.main([*arguments, *(["--broker", nobody] if arguments[0] != "unknown" else [])]) == 2
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


@pytest.mark.parametrize("command", ["run", "metrics", "topics"])
def test_broker_that_does_not_answer_is_named_with_what_to_try(command, capsys, nobody):
    assert cli.main([command, "--broker", nobody]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)["event"] if command != "topics" else line
    assert f"no Kafka answers at {nobody} over PLAINTEXT" in said
    assert "is it running" in said


def test_what_nobody_expected_is_one_line_too(capsys, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr("streamer.kafka.topics.check_topics", broken)
    assert cli.main(["topics"]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(
        r"retail-streamer: ZeroDivisionError: division by zero "
        r"\(at test_streamer_command.py:\d+\): please report it",
        said,
    )


@pytest.mark.parametrize("entry", [["-m", "streamer"], [str(ROOT / "streamer" / "main.py")]])
def test_quix_entry_points_run_the_streamer(entry, tmp_path):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("Quix__", "RETAIL__", "KAFKA_S"))}
    # Wrong on purpose, so that it ends at once and says what it was about to do.
    environment |= {
        "Quix__Broker__Address": "kafka:1",
        "KAFKA_SECURITY_PROTOCOL": "x",
    }
    done = subprocess.run(
        [sys.executable, *entry],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["event"].startswith("KAFKA_SECURITY_PROTOCOL: expected one of")
