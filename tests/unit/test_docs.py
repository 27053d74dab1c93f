"""The pages say what the code does."""

from __future__ import annotations

import importlib
import re
import runpy
import shlex
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import typer

from retail_anomaly.detectors import REGISTRY

ROOT = Path(__file__).parents[2]
GENERATED = runpy.run_path(str(ROOT / "docs" / "build.py"))["PAGES"]
PAGES = [
    *(
        ROOT / name
        for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "helm/retail-anomaly/README.md")
    ),
    *sorted((ROOT / "docs").rglob("*.md")),
]
COMMANDS = {
    entry.name: entry for entry in entry_points(group="console_scripts") if entry.name.startswith("retail-")
}


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page that are in one language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def commands(block: str) -> list[list[str]]:
    """Return the words of each call of our commands in a shell block."""
    lines = block.replace("\\\n", " ").splitlines()
    split = [shlex.split(line, comments=True) for line in lines]
    return [words for words in split if words and words[0].startswith("retail-")]


def options(words: list[str]) -> set[str]:
    """Return the options that the command called by these words has."""
    command = typer.main.get_command(importlib.import_module(COMMANDS[words[0]].module).app)
    for word in words[1:]:
        command = getattr(command, "commands", {}).get(word, command)
    return {"--help", *(option for parameter in command.params for option in parameter.opts)}


def without_speed(printed: str) -> str:
    """Return a replay's output without its time, which differs."""
    return re.sub(r"in [\d.,]+ s \([\d,]+ a second\)", "", printed)


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


@pytest.mark.parametrize("page", GENERATED)
def test_generated_page_is_up_to_date(page: str) -> None:
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == GENERATED[page](), "run `make docs`"


@pytest.mark.parametrize("name", REGISTRY)
def test_readme_lists_every_detector(name: str) -> None:
    assert f"`{name}` | `{REGISTRY[name].alert_type}`" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


def test_named_tests_exist() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8"))
    assert named
    assert not [path for path in named if not (ROOT / path).exists()]


def test_make_targets_of_the_readme_exist() -> None:
    readme, makefile = (ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()
    named = {shlex.split(line)[1] for line in readme.splitlines() if line.startswith("make ")}
    assert named
    assert not [name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_options_of_commands_exist(page: Path) -> None:
    unknown = [
        f"{' '.join(words)}: {option}"
        for block in blocks(page, "sh")
        for words in commands(block)
        for option in re.findall(r"--[a-z-]+", " ".join(words))
        if option not in options(words)
    ]
    assert not unknown


def test_readme_leads_from_a_file_of_ones_own_to_a_report(tmp_path: Path) -> None:
    readme = ROOT / "README.md"
    [table] = blocks(readme, "csv")
    [block] = [block for block in blocks(readme, "sh") if "receipts.csv" in block]
    [shown] = [block for block in blocks(readme, "text") if "report.html" in block]
    (tmp_path / "receipts.csv").write_text(table, encoding="utf-8")

    printed = "".join(run(words, tmp_path) for words in commands(block))

    assert without_speed(printed) == without_speed(shown)


def test_readme_python_shows_the_alerts_of_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = ROOT / "README.md"
    [table] = blocks(readme, "csv")
    [snippet] = blocks(readme, "python")
    (tmp_path / "receipts.csv").write_text(table, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {}

    exec(snippet, space)  # noqa: S102 - it is our own README

    assert len(space["result"].alerts) == 4


def test_readme_measures_and_tunes_as_written(tmp_path: Path) -> None:
    [block] = [block for block in blocks(ROOT / "README.md", "sh") if "retail-datagen write" in block]
    small = {"--stores": "2", "--days": "10", "--trials": "2", "--jobs": "1"}
    for words in commands(block):
        for option in small.keys() & set(words):
            words[words.index(option) + 1] = small[option]
        run(words, tmp_path)
    assert {"scorecard.html", "tuned.yaml"} <= {path.name for path in (tmp_path / "out").iterdir()}
