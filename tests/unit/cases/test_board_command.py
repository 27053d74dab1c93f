"""The command that opens the board of cases."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from retail_anomaly.cli import main
from retail_anomaly.cli.review.board_cases import require_alerts
from retail_anomaly.cli.review.growing_file import GrowingFile
from tests.support.open_board import write_alerts
from tests.support.waiting import PATIENCE_S
from tests.unit.cases.test_triage import alert


@pytest.fixture
def command(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    write_alerts(tmp_path, alert("a"))
    program = [sys.executable, "-m", "retail_anomaly.cli", "review", str(tmp_path / "alerts.jsonl")]
    process = subprocess.Popen(
        [*program, "--port", "0", "--no-browser", "--as", "kim"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def test_the_command_prints_the_address_and_ends_with_ctrl_c(command: subprocess.Popen[str]) -> None:
    assert command.stdout is not None
    line = command.stdout.readline()
    address = line.partition(" on ")[2].partition(" (")[0]
    url = urlsplit(address)
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=PATIENCE_S)
    connection.request("GET", f"/?{url.query}")
    status = connection.getresponse().status
    connection.close()
    command.send_signal(signal.SIGINT)
    _, errors = command.communicate(timeout=PATIENCE_S)

    assert line.startswith("1 open case on http://127.0.0.1:")
    assert status == 303  # the token becomes a cookie
    assert (command.returncode, errors.splitlines()[-1][:16]) == (0, "Your decisions: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl: No such file or directory"),
        (["sales.csv"], "sales.csv: no line is an alert: sales.csv:1: expected a JSON object"),
        (["events.jsonl"], "events.jsonl: no line is an alert: events.jsonl:1: alertId: expected text"),
        (["alerts.jsonl", "--host", "192.0.2.1"], "everybody could act under your name"),
        (["alerts.jsonl", "--actions", "no/such/folder.jsonl"], "no/such/folder.jsonl: No such file"),
        (["alerts.jsonl", "--port", "1x"], "--port"),
        (["alerts.jsonl", "--events", "no-log.jsonl"], "no-log.jsonl"),
        (["--broker", "127.0.0.1:1", "--events", "no-log.jsonl"], "receipts come from Kafka"),
    ],
)
def test_a_board_that_cannot_start_is_one_line(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_alerts(tmp_path, alert("a"))
    (tmp_path / "sales.csv").write_text("store;time;amount\nberlin;09.10.2025;3,50\n")
    (tmp_path / "events.jsonl").write_text('{"storeId": "s"}\n' * 3)
    monkeypatch.chdir(tmp_path)

    assert main(["review", *arguments]) in {1, 2}
    [line] = capfd.readouterr().err.splitlines()
    assert said in line


@pytest.mark.parametrize("before", [b"", b"no alert\n{}\n", b'{"alertId": "half'])
def test_a_file_without_lines_may_grow_and_one_alert_makes_a_file_of_alerts(
    tmp_path: Path, before: bytes
) -> None:
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(before)
    if before.endswith(b"\n"):
        write_alerts(tmp_path, alert("a"))

    require_alerts(GrowingFile(path), path.name)
