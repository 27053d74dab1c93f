"""The README's commands and Python do what the README shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.pages import ROOT, blocks, commands

pytestmark = pytest.mark.long

README = ROOT / "README.md"


@pytest.fixture
def receipts(tmp_path: Path) -> Path:
    """Give a folder with the README's own example of an export."""
    [table] = blocks(README, "csv")
    (tmp_path / "receipts.csv").write_text(table, encoding="utf-8")
    return tmp_path


def run(words: list[str], folder: Path) -> str:
    """Run a command of ours in a folder; return all that it prints."""
    script = Path(sys.executable).with_name(words[0])
    done = subprocess.run(
        [script, *words[1:]],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def without_speed(printed: str) -> str:
    """Return a replay's output without its time, which differs."""
    return re.sub(r"in [\d.,]+ s \([\d,]+ a second\)", "", printed)


def test_it_leads_from_a_file_of_your_own_to_a_report(receipts: Path) -> None:
    [replayed, explained] = [block for block in blocks(README, "sh") if "receipts.csv" in block]
    shown = [block for block in blocks(README, "text") if "REFUND" in block and "Found:" not in block]

    for block in (replayed, explained):
        printed = without_speed("".join(run(words, receipts) for words in commands(block)))
        assert printed in map(without_speed, shown)


def test_its_python_replays_that_file(receipts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [snippet] = blocks(README, "python")
    monkeypatch.chdir(receipts)
    space: dict[str, Any] = {}

    exec(snippet, space)  # noqa: S102 - it is our own README

    assert sorted(space["result"].alerts["type"]) == ["REFUND_BURST", "REFUND_WITHOUT_SALE"]


def test_it_measures_and_tunes_as_written(tmp_path: Path) -> None:
    [block] = [block for block in blocks(README, "sh") if "retail-datagen write" in block]
    small = {"--stores": "2", "--days": "10", "--trials": "2", "--jobs": "1"}
    for words in commands(block):
        for option in small.keys() & set(words):
            words[words.index(option) + 1] = small[option]
        run(words, tmp_path)
    assert {"scorecard.html", "tuned.yaml"} <= {path.name for path in (tmp_path / "out").iterdir()}
