"""Files of incidents and alerts, and the line that says which field is wrong."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from retail_anomaly.cli import main
from retail_anomaly.core.codec import encode
from retail_anomaly.core.incidents import Incident
from retail_anomaly.frames.alerts import read_alerts
from retail_anomaly.frames.incidents import incidents_frame, read_incidents

START = 1_760_000_000_000
INCIDENT = {
    "incidentId": "i-1",
    "scenario": "refund_burst",
    "storeId": "store-1",
    "employeeId": "c-1",
    "start": START,
    "end": START + 60_000,
    "transactionIds": ["t-1"],
    "expectedLoss": 10.0,
}
ALERT = {
    "alertId": "a",
    "revision": 1,
    "type": "SHRINKAGE",
    "detector": "inventory_shrinkage",
    "storeId": "store-1",
    "employeeId": None,
    "riskScore": 1.0,
    "message": "10 pieces are missing.",
    "eventTime": START,
    "openedAt": START,
    "evidence": {"sku": "k"},
    "configHash": "0",
    "detectedAt": None,
}
TIME = "expected a time in epoch milliseconds, from 2000 to 9999"


def read(path: Path, value: dict[str, Any] | bytes, reader: Any) -> str:
    """Return the error of a file whose second line is this value; the first is blank."""
    path.write_bytes(b"\n" + (value if isinstance(value, bytes) else json.dumps(value).encode()))
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the texts are compared
        reader(path)
    assert str(error.value).startswith(f"{path}:2: ")
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{path}:2: ")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"incidentId": 1}, "incidentId: expected text, got 1"),
        ({"incidentId": ""}, 'incidentId: expected text, got ""'),
        ({"incidentId": None}, "incidentId: expected text, got null"),
        ({"scenario": ["a"]}, 'scenario: expected text, got ["a"]'),
        ({"storeId": 7}, "storeId: expected text, got 7"),
        ({"employeeId": 7}, "employeeId: expected text, got 7"),
        ({"start": "soon"}, f'start: {TIME}, got "soon"'),
        ({"start": str(START)}, f'start: {TIME}, got "{START}"'),
        ({"start": START // 1000}, f"start: {TIME}, got {START // 1000}"),
        ({"start": START + 0.5}, f"start: {TIME}, got {START + 0.5}"),
        ({"start": None}, f"start: {TIME}, got null"),
        ({"start": True}, f"start: {TIME}, got true"),
        ({"end": 10**30}, f"end: {TIME}, got {10**30}"),
        ({"end": [START]}, f"end: {TIME}, got [{START}]"),
        ({"transactionIds": "t-1"}, 'transactionIds: expected a list of texts, got "t-1"'),
        ({"transactionIds": ["t-1", 2]}, "transactionIds[1]: expected text, got 2"),
        ({"transactionIds": [None]}, "transactionIds[0]: expected text, got null"),
        ({"expectedLoss": "much"}, 'expectedLoss: expected a number >= 0, got "much"'),
        ({"expectedLoss": -1}, "expectedLoss: expected a number >= 0, got -1"),
        ({"expectedLoss": True}, "expectedLoss: expected a number >= 0, got true"),
        ({"sku": 7}, "sku: expected text, got 7"),
        ({"detector": {}}, "detector: expected text, got {}"),
        ({"distractor": "yes"}, 'distractor: expected true or false, got "yes"'),
        ({"distractor": 1}, "distractor: expected true or false, got 1"),
        (
            {"end": START - 60_000},
            f"end: expected a time not before start ({START}, 2025-10-09 08:53:20 UTC),"
            f" got {START - 60_000} (2025-10-09 08:52:20 UTC)",
        ),
    ],
)
def test_a_wrong_field_of_an_incident_is_named_with_file_and_line(tmp_path, change, said):
    assert read(tmp_path / "incidents.jsonl", {**INCIDENT, **change}, read_incidents) == said
    with pytest.raises(ValueError, match=r"^incident 2: ") as error:
        incidents_frame([{**INCIDENT, "incidentId": "i-0"}, {**INCIDENT, **change}])
    assert str(error.value) == f"incident 2: {said}"


@pytest.mark.parametrize(
    ("name", "field"), [("incidents_numeric_ids", "storeId"), ("incidents_end_before_start", "end")]
)
def test_a_reported_file_of_incidents_is_refused_in_one_line(tmp_path, capsys, name, field):
    inputs = Path(__file__).parent / "sources" / "inputs"
    (tmp_path / "alerts.jsonl").touch()
    arguments = ["--alerts", str(tmp_path / "alerts.jsonl"), "--incidents", str(inputs / f"{name}.jsonl")]
    assert main(["evaluate", *arguments]) == 1
    said = capsys.readouterr().err
    assert f"{name}.jsonl:1: {field}: expected" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", ["incidentId", "scenario", "storeId", "start", "end"])
def test_a_missing_field_of_an_incident_is_named(tmp_path, name):
    value = {key: item for key, item in INCIDENT.items() if key != name}
    said = read(tmp_path / "incidents.jsonl", value, read_incidents)
    assert said.startswith(f"{name}: expected ")
    assert said.endswith(", the field is missing")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"alertId": 1}, "alertId: expected text, got 1"),
        ({"revision": 0}, "revision: expected a whole number >= 1 and < 2147483648, got 0"),
        ({"revision": 10**30}, f"revision: expected a whole number >= 1 and < 2147483648, got {10**30}"),
        ({"alertId": ""}, 'alertId: expected text, got ""'),
        ({"type": ""}, 'type: expected text, got ""'),
        ({"storeId": ""}, 'storeId: expected text, got ""'),
        ({"riskScore": "high"}, 'riskScore: expected a number from 0 to 1, got "high"'),
        ({"riskScore": 1.5}, "riskScore: expected a number from 0 to 1, got 1.5"),
        ({"riskScore": None}, "riskScore: expected a number from 0 to 1, got null"),
        ({"storeId": 7}, "storeId: expected text, got 7"),
        ({"eventTime": START // 1000}, f"eventTime: {TIME}, got {START // 1000}"),
        ({"openedAt": "soon"}, f'openedAt: {TIME}, got "soon"'),
        ({"detectedAt": "now"}, f'detectedAt: {TIME}, got "now"'),
        ({"evidence": [1]}, "evidence: expected an object with names and values, got [1]"),
    ],
)
def test_a_wrong_field_of_an_alert_is_named_with_file_and_line(tmp_path, change, said):
    assert read(tmp_path / "alerts.jsonl", {**ALERT, **change}, read_alerts) == said


@pytest.mark.parametrize("reader", [read_incidents, read_alerts])
@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"{", "expected a JSON object in UTF-8 ("),
        (b'{"expectedLoss": NaN}', "expected a JSON object in UTF-8 ("),
        (b"[]", "expected an object with names and values, got []"),
        (b"7", "expected an object with names and values, got 7"),
        (b"\xff", "expected a JSON object in UTF-8 ("),
        (b'{"storeId": "\xff"}', "expected a JSON object in UTF-8 ("),
        (b"[" * 5000, "expected a JSON object, got lists nested too deep"),
    ],
)
def test_a_line_that_is_no_object_is_named(tmp_path, reader, raw, said):
    assert read(tmp_path / "file.jsonl", raw, reader).startswith(said)


def test_a_number_that_no_float_can_hold_is_named_by_its_field(tmp_path):
    raw = json.dumps(INCIDENT).replace("10.0", "1e400").encode()
    assert read(tmp_path / "incidents.jsonl", raw, read_incidents).startswith(
        "expectedLoss: expected a number"
    )


def test_an_incident_id_is_used_once_in_a_file(tmp_path):
    path = tmp_path / "incidents.jsonl"
    path.write_text(f"{json.dumps(INCIDENT)}\n{json.dumps({**INCIDENT, 'storeId': 'store-2'})}\n")
    with pytest.raises(ValueError, match=r':2: incidentId: expected an id of its own, got "i-1" again$'):
        read_incidents(path)


def test_what_may_be_absent_may_be_null_or_empty_too(tmp_path):
    bare = {name: INCIDENT[name] for name in ("incidentId", "scenario", "storeId", "start", "end")}
    absent = dict.fromkeys(("employeeId", "transactionIds", "expectedLoss", "sku", "detector", "distractor"))
    frame = incidents_frame(
        [bare, {**bare, **absent}, {**bare, "employeeId": "", "sku": "", "start": float(START)}]
    )
    assert frame["employee_id"].tolist() == frame["sku"].tolist() == [None] * 3
    assert frame["transaction_ids"].tolist() == [[]] * 3
    assert frame["expected_loss"].tolist() == [0.0] * 3
    assert frame["distractor"].tolist() == [False] * 3
    assert frame["start"].nunique() == 1


def test_an_incident_is_written_and_read_again_as_it_was(tmp_path):
    incident = Incident("i-1", "shelf_theft", "store-1", None, START, START, [], 0.0)
    line = encode(incident)
    assert line == (
        b'{"incidentId":"i-1","scenario":"shelf_theft","storeId":"store-1","employeeId":null,'
        b'"start":1760000000000,"end":1760000000000,"transactionIds":[],"expectedLoss":0.0}'
    )
    (tmp_path / "incidents.jsonl").write_bytes(line + b"\n\n")
    assert read_incidents(tmp_path / "incidents.jsonl").equals(incidents_frame([incident]))


def test_an_incident_that_ends_before_it_starts_cannot_be_made():
    with pytest.raises(ValueError, match=r"^end: expected a time not before start"):
        Incident("i-1", "shelf_theft", "store-1", None, START, START - 1, [], 0.0)


def test_an_alert_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "alerts.jsonl"
    path.write_text(json.dumps({**ALERT, "riskScore": 1, "eventTime": float(START)}))
    row = read_alerts(path).iloc[0]
    assert (row["alert_id"], row["risk_score"], row["opened_at"]) == ("a", 1.0, row["event_time"])


def test_reading_and_scoring_load_no_plotly():
    modules = ("evaluate.words", "frames.alert_tables", "frames.quality")
    lines = [
        "import sys",
        "from retail_anomaly import alerts_frame, incidents_frame, read_alerts, read_incidents",
        "from retail_anomaly import compare_alerts, data_quality, match_incidents, scorecard",
        *(f"import retail_anomaly.{name}" for name in modules),
        "print(sorted({name.partition('.')[0] for name in sys.modules}))",
    ]
    run = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert "pandas" in run.stdout
    assert "plotly" not in run.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "--alerts", "alerts.jsonl", "--incidents", "incidents.jsonl"],
        ["report", "--alerts", "alerts.jsonl", "--incidents", "incidents.jsonl"],
        ["tune", "events.jsonl", "--incidents", "incidents.jsonl", "--output", "tuned.yaml"],
    ],
)
def test_every_command_says_in_one_line_which_field_of_the_incidents_is_wrong(
    command, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alerts.jsonl").write_text("")
    (tmp_path / "events.jsonl").write_text("")
    (tmp_path / "incidents.jsonl").write_text(json.dumps({**INCIDENT, "storeId": 7, "transactionIds": [1]}))
    assert main(command) == 1
    expected = "retail-anomaly: incidents.jsonl:1: storeId: expected text, got 7\n"
    assert capsys.readouterr().err == expected
