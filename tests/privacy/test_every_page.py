"""Commands and notebooks over a log with fifty clear ids: no file, page, output or figure has one of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter

from retail_anomaly.cli import main
from retail_anomaly.core.codec import encode, topic_of
from tests.notebooks.source import PATHS, ROOT, Notebook
from tests.support.faults import LONG
from tests.support.traces import IDS, ids_in, places_with_ids
from tests.support.whole_day import CLEAR, CONFIG, KEYED, KEYS, day_of_fifty

SHORT = ("20_rules",)
NOTEBOOKS = [path for path in PATHS if LONG or path.stem in SHORT]
# Somebody at a till, not in the stock-room.
CASHIER = IDS[35]
HURRY = {"held_out": 1, "seconds": 1, "most": 500}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the log, whose events and unreadable lines have the ids, and two configurations."""
    folder = tmp_path_factory.mktemp("shop")
    lines: list[Any] = [
        {"topic": topic_of(event), "value": json.loads(encode(event)) | {"cashierName": IDS[0]}}
        for event in day_of_fifty()
    ]
    lines += [{"topic": "pos-events", "value": {"storeId": "store-1", "cashierId": who}} for who in IDS]
    (folder / "events.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "keyed.yaml").write_text(CONFIG.replace("PRIVACY", KEYED))
    (folder / "clear.yaml").write_text(CONFIG.replace("PRIVACY", CLEAR))
    return folder


def write_pages(shop: Path, out: Path, config: str) -> None:
    """Run the commands that read events, as a person does who knows the id of an employee."""
    log, given = str(shop / "events.jsonl"), ["--config", str(shop / config)]
    alerts = str(out / "alerts.jsonl")
    calls = [
        ["replay", log, "--output", alerts, "--dead-letters", str(out / "letters.jsonl")],
        ["convert", log, "--out", str(out / "log")],
        ["convert", log, "--out", str(out / "tables"), "--format", "parquet"],
        ["report", "--alerts", alerts, "--events", log, "--output", str(out / "report.html")],
        ["profile", log, "--employee", CASHIER, "--output", str(out / "profile.html")],
        ["verdict", "export", str(out / "cases.csv"), "--alerts", alerts],
        ["verdict", "export", str(out / "cases.xlsx"), "--alerts", alerts],
    ]
    for call in calls:
        assert main([*call, *given]) == 0, call


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)


@pytest.mark.usefixtures("keys")
def test_no_file_or_page_of_a_command_has_an_id(
    shop: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    write_pages(shop, tmp_path, "keyed.yaml")

    said = capfdbinary.readouterr()
    assert places_with_ids(tmp_path) == {}
    assert ids_in(said.out + said.err) == set()


if LONG:

    def test_without_pseudonyms_each_of_these_files_has_ids(shop: Path, tmp_path: Path) -> None:
        write_pages(shop, tmp_path, "clear.yaml")

        found = places_with_ids(tmp_path)
        files = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
        assert files - set(found) == {"tables/security-events.parquet"}  # a gate knows nobody
        assert found["letters.jsonl"] == set(IDS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_output_of_a_notebook_over_a_converted_log_has_an_id(
    path: Path, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as here:
        for name, key in KEYS.items():
            here.setenv(name, key)
        config = ["--config", str(shop / "keyed.yaml")]
        assert main(["convert", str(shop / "events.jsonl"), "--out", str(tmp_path), *config]) == 0
    monkeypatch.chdir(ROOT / "notebooks")
    notebook = Notebook(path)
    hurry = {name: value for name, value in HURRY.items() if name in notebook.names}

    shown = notebook.run(source=str(tmp_path / "events.jsonl"), **hurry)

    outputs = [DisplayFormatter().format(value) for value in shown.values()]
    text = "\n".join(str(part) for data, _ in outputs for part in data.values())
    assert ids_in(text.encode()) == set()
    assert any(word.startswith("E-") for word in text.replace('"', " ").split()) or path.stem not in SHORT
