"""Cases through a spreadsheet and back."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly.cli import main
from retail_anomaly.core.codec import encode
from tests.unit.cases.test_triage import HOUR, alert

FORMULA = "=HYPERLINK(1)"


@pytest.fixture
def alerts(tmp_path: Path) -> Path:
    path = tmp_path / "alerts.jsonl"
    three = alert("a"), alert("b", HOUR, type="SHRINKAGE"), alert("c", employee_id=FORMULA)
    path.write_bytes(b"".join(encode(each) + b"\n" for each in three))
    return path


def read(sheet: Path) -> pd.DataFrame:
    reader = pd.read_csv if sheet.suffix == ".csv" else pd.read_excel
    frame: pd.DataFrame = reader(sheet, dtype=str, keep_default_na=False)
    return frame


def fill(sheet: Path, verdict: str, reason: str) -> None:
    frame = read(sheet)
    frame.loc[0, ["verdict", "reason"]] = verdict, reason
    frame.to_csv(sheet, index=False) if sheet.suffix == ".csv" else frame.to_excel(sheet, index=False)


@pytest.mark.parametrize("form", [".csv", ".xlsx"])
def test_a_verdict_in_a_sheet_counts_once_however_often_it_is_imported(
    alerts: Path, form: str, tmp_path: Path
) -> None:
    sheet, options = tmp_path / f"cases{form}", ["--alerts", str(alerts)]
    assert main(["verdict", "export", str(sheet), *options]) == 0
    fill(sheet, "Confirmed", "seen on video")

    for _ in range(2):
        assert main(["verdict", "import", str(sheet), *options, "--as", "kim"]) == 0

    book = ra.triage(alerts, alerts.with_suffix(".actions.jsonl"))
    assert [(case.state, len(case.actions)) for case in book.cases] == [("closed", 1), ("open", 0)]
    assert {each.verdict for each in book.cases[0].alerts} == {"confirmed"}


@pytest.mark.parametrize("form", [".csv", ".xlsx"])
def test_an_id_is_no_formula(alerts: Path, form: str, tmp_path: Path) -> None:
    sheet = tmp_path / f"cases{form}"

    assert main(["verdict", "export", str(sheet), "--alerts", str(alerts)]) == 0

    assert f"'{FORMULA}" in set(read(sheet)["subject"])


@pytest.mark.parametrize("form", [".csv", ".xlsx"])
@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("\n=1+1", "' =1+1"),
        (" =1+1", "' =1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("bell\x07", "bell\ufffd"),
        ("c\u202e1", "c\ufffd1"),
        ("x" * 40_000, "x" * 32_766 + "\u2026"),
    ],
    ids=["line", "blank", "wide", "control", "turned", "long"],
)
def test_hostile_text_does_nothing_in_a_sheet(tmp_path: Path, form: str, subject: str, shown: str) -> None:
    log, sheet = tmp_path / "alerts.jsonl", tmp_path / f"cases{form}"
    log.write_bytes(encode(alert("a", employee_id=subject)) + b"\n")

    assert main(["verdict", "export", str(sheet), "--alerts", str(log)]) == 0

    assert set(read(sheet)["subject"]) == {shown}


@pytest.mark.parametrize(
    ("verdict", "reason", "said"),
    [("guilty", "x", "row 2: verdict: expected one of confirmed"), ("benign", "", "row 2: reason: expected")],
)
def test_a_wrong_row_is_named_and_changes_nothing(
    alerts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], verdict: str, reason: str, said: str
) -> None:
    sheet = tmp_path / "cases.csv"
    main(["verdict", "export", str(sheet), "--alerts", str(alerts)])
    fill(sheet, verdict, reason)

    assert main(["verdict", "import", str(sheet), "--alerts", str(alerts)]) == 2

    assert said in capsys.readouterr().err
    assert not alerts.with_suffix(".actions.jsonl").exists()


def test_a_verdict_that_is_changed_back_is_a_new_one(alerts: Path, tmp_path: Path) -> None:
    sheet, options = tmp_path / "cases.csv", ["--alerts", str(alerts)]
    main(["verdict", "export", str(sheet), *options])

    for verdict in ("confirmed", "benign", "confirmed", "confirmed"):
        fill(sheet, verdict, "seen on video")
        assert main(["verdict", "import", str(sheet), *options, "--as", "kim"]) == 0

    case = ra.triage(alerts, alerts.with_suffix(".actions.jsonl")).cases[0]
    assert [each.verdict for each in case.actions] == ["confirmed", "benign", "confirmed"]
    assert {each.verdict for each in case.alerts} == {"confirmed"}


@pytest.mark.parametrize("form", [".csv", ".xlsx"])
def test_an_alert_that_came_after_the_export_waits(alerts: Path, tmp_path: Path, form: str) -> None:
    sheet, options = tmp_path / f"cases{form}", ["--alerts", str(alerts)]
    main(["verdict", "export", str(sheet), *options])
    fill(sheet, "benign", "seen on video")
    with alerts.open("ab") as file:
        file.write(encode(alert("later", HOUR + 1)) + b"\n")

    for _ in range(2):
        assert main(["verdict", "import", str(sheet), *options, "--as", "kim"]) == 0

    case = ra.triage(alerts, alerts.with_suffix(".actions.jsonl")).cases[0]
    assert (case.state, len(case.actions)) == ("open", 1)
    assert [(each.alert_id, each.verdict) for each in case.alerts] == [
        ("a", "benign"),
        ("b", "benign"),
        ("later", None),
    ]


def test_a_sheet_older_than_a_decision_and_an_alert_is_exported_again(
    alerts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, options = tmp_path / "old.csv", tmp_path / "new.csv", ["--alerts", str(alerts)]
    main(["verdict", "export", str(old), *options])
    fill(old, "benign", "seen on video")
    with alerts.open("ab") as file:
        file.write(encode(alert("later", 2 * HOUR)) + b"\n")
    main(["verdict", "export", str(new), *options])
    fill(new, "confirmed", "seen on video")
    assert main(["verdict", "import", str(new), *options, "--as", "alex"]) == 0

    assert main(["verdict", "import", str(old), *options, "--as", "kim"]) == 2
    assert "has newer alerts and a newer decision: export it again" in capsys.readouterr().err


def test_a_time_that_the_spreadsheet_changed_is_named(
    alerts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet, case = tmp_path / "cases.csv", ra.triage(alerts).cases[0].case_id
    sheet.write_text(f"case_id,verdict,reason,newest_at\n{case},benign,x,30/11/26\n")

    assert main(["verdict", "import", str(sheet), "--alerts", str(alerts)]) == 2
    assert "row 2: newest_at: expected a time as exported, got '30/11/26'" in capsys.readouterr().err


def test_two_verdicts_on_one_case_are_named(
    alerts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet, case = tmp_path / "cases.csv", ra.triage(alerts).cases[0].case_id
    sheet.write_text(f"case_id,verdict,reason\n{case},benign,x\n{case},confirmed,x\n")

    assert main(["verdict", "import", str(sheet), "--alerts", str(alerts)]) == 2
    assert f"row 3: case {case} has another verdict or reason in row 2" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_sheet_is_read_as_a_spreadsheet_saves_it(
    alerts: Path, tmp_path: Path, encoding: str, separator: str
) -> None:
    sheet, case = tmp_path / "cases.csv", ra.triage(alerts).cases[0].case_id
    rows = [("case_id", "verdict", "reason"), (case, "benign", "Prüfung: Regal geräumt")]
    sheet.write_bytes("\r\n".join(separator.join(row) for row in rows).encode(encoding))

    assert main(["verdict", "import", str(sheet), "--alerts", str(alerts)]) == 0

    (taken,) = ra.triage(alerts, alerts.with_suffix(".actions.jsonl")).cases[0].actions
    assert taken.reason == "Prüfung: Regal geräumt"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cases.csv", b"case_id;verdict;reason\n\n;;\nx;benign;y\n", "row 4: case_id: 'x' is no case"),
        ("cases.csv", b'case_id,verdict,reason\nx,,"a\nb"\nx,benign,y\n', "row 3: case_id: 'x' is no case"),
        ("cases.csv", b"case_id,verdict,reason\nx,benign,y,z\n", "line 2: expected 3 cells, got 4"),
        ("cases.csv", b"", "can't be read as CSV"),
        ("cases.xlsx", b"PK\x03\x04 cut off", "can't be read as Excel"),
    ],
)
def test_a_sheet_that_is_wrong_is_one_line(
    alerts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, said: str
) -> None:
    sheet = tmp_path / name
    sheet.write_bytes(content)

    assert main(["verdict", "import", str(sheet), "--alerts", str(alerts)]) in (1, 2)

    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
