"""The command `retail-anomaly`: what it prints where, and its exit codes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest

from retail_anomaly.cli import main

TIME = 1_760_000_000_000
REFUND = {"transactionId": "t", "storeId": "s", "cashierId": "c", "sku": "k", "amount": 20.0,
          "eventType": "REFUND", "eventTime": TIME}  # fmt: skip


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"topic": "pos-events", "value": REFUND}) + "\n")
    return path


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def add(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


def fails(capsys, code, *arguments):
    assert main([str(argument) for argument in arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("retail-anomaly: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_alerts_go_to_standard_output_and_nothing_else_does(log, capsys):
    assert main(["replay", str(log)]) == 0
    captured = capsys.readouterr()
    (alert,) = map(json.loads, captured.out.splitlines())
    assert (alert["type"], alert["employeeId"], alert["revision"]) == ("REFUND_WITHOUT_SALE", "c", 1)
    assert alert["detectedAt"] > TIME
    assert re.search(r"^1 event of 1 store in [\d.]+ s \([\d,]+ a second\): 1 alert$", captured.err, re.M)
    assert "1 REFUND_WITHOUT_SALE" in captured.err


def test_a_revision_counts_as_the_same_alert(log, capsys):
    for number in range(1, 6):
        refund = {**REFUND, "transactionId": f"t{number}", "amount": 150.0, "eventTime": TIME + number}
        add(log, json.dumps({"topic": "pos-events", "value": refund}) + "\n")
    assert main(["replay", str(log), "--detectors", "refund_burst"]) == 0
    captured = capsys.readouterr()
    assert [json.loads(line)["revision"] for line in captured.out.splitlines()][:2] == [1, 2]
    assert ": 1 alert (1 revised)\n" in captured.err
    assert "  1 REFUND_BURST" in captured.err


def test_refunds_that_could_not_be_judged_are_in_the_summary_by_reason(log, capsys):
    for number in range(1, 4):
        elsewhere = {"originalStoreId": "other"} if number == 3 else {}
        refund = REFUND | {"transactionId": f"t{number}", "originalTransactionId": f"o{number}"} | elsewhere
        add(log, json.dumps({"topic": "pos-events", "value": refund}) + "\n")
    assert main(["replay", str(log), "--detectors", "refund_match"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert (
        "4 refunds that refund_match could not judge: 3 because the receipt may be older than the log" in said
    )
    assert "1 because the receipt is one of another store" in said


def test_alerts_go_to_a_file(log, capsys, tmp_path):
    assert main(["replay", str(log), "--output", "alerts.jsonl"]) == 0
    assert capsys.readouterr().out == ""
    assert json.loads((tmp_path / "alerts.jsonl").read_text())["storeId"] == "s"


def test_bad_lines_are_named_and_kept_and_fail_only_if_strict(log, capsys, tmp_path):
    add(log, '{\n{"topic": "pos-events", "value": {}}\n')
    assert main(["replay", str(log), "--dead-letters", "dead.jsonl"]) == 0
    captured = capsys.readouterr()
    assert f"{log}:2: line: expected JSON" in captured.err
    assert f"{log}:3: transactionId: expected a value" in captured.err
    assert "2 lines could not be read" in captured.err
    assert len(captured.out.splitlines()) == 1
    letters = [json.loads(line) for line in (tmp_path / "dead.jsonl").read_text().splitlines()]
    assert [letter["offset"] for letter in letters] == [2, 3]
    assert main(["replay", str(log), "--strict"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 1
    add(log, "x\n" * 50)
    assert main(["replay", str(log)]) == 0
    assert capsys.readouterr().err.count("log.jsonl:") == 10


def test_configuration_reaches_the_detectors(log, capsys, monkeypatch, tmp_path):
    (tmp_path / "config.yaml").write_text("detectors: {refund_without_sale: {match_grace: 5m}}")
    assert main(["replay", str(log), "--config", "config.yaml"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "1 decision still waiting for time to pass beyond the end of the log\n" in captured.err
    monkeypatch.setenv("RETAIL__DETECTORS__REFUND_WITHOUT_SALE__ENABLED", "false")
    assert main(["replay", str(log)]) == 0
    assert capsys.readouterr().out == ""
    assert main(["replay", str(log), "--detectors", "refund_burst, refund_without_sale"]) == 0
    assert "REFUND_WITHOUT_SALE" in capsys.readouterr().out


def test_foreign_tables(capsys, tmp_path):
    frame = pd.DataFrame([REFUND]).rename(columns={"cashierId": "clerk"}).drop(columns="storeId")
    frame.to_parquet(tmp_path / "tills.parquet")
    frame.to_csv(tmp_path / "tills.csv", index=False)
    for name in ("tills.parquet", "tills.csv"):
        assert main(["replay", name, "--columns", "cashierId=clerk:nobody,storeId=:web"]) == 0
        assert json.loads(capsys.readouterr().out)["storeId"] == "web"
    assert "no column for storeId, cashierId: name the column with storeId=COLUMN" in fails(
        capsys, 1, "replay", "tills.csv"
    )


def test_usage_errors_exit_with_2_and_failures_with_1(log, capsys, tmp_path):
    (tmp_path / "bad.yaml").write_text("detectors: {refund_burst: {count: 0}}")
    assert "no such file" in fails(capsys, 1, "replay", "no.jsonl")
    assert "bad.yaml:1: detectors.refund_burst.count: expected" in fails(
        capsys, 2, "replay", log, "--config", "bad.yaml"
    )
    assert "cannot be read" in fails(capsys, 2, "replay", log, "--config", "no.yaml")
    assert "unknown detector 'x'" in fails(capsys, 2, "replay", log, "--detectors", "x")
    assert "unknown field 'x'" in fails(capsys, 2, "replay", log, "--columns", "x=y")
    assert "--topic is one of" in fails(capsys, 2, "replay", log, "--topic", "x")
    assert "No such option" in fails(capsys, 2, "replay", log, "--nonsense")
    assert "Missing argument" in fails(capsys, 2, "replay")
    assert "No such file or directory" in fails(capsys, 1, "replay", log, "--output", "no/alerts.jsonl")


@pytest.mark.parametrize(
    "arguments",
    [
        "replay log.jsonl --output log.jsonl",
        "replay log.jsonl --dead-letters log.jsonl",
        "replay folder --output folder/pos-events.jsonl",
        "replay log.jsonl --config config.yaml --output config.yaml",
        "replay log.jsonl --output new.jsonl --dead-letters new.jsonl",
        "report --alerts alerts.jsonl --output alerts.jsonl",
        "report --alerts alerts.jsonl --incidents incidents.jsonl --output incidents.jsonl",
        "report --alerts alerts.jsonl --events log.jsonl --output log.jsonl",
        "report --alerts alerts.jsonl --config config.yaml --output config.yaml",
        "evaluate --alerts alerts.jsonl --incidents incidents.jsonl --html alerts.jsonl",
        "evaluate --alerts alerts.jsonl --incidents card.json --output card.json",
        "evaluate --alerts alerts.jsonl --incidents incidents.jsonl --events log.jsonl --html log.jsonl",
        "evaluate --alerts alerts.jsonl --incidents incidents.jsonl --config config.yaml --html config.yaml",
        "tune log.jsonl --incidents incidents.jsonl --output log.jsonl",
        "tune log.jsonl --incidents incidents.jsonl --output incidents.jsonl",
        "tune log.jsonl --incidents incidents.jsonl --output new.yaml "
        "--config config.yaml --html config.yaml",
        "tune log.jsonl --incidents incidents.jsonl --output study --study study",
        "tune log.jsonl --incidents incidents.jsonl --output new.yaml --study new.yaml",
        "tune log.jsonl --incidents incidents.jsonl --output new.yaml --study log.jsonl",
        "replay log.jsonl --output study --dead-letters hardlink-of-study",
    ],
)
def test_no_command_overwrites_a_file_that_it_reads_or_writes_one_twice(arguments, log, capsys, tmp_path):
    for name in ("alerts.jsonl", "incidents.jsonl", "config.yaml", "card.json", "study"):
        (tmp_path / name).write_text("{}\n")
    (tmp_path / "hardlink-of-study").hardlink_to(tmp_path / "study")
    (tmp_path / "folder").mkdir()
    shutil.copy(log, tmp_path / "folder" / "pos-events.jsonl")
    before = contents(tmp_path)
    fails(capsys, 2, *arguments.split())
    assert contents(tmp_path) == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_config_show(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("RETAIL__DETECTORS__REFUND_BURST__WINDOW", "PT5M")
    (tmp_path / "c.yaml").write_text("streamer:\n  rekey: yes\n")
    assert main(["config", "show", "--config", "c.yaml"]) == 0
    rows = {key: rest for key, *rest in (line.split("\t") for line in capsys.readouterr().out.splitlines())}
    assert rows["detectors.refund_burst.window"] == [
        "5m",
        "environment RETAIL__DETECTORS__REFUND_BURST__WINDOW",
    ]
    assert rows["streamer.rekey"] == ["true", "file c.yaml:2"]
    assert rows["detectors.refund_burst.count"] == ["3", "default"]


def test_the_packaged_configuration_can_be_copied_and_checked(capsys, tmp_path):
    assert main(["config", "show", "--defaults"]) == 0
    text = capsys.readouterr().out
    assert text == files("retail_anomaly.settings").joinpath("config.yaml").read_text("utf-8")
    (tmp_path / "mine.yaml").write_text(text)
    assert main(["config", "check", "mine.yaml"]) == 0
    assert capsys.readouterr().out == "mine.yaml: all right\n"
    (tmp_path / "mine.yaml").write_text(text.replace("threshold", "treshold"))
    assert "did you mean threshold?" in fails(capsys, 2, "config", "check", "mine.yaml")


def test_config_schema(capsys):
    assert main(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    "command",
    [
        *(["demo"], ["replay"], ["report"], ["evaluate"], ["tune"], ["notebook"]),
        *(["config", "show"], ["config", "schema"], ["config", "check"]),
    ],
)
def test_help_has_an_example(command, capsys):
    assert main([*command, "--help"]) == 0
    assert f"Example: retail-anomaly {' '.join(command)}" in capsys.readouterr().out


def run(*arguments, **how):
    return subprocess.run(
        [sys.executable, "-m", "retail_anomaly.cli", *arguments],
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[2],
        **how,
    )


def test_standard_input(log):
    done = run("replay", "-", input=log.read_bytes())
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)


@pytest.mark.parametrize("arguments", ["--version", "config show"])
def test_a_closed_standard_output_is_one_line(arguments):
    command = f'"{sys.executable}" -m retail_anomaly.cli {arguments} >&-'
    done = subprocess.run(
        ["sh", "-c", command], stderr=-1, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert (done.returncode, done.stderr) == (1, "retail-anomaly: standard output is closed\n")


def test_a_reader_that_stops_early_gets_no_traceback(log):
    line = log.read_text()
    log.write_text("".join(line.replace('"t"', f'"t{n}"') for n in range(3_000)))
    command = f'"{sys.executable}" -m retail_anomaly.cli replay "{log}" | head -n 1'
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert len(done.stdout.splitlines()) == 1
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


def test_looking_at_the_configuration_imports_nothing_slow():
    code = (
        "import sys; from retail_anomaly.cli import main; main(['config', 'schema']);"
        "slow = {'pandas', 'pyarrow', 'plotly', 'quixstreams'} & set(sys.modules); sys.exit(bool(slow))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 0


@pytest.mark.parametrize(
    "command",
    [
        ["explain", "t1"],
        ["profile", "--store", "s", "--output", "page.html"],
        ["convert", "--out", "events"],
        ["report", "--alerts", "alerts.jsonl", "--output", "page.html", "--events"],
    ],
)
def test_every_command_says_what_it_could_not_read(command, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("openpyxl")
    row = {"transactionId": "t1", "storeId": "s", "cashierId": "c", "sku": "k", "amount": 9.0,
           "eventType": "SALE", "eventTime": "2025-10-09 10:00"}  # fmt: skip
    with pd.ExcelWriter("sales.xlsx") as book:
        pd.DataFrame([row, {**row, "storeId": None}]).to_excel(book, sheet_name="May", index=False)
        pd.DataFrame([row]).to_excel(book, sheet_name="June", index=False)
    Path("alerts.jsonl").touch()
    assert main([*command, "sales.xlsx"]) == 0
    said = capsys.readouterr().err
    assert "the first of 2 sheets, May, was read" in said
    assert "1 line could not be read" in said
    assert "row 3: storeId" in said
