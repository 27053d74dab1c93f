"""`retail-anomaly demo` as a user runs it: its findings, its output, its errors."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from retail_anomaly.replay import replay
from tests.support.waiting import PATIENCE_S


class Demo:
    """A demo that runs, with every process it has started so far."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.output = folder / "out"
        self.temporary = folder / "tmp"
        self.temporary.mkdir(exist_ok=True)
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "retail_anomaly.cli", "demo", "--output", str(self.output), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(self.temporary)},
        )
        self.started: set[psutil.Process] = set()

    def until(self, words: str) -> "Demo":
        """Wait until it runs a process with these words in its command line."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.running(words):
            assert time.monotonic() < deadline, f"{words} was not started"
            assert self._popen.poll() is None, self.end()
            time.sleep(0.05)
        return self

    def running(self, words: str) -> list[psutil.Process]:
        self.started |= set(psutil.Process(self._popen.pid).children())
        found = []
        for process in self.started:
            try:
                if words in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.NoSuchProcess:
                pass
        return found

    def send(self, number: int) -> "Demo":
        self._popen.send_signal(number)
        return self

    def end(self) -> tuple[int, str, str]:
        """Wait for its end; return exit code, standard output and standard error."""
        out, error = self._popen.communicate(timeout=PATIENCE_S)
        return self._popen.returncode, out, error

    def close(self) -> None:
        for process in self.started:
            if process.is_running():
                process.kill()
        if self._popen.poll() is None:
            self._popen.kill()

    def left(self) -> list[object]:
        """Return its leftovers: processes, and files outside its output."""
        alive = [p for p in self.started if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        return [*alive, *self.temporary.iterdir()]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    demos: list[Demo] = []

    def begin(*options: str) -> Demo:
        demos.append(Demo(tmp_path, *options))
        return demos[-1]

    yield begin
    for demo in demos:
        demo.close()


def keys(path: Path) -> set[tuple[object, ...]]:
    alerts = map(json.loads, path.read_text("utf-8").splitlines())
    return {(alert["alertId"], alert["revision"], alert["type"], alert["riskScore"]) for alert in alerts}


def test_everything_is_processed_and_found(start):
    demo = start("--stores", "2", "--seed", "11", "--seconds", "4").until("data_gen.cli stream")
    code, out, error = demo.end()
    assert (code, error) == (0, "")
    assert "0 dead letters" in out
    assert "report.html" in out
    names = {path.name for path in demo.output.iterdir()}
    assert names == {"alerts.jsonl", "events.jsonl", "incidents.jsonl", "report.html"}
    # The streamer's alerts are those of a replay of the same day.
    again = replay(demo.output / "events.jsonl", progress=False).alerts
    columns = ("alert_id", "revision", "type", "risk_score")
    assert keys(demo.output / "alerts.jsonl") == set(zip(*(again[name] for name in columns), strict=True))
    assert demo.left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_stopped_leaves_nothing(start, number):
    demo = start().until("data_gen.cli stream").send(number)
    code, _, error = demo.end()
    assert (code, error) == (1, "retail-anomaly: the demo was stopped; its processes have ended\n")
    assert demo.left() == []


@pytest.mark.parametrize("part", ["streamer.cli run", "streamer.cli broker", "data_gen.cli stream"])
def test_a_part_that_dies_ends_the_demo(start, part):
    demo = start("--stores", "1").until("data_gen.cli stream")
    demo.running(part)[0].kill()
    code, _, error = demo.end()
    assert code == 1
    assert error.startswith("retail-anomaly: the demo failed: ")
    assert error.count("\n") == 1
    assert demo.left() == []


def test_keep_keeps_state_and_logs(start):
    demo = start("--keep").until("streamer.cli run").send(signal.SIGINT)
    _, out, _ = demo.end()
    (folder,) = demo.left()
    assert f"State and logs are kept in {folder}" in out
    assert isinstance(folder, Path)
    assert (folder / "retail-streamer-run.log").exists()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--stores", "0"), 2, "--stores"),
        (("--seconds", "x"), 2, "--seconds"),
        (("--broker", "127.0.0.1:1"), 1, "127.0.0.1:1"),
    ],
)
def test_an_error_is_one_line(start, options, code, words):
    demo = start(*options)
    returned, _, error = demo.end()
    assert returned == code
    assert words in error
    assert error.count("\n") == 1
    assert demo.left() == []


def test_on_a_real_kafka_that_was_used_before(start, clean_kafka):
    for seed in ("1", "1"):
        code, out, error = start(
            "--broker", clean_kafka.broker, "--stores", "1", "--seed", seed, "--seconds", "4"
        ).end()
        assert (code, error) == (0, ""), out
