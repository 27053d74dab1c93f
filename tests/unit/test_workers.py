"""Processes that work for another one, and the programs that may start them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.detectors import register, unregister
from retail_anomaly.sources import SourceError
from retail_anomaly.workers import WorkerError, Workers, detectors_are_importable, echo
from tests.support import works
from tests.support.tuning import shop_events
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.long


def wait_until(condition, seconds=PATIENCE_S):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.fixture
def importable():
    register(works.Importable, works.Importable.Parameters(count=2))
    yield
    unregister("importable")


# --- Work and results -------------------------------------------------------------------------


def test_every_process_answers_every_request_in_the_order_of_the_arguments():
    with Workers(echo, [("a",), ("b",)]) as workers:
        assert [workers.ask(number) for number in range(3)] == [[("a", n), ("b", n)] for n in range(3)]


def test_results_come_from_all_until_the_last_is_done_and_prints_are_none():
    with Workers(works.print_and_count, [(3,), (0,), (5,)]) as workers:
        results = list(workers.results())
    assert [n for place, n in results if place == 0] == list(range(3))
    assert [n for place, n in results if place == 2] == list(range(5))
    assert len(results) == 8


def test_a_registered_detector_is_registered_in_the_workers_with_its_parameters(importable):
    assert detectors_are_importable()
    with Workers(works.detectors, [()]) as workers:
        assert workers.one_each() == [{"importable": works.Importable.Parameters(count=2)}]


def test_a_request_larger_than_a_pipe_arrives():
    with Workers(echo, [("a",)]) as workers:
        assert workers.ask(b"x" * 10_000_000) == [("a", b"x" * 10_000_000)]


# --- Faults -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "kind", "said"),
    [
        ("expected", SourceError, r"^x.jsonl: gone$"),
        ("unexpected", ZeroDivisionError, r"^by zero"),
        ("unpicklable", WorkerError, r"^Unpicklable: two arguments$"),
        (
            "killed",
            WorkerError,
            r"^worker 1 of 1 was ended from outside \(Killed\), perhaps because memory ran out",
        ),
        ("killed in a message", WorkerError, r"^worker 1 of 1 was ended from outside"),
        ("exits", WorkerError, r"^worker 1 of 1 ended with exit code 3 before its work was done$"),
    ],
)
@pytest.mark.parametrize(
    "read", [Workers.one_each, lambda workers: list(workers.results())], ids=["each", "all"]
)
def test_a_failure_of_the_work_is_one_error_here(how, kind, said, read):
    with Workers(works.fail, [(how,)]) as workers, pytest.raises(kind, match=said) as raised:
        read(workers)
    assert "\n" not in str(raised.value)


def test_an_unexpected_error_brings_its_traceback():
    with Workers(works.fail, [("unexpected",)]) as workers, pytest.raises(ZeroDivisionError) as raised:
        workers.one_each()
    assert "works.py" in raised.value.__notes__[0]


def test_nothing_runs_on_after_the_block_whatever_ended_it():
    pids = []

    def interrupted():
        with Workers(works.wait_for_ever, [(), ()]) as workers:
            pids.extend(workers.one_each())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(pids) == 2
    assert all(map(is_gone, pids))


def test_a_worker_ends_by_itself_when_the_process_that_asks_is_killed():
    code = """
from retail_anomaly.workers import Workers, echo
with Workers(echo, [("a",), ("b",)]) as workers:
    workers.ask(0)
    print("ready", flush=True)
    input()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 2
        process.send_signal(signal.SIGKILL)
    wait_until(lambda: all(is_gone(int(pid)) for pid in children))


