"""`retail-anomaly tune`: what it writes, what it says, what it refuses, and that it can be stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest
import yaml

from data_gen.records import SimulatedRecord
from data_gen.writers import LogWriter
from retail_anomaly.cli import main
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.settings import load
from tests.support.tuning import shops
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.long

STRICT = {
    "detectors": {
        **{name: {"enabled": False} for name in REGISTRY},
        "refund_burst": {"count": 9, "amount": 400, "window": "2m"},
    },
    "stores": {"0012": {"time_zone": "Europe/Berlin"}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("tune")
    events, incidents = shops()
    with (path / "events.jsonl").open("wb") as log:
        for event in events:
            LogWriter(log).write(SimulatedRecord.of(event))
    camel = {
        "incident_id": "incidentId",
        "store_id": "storeId",
        "employee_id": "employeeId",
        "transaction_ids": "transactionIds",
        "expected_loss": "expectedLoss",
    }
    truth = incidents.rename(columns=camel)
    truth[["start", "end"]] = truth[["start", "end"]].astype("int64")
    truth.to_json(path / "incidents.jsonl", orient="records", lines=True)
    (path / "base.yaml").write_text(yaml.safe_dump(STRICT), "utf-8")
    return path


def tune(folder, *options, log="events.jsonl", incidents="incidents.jsonl", output="tuned.yaml"):
    arguments = [str(folder / log), "--incidents", str(folder / incidents), "--output", str(folder / output)]
    return main(["tune", *arguments, *options])


def test_a_line_that_could_not_be_read_is_said_with_its_place(folder, capsys):
    (folder / "broken.jsonl").write_bytes((folder / "events.jsonl").read_bytes() + b"{\n")
    assert tune(folder, "--trials", "1", log="broken.jsonl", output="broken.yaml") in (0, 1)
    said = capsys.readouterr().out
    assert "Left out: 1 line of the log that could not be read; first " in said
    assert "broken.jsonl:" in said


def test_configuration_is_written_and_read_by_the_other_commands(folder, capsys, monkeypatch):
    # The file is to say all: what the environment says is for whoever runs it.
    monkeypatch.setenv("RETAIL__DETECTORS__REFUND_BURST__COUNT", "11")
    page = folder / "tuning.html"
    assert tune(folder, "--config", str(folder / "base.yaml"), "--html", str(page)) == 0
    shown = capsys.readouterr()
    assert re.search(r"Incidents found +0\.0 % +100\.0 % +0\.0 % +100\.0 %", shown.out)
    assert "beat those" in shown.out
    assert str(folder / "tuned.yaml") in shown.err
    monkeypatch.delenv("RETAIL__DETECTORS__REFUND_BURST__COUNT")
    tuned, base = (load(folder / name, environ={}).settings for name in ("tuned.yaml", "base.yaml"))
    assert tuned.detectors.refund_burst.count <= 3
    assert tuned.detectors.refund_without_sale == base.detectors.refund_without_sale
    assert tuned.stores == base.stores
    alerts = folder / "alerts.jsonl"
    assert main(["config", "check", str(folder / "tuned.yaml")]) == 0
    run = ["replay", str(folder / "events.jsonl"), "--config", str(folder / "tuned.yaml")]
    assert main([*run, "--output", str(alerts)]) == 0
    # One alert about each of the incidents, on the days tuned on and on the others.
    assert len(alerts.read_text("utf-8").splitlines()) == 10
    text = page.read_text("utf-8")
    assert "100.0 %" in text
    assert "<script src" not in text


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--budget", "0"], 2, "--budget: expected"),
        (["--budget", "0.1", "--trials", "1"], 1, "keeps the budget of 0.1"),
        (["--trials", "0"], 2, "--trials"),
        (["--objective", "fame"], 2, "--objective"),
        (["--budget", "nan"], 2, "--budget: expected"),
        (["--split", "2"], 2, "--split: expected"),
        (["--split", "nan"], 2, "--split: expected"),
        (["--detectors", "nobody"], 2, "unknown detector 'nobody'"),
        (["--config", "missing.yaml"], 2, "missing.yaml: cannot be read"),
        (["--html", "nowhere/page.html"], 1, "nowhere/page.html: No such file or directory"),
        (["--study", "nowhere/study"], 1, "nowhere/study: No such file or directory"),
        (["--html", "."], 1, ".: Is a directory"),
    ],
)
def test_what_is_asked_wrongly_is_one_line(options, code, said, folder, capsys):
    assert tune(folder, *options, output="unwritten.yaml") == code
    shown = capsys.readouterr()
    assert said in shown.err
    assert len(shown.err.splitlines()) == 1
    assert not (folder / "unwritten.yaml").exists()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"log": "missing.jsonl"}, "missing.jsonl: no such file or folder"),
        ({"incidents": "missing.jsonl"}, "missing.jsonl: No such file"),
        ({"incidents": "events.jsonl"}, "events.jsonl:1: incidentId: expected text"),
        ({"output": "incidents.jsonl"}, "would overwrite"),
        ({"output": "events.jsonl"}, "would overwrite"),
    ],
)
def test_files_that_will_not_do_are_one_line(files, said, folder, capsys):
    before = (folder / "incidents.jsonl").read_bytes()
    assert tune(folder, **files) in (1, 2)
    shown = capsys.readouterr()
    assert said in shown.err
    assert len(shown.err.splitlines()) == 1
    assert (folder / "incidents.jsonl").read_bytes() == before


def test_ctrl_c_keeps_the_study_and_the_same_command_goes_on_with_it(folder, capsys):
    study, config = folder / "tuning.study", str(folder / "base.yaml")
    output = folder / "later.yaml"
    command = [sys.executable, "-m", "retail_anomaly.cli", "tune", str(folder / "events.jsonl")]
    command += ["--incidents", str(folder / "incidents.jsonl"), "--output", str(output), "--config", config]
    command += ["--study", str(study), "--trials", "100000", "--jobs", "2"]
    # A session of its own, as in a terminal, whose signal reaches the process group of the command.
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and (not study.exists() or study.stat().st_size < 20_000):
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert process.returncode == 1
    assert (
        said == f"retail-anomaly: stopped; {study} keeps the trials, and the same command goes on with them\n"
    )
    assert not output.exists()
    deadline = time.monotonic() + PATIENCE_S
    while left := _alive_in_session(process.pid):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    assert tune(folder, "--config", config, "--study", str(study), "--trials", "1", output="later.yaml") == 0
    tried = int(re.search(r"(\d+) trials of each", capsys.readouterr().out)[1])  # type: ignore[index]
    assert 1 < tried < 100_000


def _alive_in_session(session: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def test_other_commands_do_not_load_what_tuning_needs():
    code = "import sys, retail_anomaly.cli; sys.exit(bool({'optuna', 'pandas', 'plotly'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
