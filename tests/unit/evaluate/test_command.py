"""The command `retail-anomaly evaluate`, and its page."""

from __future__ import annotations

import csv
import json
import re

import pytest

from retail_anomaly import plots
from retail_anomaly.cli import main
from retail_anomaly.core import codec
from retail_anomaly.evaluate import Activity, incidents_frame, scorecard
from retail_anomaly.report.scorecard_page import write_scorecard
from retail_anomaly.sources.bucket_writer import write_buckets
from tests.unit.evaluate.world import ALERTS, EVENTS, INCIDENTS, MINUTE, NOON, alerts, sale

HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write the small world as files and go there."""
    monkeypatch.chdir(tmp_path)
    truth = [
        {"incidentId": row["incident_id"], "scenario": row["scenario"], "storeId": row["store_id"],
         "employeeId": row["employee_id"] if isinstance(row["employee_id"], str) else None,
         "start": row["start"].value // 10**6, "end": row["end"].value // 10**6,
         "transactionIds": row["transaction_ids"], "expectedLoss": row["expected_loss"],
         "sku": row["sku"] if isinstance(row["sku"], str) else None, "distractor": row["distractor"]}
        for row in INCIDENTS.to_dict("records")
    ]  # fmt: skip
    (tmp_path / "incidents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in truth))
    (tmp_path / "alerts.jsonl").write_bytes(b"".join(codec.encode(alert) + b"\n" for alert in ALERTS))
    lines = [
        b'{"topic": "%b", "value": %b}\n' % (codec.topic_of(event).encode(), codec.encode(event))
        for event in EVENTS
    ]
    (tmp_path / "events.jsonl").write_bytes(b"".join(lines))
    return ["evaluate", "--alerts", "alerts.jsonl", "--incidents", "incidents.jsonl"]


def words(text: str) -> str:
    return re.sub(r" +", " ", text)


def test_an_executor_gives_the_scorecard_of_one_process(files, tmp_path, capsys):
    write_buckets(EVENTS, tmp_path / "history", 3)
    assert main([*files, "--events", "events.jsonl"]) == 0
    expected = capsys.readouterr().out
    assert main([*files, "--events", "history", "--executor", "local"]) == 0
    assert capsys.readouterr().out == expected
    assert main([*files, "--executor", "local"]) == 2
    assert "--executor goes with --events" in capsys.readouterr().err


def test_the_scorecard_is_printed(files, capsys):
    assert main([*files, "--events", "events.jsonl"]) == 0
    captured = capsys.readouterr()
    text = words(captured.out)
    for line in (
        "Incidents found 66.7 % 50.0 to 100.0 % 0.0 %",
        "Alerts per store-day 1.67 ",
        "Right, reading the top 1 a store-day 100.0 %",
        "Skimming 2 2 100.0 %",
        "Sweeping 1 0 0.0 %",
        "Rule 4 1.33",
        "Promotion 1 1 1",
    ):
        assert line in text
    assert captured.err == ""


def test_without_the_log_it_says_what_is_missing(files, capsys):
    assert main(files) == 0
    captured = capsys.readouterr()
    assert "Alerts per store-day - - " in words(captured.out)
    assert captured.err.count("Without the log") == 2


def test_a_store_s_time_zone_decides_its_days(files, tmp_path, capsys):
    # A minute before noon in UTC is one before midnight in Anadyr: store a has two days there.
    event = sale("a", NOON - MINUTE)
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(b'{"topic": "pos-events", "value": %b}\n' % codec.encode(event))
    (tmp_path / "zones.yaml").write_text("stores:\n  a: {time_zone: Asia/Anadyr}\n")
    for options, rate in (([], "1.67"), (["--config", "zones.yaml"], "1.25")):
        assert main([*files, "--events", "events.jsonl", *options]) == 0
        assert f"Alerts per store-day {rate} " in words(capsys.readouterr().out)


def test_the_figures_as_json_and_as_csv(files, tmp_path):
    for name in ("card.json", "card.csv"):
        assert main([*files, "--events", "events.jsonl", "--output", name]) == 0
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["overall"][0]["measure"] == "recall"
    assert card["overall"][0]["estimate"] == pytest.approx(2 / 3)
    assert card["distractors"] == [{"scenario": "promotion", "distractors": 1, "drew": 1, "alerts": 1}]
    with (tmp_path / "card.csv").open() as file:
        rows = {
            (row["row"], row["scenario"], row["measure"]): row["estimate"] for row in csv.DictReader(file)
        }
    assert float(rows["Alerts", "", "precision"]) == 0.6
    assert float(rows["Perfect", "sweeping", "recall"]) == 1
    assert rows["Null", "", "precision"] == ""


def test_bad_lines_of_the_log_are_counted(files, tmp_path, capsys):
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write("{\n")
    assert main([*files, "--events", "events.jsonl"]) == 0
    said = capsys.readouterr().err
    assert said.startswith("1 line could not be read; first events.jsonl:")


@pytest.mark.parametrize("option", ["--html", "--output"])
def test_a_file_that_cannot_be_written_is_said_before_any_result(files, option, capsys, tmp_path):
    (tmp_path / "folder.json").mkdir()
    assert main([*files, option, "nowhere/card.json"]) == 1
    assert capsys.readouterr() == ("", "retail-anomaly: nowhere/card.json: No such file or directory\n")
    assert main([*files, option, "folder.json"]) == 1
    assert capsys.readouterr() == ("", "retail-anomaly: folder.json: Is a directory\n")


@pytest.mark.parametrize(
    ("name", "content", "code", "said"),
    [
        ("alerts.jsonl", None, 1, "alerts.jsonl: No such file"),
        ("alerts.jsonl", "{}\n", 1, "alerts.jsonl:1: alertId: expected text, the field is missing"),
        (
            "incidents.jsonl",
            "\n{}\n",
            1,
            "incidents.jsonl:2: incidentId: expected text, the field is missing",
        ),
        ("events.jsonl", None, 1, "events.jsonl: no such file or folder"),
        ("zones.yaml", "store: 1\n", 2, "store"),
    ],
)
def test_what_goes_wrong_is_one_line(files, tmp_path, capsys, name, content, code, said):
    (tmp_path / "zones.yaml").write_text("{}\n")
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    assert main([*files, "--events", "events.jsonl", "--config", "zones.yaml"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("retail-anomaly: ")
    assert said in captured.err
    assert captured.err.count("\n") == 1


def test_output_is_json_or_csv(files, capsys):
    assert main([*files, "--output", "card.xlsx"]) == 2
    assert "--output ends with .json or .csv" in capsys.readouterr().err


def test_the_page_shows_every_figure_and_needs_nothing_from_outside(files, tmp_path):
    assert main([*files, "--events", "events.jsonl", "--html", "card.html"]) == 0
    page = (tmp_path / "card.html").read_text("utf-8")
    assert not re.search(r"<(script|img|link)[^>]+(src|href)=", page)
    for part in (
        "5 alerts in 2 stores found 2 of 3 incidents.",
        "2 of 3 incidents found",
        "Time until an incident is found",
        "Share of the alerts read that are right",
        "Loss found per alert read",
        "Precision and recall by threshold of confidence",
        "1.67 alerts per store-day",
        "<h2>By detector</h2>",
        "honest trade that looks like an incident",
    ):
        assert part in page


@pytest.mark.parametrize("raised", [alerts(), alerts().head(0)])
@pytest.mark.parametrize("truth", [INCIDENTS, incidents_frame([])])
@pytest.mark.parametrize("activity", [Activity.of(EVENTS), None])
def test_a_page_of_nothing_is_a_page(raised, truth, activity, tmp_path):
    card = scorecard(raised, truth, activity=activity, resamples=20, runs=2)
    page = write_scorecard(card, tmp_path / "card.html").read_text("utf-8")
    assert ("no incidents to find" in page) == truth.empty


def test_what_the_events_say_cannot_break_the_page(tmp_path):
    truth = INCIDENTS.assign(scenario=HOSTILE)
    card = scorecard(alerts().assign(detector=HOSTILE), truth, activity=Activity.of(EVENTS))
    assert "<img" not in write_scorecard(card, tmp_path / "card.html").read_text("utf-8")
    assert "<img" not in card._repr_html_()


def test_many_stores_are_cut_to_those_with_the_most_alerts():
    card = scorecard(alerts(), INCIDENTS, store_days={f"s{n}": 1 for n in range(100)} | {"a": 1, "b": 2})
    figure = plots.alert_rate_by_store(card.by_store)
    assert len(figure.data[0].y) == 30
    assert {"a", "b"} <= set(figure.data[0].y)
    assert "of 102" in figure.layout.title.subtitle.text
