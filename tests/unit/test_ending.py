"""A signal ends a command: by its handler, or by force where a library keeps the handler from running."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.first_process import FirstProcess, can_be_first
from tests.support.waiting import PATIENCE_S


def _ran(script: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    return done.returncode, done.stderr


def test_a_handler_that_does_not_end_the_process_is_followed_by_force() -> None:
    script = """
import signal, threading
from retail_anomaly.cli import ending
ending.WITHIN_SECONDS = 0.1
with ending.handled(lambda *_: None, "SIGTERM"):
    signal.raise_signal(signal.SIGTERM)
    threading.Event().wait(60)
"""
    assert _ran(script) == (128 + 15, "ended 0.1 s after SIGTERM, in the midst of its work\n")


def test_a_block_that_is_done_has_nothing_to_fear() -> None:
    script = """
import signal, time
from retail_anomaly.cli import ending
ending.WITHIN_SECONDS = 0.1
with ending.handled(lambda *_: None, "SIGTERM"):
    signal.raise_signal(signal.SIGTERM)
time.sleep(0.5)
"""
    assert _ran(script) == (0, "")


def test_a_signal_of_a_forked_child_is_not_its_parents() -> None:
    script = """
import os, signal, time
from retail_anomaly.cli import ending
ending.WITHIN_SECONDS = 0.1
with ending.handled(lambda *_: None, "SIGTERM"):
    child = os.fork()
    if not child:
        signal.raise_signal(signal.SIGTERM)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    time.sleep(0.5)
"""
    assert _ran(script) == (0, "")


@pytest.mark.skipif(not can_be_first(), reason="this machine lets nobody make a process namespace")
def test_the_first_process_removes_its_half_a_file_and_ends(tmp_path) -> None:
    script = """
import sys, time
from pathlib import Path
from retail_anomaly.whole_file import whole_file
with whole_file(Path(sys.argv[1])) as out:
    print("writing", flush=True)
    time.sleep(60)
"""
    process = FirstProcess([sys.executable, "-c", script, str(tmp_path / "report.html")])
    try:
        process.wait_for_text("writing")
        assert process.end() == (128 + 15, "writing\n", "")
        assert not list(tmp_path.iterdir())
    finally:
        process.kill()


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_block_with_a_limit_is_ended_by_force_though_others_handle_the_signal(name: str, code: int) -> None:
    script = f"""
import signal, threading
from retail_anomaly.cli import ending
signal.signal(signal.{name}, lambda *_: None)
with ending.ended_within(0.1, "does the server answer?"):
    signal.raise_signal(signal.{name})
    threading.Event().wait(60)
"""
    said = f"ended 0.1 s after {name}, in the midst of its work: does the server answer?\n"
    assert _ran(script) == (code, said)


def test_a_signal_that_asks_for_no_end_does_not_end_a_block_with_a_limit() -> None:
    script = """
import signal, time
from retail_anomaly.cli import ending
signal.signal(signal.SIGCHLD, lambda *_: None)
with ending.ended_within(0.1):
    signal.raise_signal(signal.SIGCHLD)
    time.sleep(0.5)
"""
    assert _ran(script) == (0, "")


def test_a_block_with_a_limit_that_is_done_has_nothing_to_fear() -> None:
    script = """
import signal, time
from retail_anomaly.cli import ending
signal.signal(signal.SIGTERM, lambda *_: None)
with ending.ended_within(0.1):
    signal.raise_signal(signal.SIGTERM)
time.sleep(0.5)
"""
    assert _ran(script) == (0, "")
