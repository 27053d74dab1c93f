"""The command that writes a report."""

import json
import os

import msgspec
import pytest

from retail_anomaly.cli import main
from retail_anomaly.core.alerts import Alert
from tests.unit.test_report import INCIDENT, TIME


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Run `retail-anomaly report` in a folder with files of its own."""
    monkeypatch.chdir(tmp_path)
    alert = Alert("a1", 1, "SHRINKAGE", "inventory_shrinkage", "s", None, 1.0, "m", TIME, TIME, {}, "0")
    (tmp_path / "alerts.jsonl").write_bytes(msgspec.json.encode(alert) + b"\n")
    (tmp_path / "bad.jsonl").write_text("{}\n")
    (tmp_path / "incidents.jsonl").write_bytes(msgspec.json.encode(INCIDENT))
    sale = '{"topic": "pos-events", "value": {"transactionId": "t", "storeId": "s", "cashierId": "c", '
    sale += f'"sku": "k", "amount": 1, "eventType": "SALE", "eventTime": {TIME}}}}}'
    (tmp_path / "events.jsonl").write_text(sale)
    (tmp_path / "config.yaml").write_text("stores: {s: {time_zone: Europe/Berlin}}")
    return lambda *arguments: main(["report", *arguments])


def test_command_writes_the_page(command, tmp_path):
    files = ("--incidents", "incidents.jsonl", "--events", "events.jsonl", "--config", "config.yaml")
    assert command("--alerts", "alerts.jsonl", *files) == 0
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "2025-10-09 10:53:20 CEST" in text
    assert "<h2>Data quality</h2>" in text
    assert "<h2>Refunds and their receipts</h2>" not in text  # there is none


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--alerts", "none.jsonl"), "none.jsonl: No such file"),
        (("--alerts", "bad.jsonl"), "bad.jsonl:1: "),
        (
            ("--alerts", "alerts.jsonl", "--incidents", "bad.jsonl"),
            "bad.jsonl:1: incidentId: expected text, the field is missing",
        ),
        (("--alerts", "alerts.jsonl", "--events", "none.jsonl"), "none.jsonl: no such file"),
        (("--alerts", "alerts.jsonl", "--output", "no/report.html"), "no/report.html: No such file"),
    ],
)
def test_command_names_what_is_wrong_in_one_line(command, capsys, arguments, message):
    assert command(*arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"retail-anomaly: {message}")
    assert error.count("\n") == 1


def test_a_log_that_can_be_read_only_once_is_refused(command, capsys, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for events in ("-", "pipe"):
        assert command("--alerts", "alerts.jsonl", "--events", events) == 2
        assert capsys.readouterr().err == (
            f"retail-anomaly: --events: the page reads the log twice, and {events} can be read only once: "
            "give a file\n"
        )


@pytest.mark.parametrize("wrong", [None, "", "x", [], {}, True, 10**400, [{}], "2025"])
def test_evidence_of_an_unexpected_type_is_shown_and_no_money(command, tmp_path, wrong):
    names = ["saleAmount", "amount", "averageAmount", "totalRefunds", "transactionIds", "shiftEnd", "sku"]
    names += ["pValues", "component", "sold"]
    alert = msgspec.json.decode((tmp_path / "alerts.jsonl").read_bytes())
    alerts = [
        {**alert, "alertId": name, "evidence": {"averageAmount": 1.0, "totalRefunds": 1, name: wrong}}
        for name in names
    ]
    alerts.append({**alert, "evidence": {"saleAmount": wrong}})
    (tmp_path / "alerts.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in alerts))

    assert command("--alerts", "alerts.jsonl", "--events", "events.jsonl") == 0


def test_a_missing_column_is_named_with_the_way_to_map_it(command, capsys, tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    assert command("--alerts", "alerts.jsonl", "--events", "x.csv") == 1
    said = capsys.readouterr().err
    assert said.startswith("retail-anomaly: x.csv has no column for transactionId, storeId,")
    assert "with transactionId=COLUMN, or give a constant with transactionId=:VALUE, or begin" in said
    assert said.endswith("; its columns are a, b\n")


def test_a_configuration_that_is_wrong_is_a_usage_error(command, capsys):
    assert command("--alerts", "alerts.jsonl", "--config", "none.yaml") == 2
    assert "none.yaml" in capsys.readouterr().err
