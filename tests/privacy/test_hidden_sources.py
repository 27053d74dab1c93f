"""Each way by which events come in hides the ids of employees, and what can't be read shows none."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

import retail_anomaly as ra
from data_gen import Simulation
from retail_anomaly.cli import main
from retail_anomaly.core import codec
from retail_anomaly.core.events import Event
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.core.pseudonyms import is_pseudonym
from retail_anomaly.settings import PrivacySettings, Settings, pseudonyms_of
from retail_anomaly.sources.base import SourceError
from streamer.detection.kafka_record import RowRecord
from streamer.detection.record_reader import RecordReader
from tests.support.employees import employees_of

KEYED = PrivacySettings(pseudonyms="keyed")
SETTINGS = Settings(privacy=KEYED)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_PSEUDONYM_KEY", "a key of sixteen letters or more")


@pytest.fixture(scope="module")
def day() -> list[Event]:
    return list(Simulation(stores=2, seed=11).events())


@pytest.fixture
def log(day: list[Event], tmp_path: Path) -> Path:
    file = tmp_path / "events.jsonl"
    lines = [{"topic": codec.topic_of(event), "value": event} for event in day]
    broken = {"topic": "pos-events", "value": {"cashierId": "c-1-1", "storeId": "store-1"}}
    file.write_bytes(b"\n".join(msgspec.json.encode(line) for line in [*lines, broken]))
    return file


def test_a_replay_names_no_employee_whatever_the_source(day: list[Event], log: Path, tmp_path: Path) -> None:
    people = employees_of(day)
    letters = tmp_path / "dead.jsonl"

    plain = ra.replay(log, settings=SETTINGS, dead_letters=letters, progress=False)
    others = [
        ra.replay(log, settings=SETTINGS, jobs=2, progress=False),
        ra.replay(day, settings=SETTINGS, progress=False),
        ra.replay(ra.load(log, privacy=KEYED), progress=False),
        ra.replay(ra.load(log), settings=SETTINGS, progress=False),
    ]

    assert plain.alerts["employee_id"].dropna().map(is_pseudonym).all()
    for other in others:
        assert other.alerts.drop(columns="detected_at").equals(plain.alerts.drop(columns="detected_at"))
    assert plain.bad_lines == 1
    assert not any(person in letters.read_text(encoding="utf-8") for person in people)
    assert employees_of(day) == people  # the events of the caller are as they were


def test_a_converted_log_needs_no_key_any_more(
    log: Path, day: list[Event], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("privacy: {pseudonyms: keyed}\n", encoding="utf-8")
    assert main(["convert", str(log), "--out", str(tmp_path / "out"), "--config", str(config)]) == 0
    live = ra.replay(log, settings=SETTINGS, progress=False)
    monkeypatch.delenv("RETAIL_PSEUDONYM_KEY")

    again = ra.replay(tmp_path / "out" / "events.jsonl", progress=False)

    assert again.alerts["alert_id"].tolist() == live.alerts["alert_id"].tolist()
    written = (tmp_path / "out" / "events.jsonl").read_text(encoding="utf-8")
    assert not any(f'"{person}"' in written for person in employees_of(day))


def test_the_error_of_an_unreadable_log_shows_no_value(tmp_path: Path) -> None:
    file = tmp_path / "pos-events.jsonl"
    file.write_text('{"cashierId": "anna", "storeId": "s", "eventTime": "anna"}\n', encoding="utf-8")

    with pytest.raises(SourceError) as error:
        ra.replay(file, settings=SETTINGS, progress=False)

    assert "anna" not in str(error.value)
    assert "its value is not shown" in str(error.value)


def test_a_missing_key_is_one_line_that_names_the_variable(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RETAIL_PSEUDONYM_KEY")

    with pytest.raises(ra.RetailAnomalyError, match="RETAIL_PSEUDONYM_KEY is not set") as error:
        ra.replay(log, settings=SETTINGS, progress=False)

    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("value", "record_key"),
    [
        (b'{"cashierId": "anna"}', b"anna"),
        (b'anna {"', b"s"),
        (b'{"storeId":"s","sku":"k","countedQty":3,"eventTime":1760000000000,"managerId":"anna"}', b"anna"),
    ],
)
def test_a_dead_letter_has_neither_key_nor_value(value: bytes, record_key: bytes) -> None:
    names = pseudonyms_of(KEYED)
    assert names is not None
    reader = RecordReader("inventory-counts", names.decode, check_key=True, max_ahead=None, is_hidden=True)

    record = RowRecord(value, record_key, 0, ("inventory-counts", 0, 17))
    with pytest.raises(InvalidEvent) as error:
        reader.event(record)
    letter = reader.dead_letter(record, error.value)

    assert b"anna" not in codec.encode(letter)
    assert letter.value is None


def test_known_incidents_are_found_and_their_pages_name_nobody(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    simulation = Simulation(stores=2, seed=11)
    people = employees_of(simulation.events())
    (tmp_path / "incidents.jsonl").write_bytes(
        b"\n".join(msgspec.json.encode(each) for each in simulation.incidents)
    )
    (tmp_path / "keyed.yaml").write_text("privacy: {pseudonyms: keyed}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    # One detector alone: the page lists the incidents that it does not find.
    replayed = ["replay", str(log), "--output", "alerts.jsonl", "--detectors", "refund_burst"]
    given = ["--alerts", "alerts.jsonl", "--incidents", "incidents.jsonl", "--config", "keyed.yaml"]

    assert main([*replayed, "--config", "keyed.yaml"]) == 0
    assert main(["report", *given, "--output", "page.html"]) == 0
    assert main(["evaluate", *given, "--html", "card.html", "--output", "card.json"]) == 0

    pages = "".join((tmp_path / name).read_text("utf-8") for name in ("page.html", "card.html", "card.json"))
    said = capsys.readouterr()
    everything = pages + said.out + said.err
    assert not [person for person in people if re.search(rf"\b{person}\b(?!-)", everything)]
    assert "E-" in pages.partition("Not found")[2]
    found = ra.read_incidents(tmp_path / "incidents.jsonl", privacy=KEYED)
    assert found["employee_id"].dropna().map(is_pseudonym).all()
    monkeypatch.delenv("RETAIL_PSEUDONYM_KEY")
    assert main(["report", *given]) == 2
    assert "RETAIL_PSEUDONYM_KEY is not set" in capsys.readouterr().err
