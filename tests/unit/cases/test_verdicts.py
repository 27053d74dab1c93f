"""Verdicts as truth: for `evaluate` and `tune`, and for the check of allow entries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from retail_anomaly.cli import main
from retail_anomaly.core.codec import encode
from retail_anomaly.frames.verdicts import verdict_incidents
from tests.unit.cases.test_triage import DAY, T0, alert

ALERTS = [
    alert("a", evidence={"transactionIds": ["t-1", "t-2"], "amount": 90.0}),
    alert("b", 60_000, evidence={"transactionIds": ["t-3"]}),
    alert("c", 5 * DAY),
    alert("d", 9 * DAY, employee_id="c-2"),
]


def action(name: str, **fields: Any) -> dict[str, Any]:
    whole = {"actionId": name, "time": T0 + 10 * DAY, "by": "kim", "action": "verdict", "storeId": "store-1"}
    return whole | {"reason": "seen on video"} | fields


DECISIONS = [
    action("v1", alertId="a", verdict="confirmed"),
    action("v2", alertId="b", verdict="benign"),
    action("v3", alertId="c", verdict="training"),
]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "alerts.jsonl").write_bytes(b"".join(encode(each) + b"\n" for each in ALERTS))
    (tmp_path / "alerts.actions.jsonl").write_bytes(b"".join(encode(each) + b"\n" for each in DECISIONS))
    return tmp_path


def test_a_confirmed_case_is_an_incident_and_an_honest_one_a_distractor() -> None:
    found = verdict_incidents(ALERTS, DECISIONS)

    assert found[["transaction_ids", "expected_loss", "distractor"]].values.tolist() == [
        [["t-1", "t-2"], 90.0, False],
        [[], 0.0, True],
    ]


def test_evaluate_scores_alerts_against_verdicts(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alerts = str(files / "alerts.jsonl")

    code = main(["evaluate", "--alerts", alerts, "--verdicts", str(files / "alerts.actions.jsonl")])

    said = capsys.readouterr()
    assert code == 0
    assert "Incidents found" in said.out
    assert "what no alert showed is not among them" in said.err
    assert "1 of 4 alerts were not judged" in said.err


CLEAR = action("e", action="allow", scope={"type": "REFUND_BURST", "employeeId": "c-1"})
COMMANDS = {
    "evaluate": ["evaluate", "--alerts", "alerts.jsonl", "--verdicts", "alerts.actions.jsonl"],
    "tune": [
        *("tune", "log.jsonl", "--alerts", "alerts.jsonl", "--verdicts", "alerts.actions.jsonl"),
        *("--output", "new.yaml"),
    ],
    "calibrate": [
        *("calibrate", "--alerts", "alerts.jsonl", "--verdicts", "alerts.actions.jsonl"),
        *("--output", "new.yaml"),
    ],
    "export": ["verdict", "export", "cases.csv", "--alerts", "alerts.jsonl"],
    "import": ["verdict", "import", "cases.csv", "--alerts", "alerts.jsonl"],
    "allow": ["allow", "check", "alerts.actions.jsonl", "--alerts", "alerts.jsonl"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_that_reads_decisions_refuses_a_clear_id_where_there_are_pseudonyms(
    command: str, files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (files / "alerts.actions.jsonl").write_bytes(encode(CLEAR) + b"\n")
    (files / "keyed.yaml").write_text("privacy: {pseudonyms: keyed}\n")
    (files / "cases.csv").touch()
    (files / "log.jsonl").touch()
    monkeypatch.chdir(files)
    monkeypatch.delenv("RETAIL_PSEUDONYM_KEY", raising=False)

    code = main([*COMMANDS[command], "--config", "keyed.yaml"])

    said = capsys.readouterr()
    assert code != 0
    assert "scope.employeeId: expected a pseudonym" in said.err
    assert "c-1" not in said.err


def test_the_truth_is_one_of_two_files(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--alerts", str(files / "alerts.jsonl")]) == 2
    assert "--incidents or --verdicts, one of them" in capsys.readouterr().err


def test_verdicts_about_other_alerts_are_no_truth(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    others = files / "others.jsonl"
    others.write_bytes(encode(action("v", alertId="x", verdict="benign")) + b"\n")

    assert main(["evaluate", "--alerts", str(files / "alerts.jsonl"), "--verdicts", str(others)]) == 2
    assert "judges no alert" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("employee", "code", "said"),
    [("c-1", 1, "e: hides the confirmed alert a"), ("c-2", 0, "e: hides no confirmed alert")],
)
def test_an_allow_entry_may_hide_no_confirmed_alert(
    files: Path, capsys: pytest.CaptureFixture[str], employee: str, code: int, said: str
) -> None:
    entries = files / "entries.jsonl"
    scope = {"type": "REFUND_BURST", "employeeId": employee}
    entries.write_bytes(encode(action("e", action="allow", scope=scope)) + b"\n")

    assert main(["allow", "check", str(entries), "--alerts", str(files / "alerts.jsonl")]) == code
    assert capsys.readouterr().out.startswith(said)


@pytest.mark.parametrize(
    ("entry", "code", "said"),
    [
        (
            action("e", action="allow", scope={"type": "X", "sku": "k"}, storeId="store-9"),
            0,
            "its store has no alert in",
        ),
        (
            action("v", alertId="a", verdict="benign"),
            2,
            "entries.jsonl:1: action: v: expected a snooze or an",
        ),
        (None, 0, "entries.jsonl has no entries"),
    ],
)
def test_an_entry_that_cannot_be_checked_is_said(
    files: Path, capsys: pytest.CaptureFixture[str], entry: dict[str, Any] | None, code: int, said: str
) -> None:
    entries = files / "entries.jsonl"
    entries.write_bytes(b"" if entry is None else encode(entry) + b"\n")
    (files / "alerts.actions.jsonl").unlink()

    assert main(["allow", "check", str(entries), "--alerts", str(files / "alerts.jsonl")]) == code

    shown = capsys.readouterr()
    assert said in shown.out + shown.err
    assert "report" not in shown.err
