"""A byte order mark at the start of a file is no content."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from retail_anomaly.core import codec
from retail_anomaly.core.events import PosEvent
from retail_anomaly.frames.alerts import read_alerts
from retail_anomaly.frames.incidents import read_incidents
from retail_anomaly.sources import open_input
from retail_anomaly.sources.columns import Columns

INPUTS = Path(__file__).parent / "inputs"
TIME = 1_760_000_000_000
MARK = b"\xef\xbb\xbf"
EVENTS = [PosEvent(f"t{n}", "s", "c", "k", 1.0, "SALE", TIME + n) for n in (5, 1)]
VALUES = [codec.encode(event) for event in EVENTS]
HEAD = b"transactionId,storeId,cashierId,sku,amount,eventType,eventTime\n"
ROWS = b"".join(f"t{n},s,c,k,1,SALE,{TIME + n}\n".encode() for n in (5, 1))


def refuse(bad):
    raise AssertionError(str(bad))


def test_the_first_event_of_a_log_is_read():
    events = list(open_input(INPUTS / "bom_first_line.jsonl").events(refuse))
    assert [event.transaction_id for event in events if isinstance(event, PosEvent)] == ["r1", "r2"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("log.jsonl", b"".join(b'{"topic": "pos-events", "value": %b}\r\n' % value for value in VALUES)),
        ("pos-events.jsonl", b"\n".join(VALUES)),
        ("pos-events.csv", HEAD + ROWS),
        ("quoted.csv", b'"transactionId"' + HEAD.removeprefix(b"transactionId") + ROWS),
    ],
)
@pytest.mark.parametrize("columns", [None, Columns(constants={"tender": "CASH"})])
def test_a_file_with_a_mark_is_read_as_one_without(tmp_path, name, content, columns):
    read = []
    for mark in (b"", MARK):
        (tmp_path / name).write_bytes(mark + content)
        read.append(list(open_input(tmp_path / name, columns=columns).events(refuse)))
    assert len(read[0]) == 2
    assert read[1] == read[0]


def test_values_on_standard_input_and_a_record_of_a_topic_may_begin_with_one(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(MARK + b"\n".join(VALUES))))
    assert list(open_input("-", topic="pos-events").events(refuse)) == EVENTS
    assert codec.decode("pos-events", MARK + VALUES[0]) == EVENTS[0]


def test_files_with_marks_that_were_joined_lose_no_line(tmp_path):
    path = tmp_path / "pos-events.jsonl"
    path.write_bytes(b"".join(MARK + value + b"\n" for value in VALUES))
    assert list(open_input(path).events(refuse)) == EVENTS[::-1]


def test_incidents_and_alerts_may_begin_with_one(tmp_path):
    incident = {"incidentId": "i", "scenario": "refund_burst", "storeId": "s", "start": TIME, "end": TIME}
    path = tmp_path / "incidents.jsonl"
    path.write_bytes(MARK + json.dumps(incident).encode())
    assert read_incidents(path)["incident_id"].tolist() == ["i"]
    alert = {"alertId": "a", "revision": 1, "type": "T", "detector": "d", "storeId": "s", "employeeId": None,
             "riskScore": 1, "message": "m", "eventTime": TIME, "openedAt": TIME, "evidence": {},
             "configHash": "0", "detectedAt": None}  # fmt: skip
    path.write_bytes(MARK + json.dumps(alert).encode() + b"\n")
    assert read_alerts(path)["alert_id"].tolist() == ["a"]
