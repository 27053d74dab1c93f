"""An input of which no event can be read is an error; one with a few bad lines, or none at all, is not."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly.cli import main
from retail_anomaly.core import codec
from retail_anomaly.core.events import PosEvent
from retail_anomaly.frames.alerts import alerts_frame
from retail_anomaly.sources import open_input
from retail_anomaly.sources.event_log import BadLines
from retail_anomaly.tune import tune

INPUTS = Path(__file__).parent / "inputs"
TIME = 1_760_000_000_000
SALE = PosEvent("t", "s", "c", "k", 1.0, "SALE", TIME)
INCIDENT = {"incidentId": "i", "scenario": "refund_burst", "storeId": "s", "start": TIME, "end": TIME}


def logged(**changed):
    value = json.loads(codec.encode(SALE)) | changed
    return json.dumps({"topic": "pos-events", "value": value}) + "\n"


GATE = {"eventId": "e", "storeId": "s", "eventTime": TIME, "eventType": "GATE"}
UNREADABLE = {
    "seconds.jsonl": (
        logged(eventTime=TIME // 1000) * 3,
        [
            "all 3 lines",
            "seconds.jsonl:1: eventTime: ",
            "its value is 1760000000",
            "epoch milliseconds from 2000",
        ],
    ),
    "amounts.jsonl": (
        logged(amount="9,50"),
        [
            "the only line",
            ":1: amount: ",
            'its value is "9,50"',
            "accepted for amount: a number, such as 9.5",
        ],
    ),
    "bare.jsonl": (
        json.dumps({"storeId": "s"}) + "\n",
        [":1: topic: ", 'the line is {"storeId": "s"}', 'lines of the form {"topic": ..., "value": {...}}'],
    ),
    "topic.jsonl": (
        json.dumps({"topic": "sales", "value": {"a": 1}}),
        [":1: topic: ", "got 'sales'", 'the line is {"a": 1}', "the topic one of pos-events, "],
    ),
    "not.jsonl": (
        "store;amount\ns;1\n",
        ["all 2 lines", "not.jsonl:1: line: expected JSON", "the line is store;amount", "lines of the form"],
    ),
    "pos-events.jsonl": (
        '{"cashier": "c"}\n[]\n',
        [
            ":1: transactionId: ",
            'the line is {"cashier": "c"}',
            "in a field or column transactionId, or in another",
        ],
    ),
    "staff-shifts.jsonl": (
        "[]\n",
        [
            ":1: value: expected a JSON object",
            "the line is []",
            "JSON objects with employeeId, storeId, shiftStart",
        ],
    ),
    "security-events.jsonl": (
        json.dumps(GATE) + "\n",
        [
            "eventData: ",
            "accepted for eventData: an object, or columns, with eventData.gateId, eventData.alarm",
        ],
    ),
    "long.jsonl": (
        json.dumps({"note": "x" * 9_000}) + "\n",
        [f'the line is {{"note": "{"x" * 190}...; accepted'],
    ),
}


@pytest.fixture
def dates() -> Path:
    """Rows with dates as they are written in America."""
    return INPUTS / "us_dates.csv"


@pytest.mark.parametrize("name", UNREADABLE)
def test_the_error_shows_the_first_value_its_field_and_the_accepted_forms(tmp_path, name):
    text, parts = UNREADABLE[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(ra.SourceError) as caught:
        ra.replay(tmp_path / name)
    for part in ["no event can be read, ", *parts]:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1_000


def test_a_table_names_the_forms_that_a_table_accepts(dates):
    with pytest.raises(ra.SourceError) as caught:
        ra.replay(dates)
    assert f"first {dates}:2: eventTime: " in str(caught.value)
    assert 'its value is "10/9/2025 8:50' in str(caught.value)
    assert "a timestamp, or text such as 2025-10-09T08:53:20Z" in str(caught.value)


@pytest.mark.parametrize(
    "read",
    [
        ra.replay,
        ra.data_quality,
        lambda source: ra.replay(source, jobs=2),
        lambda source: list(open_input(source).events(BadLines())),
        lambda source: tune(source, ra.incidents_frame([INCIDENT]), progress=False),
        lambda source: tune(source, ra.incidents_frame([INCIDENT]), progress=False, jobs=2),
    ],
    ids=["replay", "data_quality", "replay by two", "open_input", "tune", "tune by two"],
)
def test_every_function_that_reads_events_raises_it(dates, read):
    with pytest.raises(
        ra.SourceError, match=r"no event can be read, all \d+ lines are unreadable; first .*csv:2: "
    ):
        read(dates)


def test_a_frame_without_an_event_is_an_error_too():
    frame = pd.DataFrame([json.loads(codec.encode(SALE))] * 2).assign(amount=[-1, "?"])
    with pytest.raises(
        ra.SourceError, match=r"first row 1: amount: .* its value is -1.0; accepted for amount"
    ):
        ra.replay(frame)


@pytest.mark.parametrize("command", ["replay", "evaluate", "report", "tune"])
def test_every_command_that_reads_events_fails(dates, tmp_path, capsys, command):
    alerts, incidents = tmp_path / "alerts.jsonl", tmp_path / "incidents.jsonl"
    alerts.write_text("")
    incidents.write_text(json.dumps(INCIDENT) + "\n")
    arguments = {
        "replay": [str(dates)],
        "evaluate": ["--alerts", str(alerts), "--incidents", str(incidents), "--events", str(dates)],
        "report": ["--alerts", str(alerts), "--events", str(dates), "--output", str(tmp_path / "page.html")],
        "tune": [str(dates), "--incidents", str(incidents), "--output", str(tmp_path / "tuned.yaml")],
    }
    assert main([command, *arguments[command]]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "retail-anomaly: no event can be read" in captured.err.splitlines()[-1]


def test_the_dead_letters_of_an_unreadable_input_are_kept(dates, tmp_path):
    letters = tmp_path / "dead.jsonl"
    assert main(["replay", str(dates), "--dead-letters", str(letters)]) == 1
    kept = letters.read_text()
    assert len(kept.splitlines()) == len(dates.read_text().splitlines()) - 1
    with pytest.raises(ra.SourceError):
        ra.replay(dates, dead_letters=tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_text() == kept


def test_the_alerts_of_an_earlier_replay_stay_when_no_event_can_be_read(dates, tmp_path):
    output = tmp_path / "alerts.jsonl"
    output.write_text("old\n")
    assert main(["replay", str(dates), "--output", str(output)]) == 1
    assert output.read_text() == "old\n"


@pytest.mark.parametrize("text", ["", "\n", "\n \r\n\n", "\ufeff", "\ufeff\n"])
@pytest.mark.parametrize("name", ["log.jsonl", "pos-events.jsonl"])
def test_an_input_without_lines_is_no_error(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, "utf-8")
    result = ra.replay(path)
    assert (result.events.total(), result.bad_lines) == (0, 0)
    assert result.alerts.equals(alerts_frame([]))


def test_one_event_among_bad_lines_is_enough(tmp_path):
    (tmp_path / "pos-events.jsonl").write_bytes(b"{\n" * 9 + codec.encode(SALE) + b"\n{\n")
    result = ra.replay(tmp_path)
    assert (result.events.total(), result.bad_lines) == (1, 10)
    (tmp_path / "staff-shifts.jsonl").write_text("{\n")
    assert ra.replay(tmp_path).bad_lines == 11


@pytest.mark.parametrize(
    ("field", "cut"), [("cardToken", 0), ("cardToken", 2), ("karte", 0)], ids=["named", "cut off", "mapped"]
)
def test_the_error_never_shows_a_card_number(tmp_path, field, cut):
    value = json.dumps({**json.loads(codec.encode(SALE)), field: "4111 1111 1111 1111"})
    path, dead = tmp_path / "pos-events.jsonl", tmp_path / "dead.jsonl"
    path.write_text(value[: len(value) - cut])
    with pytest.raises(ra.SourceError) as caught:
        ra.replay(path, dead_letters=dead, columns={"cardToken": field})
    assert "1111" not in str(caught.value)
    assert json.loads(dead.read_text())["value"] is None
