"""The demo's parts: what counts as a failure, what it shows, and that its processes end."""

import io
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from retail_anomaly.cli.demo.outcome import DemoOutcome, moved_aside, replay_command
from retail_anomaly.cli.demo.processes import Process, ProcessError, Processes
from retail_anomaly.cli.demo.screen import Screen
from retail_anomaly.cli.demo.simulated_day import counts_of, last_report
from retail_anomaly.core.alerts import Alert
from retail_anomaly.evaluate import incidents_frame
from retail_anomaly.replay.interrupts import Interrupts

TIME = 1_760_000_000_000
ENDLESS = ("--stores", "100", "--days", "3650", "--out")
ALERT = Alert(
    *("a1", 1, "SHRINKAGE", "inventory_shrinkage", "store-1", "m-1", 0.8, "8 pieces [b]of sku-1[/b]."),
    *(TIME, TIME, {"sku": "sku-1"}, "0"),
    detected_at=TIME,
)
INCIDENT = {
    "incidentId": "i-1",
    "scenario": "inventory_shrinkage",
    "storeId": "store-1",
    "start": TIME,
    "end": TIME,
    "sku": "sku-1",
}
GOOD = DemoOutcome(
    sent={"pos-events": 10},
    processed={"pos-events": 10},
    dead_letters=0,
    raised={"SHRINKAGE": 1},
    alerts=[ALERT],
    incidents=incidents_frame([INCIDENT]),
    seconds=1.0,
)


def test_nothing_lost_and_everything_found_is_a_success():
    assert GOOD.failures() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"processed": {"pos-events": 9}}, "10 events were sent to pos-events, 9 processed"),
        ({"processed": {"pos-events": 11}}, "10 events were sent to pos-events, 11 processed"),
        ({"processed": {}}, "10 events were sent to pos-events, 0 processed"),
        ({"sent": {}, "processed": {}}, "nothing was sent"),
        ({"dead_letters": 2}, "2 events could not be read"),
        ({"raised": {"SHRINKAGE": 2}}, "2 alerts SHRINKAGE were raised, 1 arrived"),
        ({"raised": {}}, "0 alerts SHRINKAGE were raised, 1 arrived"),
        (
            {"incidents": incidents_frame([INCIDENT, {**INCIDENT, "sku": "sku-2"}])},
            "1 incident not found: i-1",
        ),
        ({"incidents": incidents_frame([])}, "no incident was injected"),
    ],
)
def test_a_count_that_differs_fails(change, message):
    assert GOOD._replace(**change).failures() == [message]


def test_counts_of_the_generator_and_of_the_streamer(tmp_path):
    lines = ["pos-events: 4,302", "staff-shifts: 21", "5,110 events sent and acknowledged"]
    assert counts_of(lines)["pos-events"] == 4302
    assert counts_of(lines)["inventory-counts"] == 0
    log = tmp_path / "log"
    log.write_text('{"event": "stopped", "processed": {"pos-events": 1}}\nnot JSON\n{"event": "x"}\n')
    assert last_report("retail-streamer run", log)["processed"] == {"pos-events": 1}
    log.write_text("not JSON\n")
    with pytest.raises(ProcessError, match="without its final count"):
        last_report("retail-streamer run", log)


def test_alerts_are_lines_where_there_is_no_terminal():
    shown = io.StringIO()
    screen = Screen(Console(file=shown, width=80))
    with screen.alerts_live():
        screen.show(ALERT)
    assert shown.getvalue() == ("08:53:20 UTC  store-1  Shrinkage  risk 0.80  8 pieces [b]of sku-1[/b].\n")


def test_the_last_line_names_a_program_that_the_shell_finds(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    program, *_ = shlex.split(replay_command(tmp_path))
    assert subprocess.run([program, "--version"], check=True, capture_output=True).stdout
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert replay_command(tmp_path).startswith("retail-anomaly replay ")


def test_the_decisions_of_earlier_runs_are_kept(tmp_path):
    actions = tmp_path / "alerts.actions.jsonl"
    assert moved_aside(actions) is None
    for run in ("first", "second"):
        actions.write_text(run)
        moved_aside(actions)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "alerts.actions.1.jsonl": "first",
        "alerts.actions.2.jsonl": "second",
    }


def test_alerts_are_a_table_on_a_terminal():
    shown = io.StringIO()
    console = Console(file=shown, width=100, height=30, force_terminal=True, color_system=None)
    screen = Screen(console)
    with screen.alerts_live():
        screen.show(ALERT)
        screen.show(ALERT)
    assert "1 alert: 0 s" in shown.getvalue()
    assert "8 pieces [b]of sku-1[/b]." in shown.getvalue()


def test_the_screen_takes_its_colours_without_loading_plotly():
    code = "import sys, retail_anomaly.cli.demo.screen; sys.exit('plotly' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_process_that_fails_is_named_with_its_own_words(tmp_path):
    process = Process(["retail-datagen", "write", "--stores", "0", "--out", str(tmp_path)], tmp_path / "log")
    with pytest.raises(ProcessError, match=r"^retail-datagen write failed: .*--stores"):
        process.wait(30)
    with pytest.raises(ProcessError, match=r"^retail-datagen write ended: "):
        process.first_line(30)


def test_a_process_gives_its_lines(tmp_path):
    process = Process(["retail-datagen", "write", "--stores", "1", "--out", str(tmp_path)], tmp_path / "log")
    (line,) = process.wait(30)
    assert "6 incidents of 1 store" in line


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_processes_end_with_the_block_whatever_happens(tmp_path, error):
    started = []

    def run() -> None:
        with Processes(tmp_path, Interrupts()) as processes:
            started.append(processes.start("retail-datagen", "write", *ENDLESS, str(tmp_path / "out")))
            raise error

    with pytest.raises(error):
        run()
    assert started[0].code is not None


def test_waiting_has_an_end(tmp_path):
    with Processes(tmp_path, Interrupts()) as processes:
        process = processes.start("retail-datagen", "write", *ENDLESS, str(tmp_path / "out"))
        with pytest.raises(ProcessError, match="has not ended after 0 s"):
            process.wait(0.1)
        with pytest.raises(ProcessError, match="did not start within 0 s"):
            process.first_line(0.1)
