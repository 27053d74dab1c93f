"""The report: one page, nothing from outside, everything escaped."""

import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pandas as pd
import pytest
import typer

from retail_anomaly.alerts import Alert
from retail_anomaly.evaluate import incidents_frame
from retail_anomaly.plots import example_alerts
from retail_anomaly.report import report
from retail_anomaly.report.evidence import TOP
from retail_anomaly.report.page import write_report

HOSTILE = "</script><img src=x onerror=alert(1)>"
TIME = 1_760_000_000_000
INCIDENT = {
    "incidentId": "i-1",
    "scenario": "refund_burst",
    "storeId": "store-1",
    "employeeId": "c-1",
    "start": TIME,
    "end": TIME,
    "transactionIds": ["t-2"],
    "expectedLoss": 240.0,
}


class Page(HTMLParser):
    """What a browser would see: tags with attributes, and the text outside scripts and styles."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._inside = ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside not in {"script", "style"}:
            self.text.append(data.strip())


@pytest.fixture
def write(tmp_path):
    return lambda alerts, **options: write_report(alerts, tmp_path / "report.html", **options)


def test_the_page_needs_nothing_from_outside(write):
    path = write(example_alerts(), incidents=incidents_frame([INCIDENT]))
    page = Page(path)
    assert path.stat().st_size < 6_000_000
    assert not [tag for tag, attributes in page.tags if attributes.keys() & {"src", "href"}]
    assert not {"link", "iframe", "object", "embed"} & {tag for tag, _ in page.tags}
    policy = next(attributes for tag, attributes in page.tags if "http-equiv" in attributes)
    assert str(policy["content"]).startswith("default-src 'none'")
    assert len(re.findall(r"plotly\.js v\d", path.read_text("utf-8"))) == 1


def test_the_page_says_what_was_seen(write):
    text = " ".join(Page(write(example_alerts(), facts={"Events": "5,110"})).text)
    for part in (
        "2 alerts in 1 store about 1 employee, on Thursday 9 October 2025.",
        "Cashier c-1 made 2 high refunds.",
        "Off shift yes",
        "Events",
        "5,110",
        "Parameters: inventory_shrinkage 0, refund_burst 0.",
    ):
        assert part in text
    assert "fraud" not in text.lower()


def test_what_was_not_found_is_named(write):
    missed = {**INCIDENT, "storeId": "store-7"}
    text = " ".join(Page(write(example_alerts(), incidents=incidents_frame([INCIDENT, missed]))).text)
    assert "Of 2 injected incidents, 1 was found." in text
    assert "1 injected incident not found." in text
    assert "store-7" in text


def test_hostile_names_stay_text(write):
    alerts = example_alerts().assign(store_id=HOSTILE, message=HOSTILE, type=HOSTILE, detector=HOSTILE)
    alerts["evidence"] = pd.Series([{HOSTILE: HOSTILE}, {}])
    incident = {**INCIDENT, "storeId": HOSTILE, "scenario": HOSTILE}
    path = write(alerts, incidents=incidents_frame([incident]), title=HOSTILE, facts={HOSTILE: HOSTILE})
    assert "img" not in {tag for tag, _ in Page(path).tags}
    assert HOSTILE in " ".join(Page(path).text)


def test_no_alerts_is_a_page_that_says_so(write):
    page = Page(write(example_alerts().head(0), incidents=incidents_frame([INCIDENT])))
    assert "No alerts. Of 1 injected incident, 0 were found." in page.text


def test_only_the_riskiest_are_shown_in_full(write):
    many = pd.concat([example_alerts().assign(alert_id=[f"{n}a", f"{n}b"]) for n in range(TOP)])
    page = Page(write(many))
    assert sum(attributes.get("class") == "alert" for _, attributes in page.tags) == TOP
    assert f"The {TOP} of highest risk, of {2 * TOP}" in " ".join(page.text)


# --- The command -------------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Run `retail-anomaly report` in a folder with files of its own."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer(rich_markup_mode=None)
    app.command()(report)
    alert = Alert("a1", 1, "SHRINKAGE", "inventory_shrinkage", "s", None, 1.0, "m", TIME, TIME, {}, "0")
    (tmp_path / "alerts.jsonl").write_bytes(msgspec.json.encode(alert) + b"\n")
    (tmp_path / "bad.jsonl").write_text("{}\n")
    (tmp_path / "incidents.jsonl").write_bytes(msgspec.json.encode(INCIDENT))
    sale = '{"topic": "pos-events", "value": {"transactionId": "t", "storeId": "s", "cashierId": "c", '
    sale += f'"sku": "k", "amount": 1, "eventType": "SALE", "eventTime": {TIME}}}}}'
    (tmp_path / "events.jsonl").write_text(sale)
    (tmp_path / "config.yaml").write_text("stores: {s: {time_zone: Europe/Berlin}}")
    return lambda *arguments: app(args=arguments, standalone_mode=False)


def test_command_writes_the_page(command, tmp_path):
    files = ("--incidents", "incidents.jsonl", "--events", "events.jsonl", "--config", "config.yaml")
    assert command("--alerts", "alerts.jsonl", *files) == 0
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "2025-10-09 10:53:20 CEST" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--alerts", "none.jsonl"), "none.jsonl: No such file"),
        (("--alerts", "bad.jsonl"), "bad.jsonl:1: "),
        (("--alerts", "alerts.jsonl", "--incidents", "bad.jsonl"), "bad.jsonl:1: no incident"),
        (("--alerts", "alerts.jsonl", "--events", "none.jsonl"), "none.jsonl: no such file"),
        (("--alerts", "alerts.jsonl", "--output", "no/report.html"), "no/report.html: No such file"),
    ],
)
def test_command_names_what_is_wrong_in_one_line(command, capsys, arguments, message):
    assert command(*arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"retail-anomaly: {message}")
    assert error.count("\n") == 1


def test_a_configuration_that_is_wrong_is_a_usage_error(command, capsys):
    assert command("--alerts", "alerts.jsonl", "--config", "none.yaml") == 2
    assert "none.yaml" in capsys.readouterr().err