@pytest.mark.parametrize("entry", ["rules", ""])
def test_a_detector_is_found_after_a_change_of_folder(entry, tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "own.py").write_text("import retail_anomaly as ra\nclass Own(ra.detectors.RefundBurst):\n"
                                  "    name = 'own'\n    alert_type = 'OWN'\n")  # fmt: skip
    program = f"""
import os, sys
sys.path.insert(0, {entry!r})
import own, retail_anomaly as ra
from retail_anomaly.workers import Workers
from tests.support import works
ra.register(own.Own)
os.chdir("/")
with Workers(works.detectors, [()]) as workers:
    print([list(found) for found in workers.one_each()])
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=rules if entry == "" else tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert (ended.stdout, ended.stderr) == ("[['own']]\n", "")


def test_a_detector_that_a_worker_cannot_import_is_one_line(monkeypatch):
    module = ModuleType("made_up")
    kind = type(
        "MadeUp", (works.Importable,), {"__module__": "made_up", "name": "made_up", "alert_type": "M"}
    )
    vars(module)["MadeUp"] = kind
    monkeypatch.setitem(sys.modules, "made_up", module)
    register(kind, works.Importable.Parameters())
    try:
        with (
            Workers(works.detectors, [()]) as workers,
            pytest.raises(
                WorkerError, match=r"can't import a registered detector \(No module named 'made_up'"
            ),
        ):
            workers.one_each()
    finally:
        unregister("made_up")


# --- Programs that tune and replay in two processes -------------------------------------------
# None of them guards against being run again in a process that it starts.

PROGRAM = """
import sys
import retail_anomaly as ra
from retail_anomaly.tune import tune
started = []
def listen(event, arguments):
    if event == "subprocess.Popen" and "retail_anomaly.workers" in str(arguments):
        started.append(event)
sys.addaudithook(listen)
{detector}
log, incidents = "events.jsonl", ra.read_incidents("incidents.jsonl")
def outcome(jobs):
    alerts = ra.replay(log, jobs=jobs, progress=False).alerts.drop(columns="detected_at")
    tuning = tune(log, incidents, trials=1, budget=5.0, detectors={tuned}, jobs=jobs, progress=False)
    return alerts.to_csv() + tuning.trials.to_csv() + tuning.config
one = outcome(1)
assert not started
assert outcome(2) == one
print("equal", len(started), "TWICE" in one, "twice" in one)
"""
OWN = """
class Twice(ra.detectors.RefundBurst):
    name = "twice"
    alert_type = "TWICE"
ra.register(Twice, Twice.Parameters(count=2))
"""
OWN_MODULE = "from my_detectors import Twice"
PROGRAMS = {
    "packaged detectors": ("", ["refund_burst"], "equal 4 False False"),
    # Another process can't have a class of the program itself, so one process does the work.
    "a detector of the program": (OWN, ["refund_burst", "twice"], "equal 0 True True"),
    "a detector of a module": (OWN_MODULE, ["refund_burst", "twice"], "equal 4 True True"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working directory with a log, its incidents and a module with a detector."""
    events, truth = shop_events()
    (tmp_path / "events.jsonl").write_bytes(
        b"".join(b'{"topic":"%b","value":%b}\n' % (topic_of(e).encode(), encode(e)) for e in events)
    )
    (tmp_path / "incidents.jsonl").write_text("\n".join(map(json.dumps, truth)))
    (tmp_path / "my_detectors.py").write_text(f"import retail_anomaly as ra\n{OWN}")
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("program", "how"),
    [
        ("packaged detectors", "script"),
        ("packaged detectors", "standard input"),
        ("a detector of the program", "script"),
        ("a detector of a module", "standard input"),
    ],
)
def test_a_program_without_a_guard_gets_from_two_processes_the_outcome_of_one(program, how, folder):
    detector, tuned, said = PROGRAMS[program]
    code = PROGRAM.format(detector=detector, tuned=tuned)
    (folder / "program.py").write_text(code)
    command = [sys.executable, "-W", "ignore", *(["program.py"] if how == "script" else ["-"])]
    ended = subprocess.run(command, input=code, capture_output=True, text=True, check=False, cwd=folder)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [said]
