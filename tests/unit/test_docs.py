"""The pages say what the code does."""

from __future__ import annotations

import importlib
import re
import runpy
import shlex
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import typer

from retail_anomaly.detectors import REGISTRY
from tests.support.pages import ROOT, blocks, commands

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


def options(words: list[str]) -> set[str]:
    """Return the options that the command called by these words has."""
    command = typer.main.get_command(importlib.import_module(COMMANDS[words[0]].module).app)
    for word in words[1:]:
        command = getattr(command, "commands", {}).get(word, command)
    return {"--help", *(option for parameter in command.params for option in parameter.opts)}


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
