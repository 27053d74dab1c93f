"""The pages say what the code does."""

from __future__ import annotations

import functools
import io
import re
import runpy
import shlex
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from retail_anomaly.core.codec import decode
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.sources.columns import FIELDS, REQUIRED
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


FIELD_ROW = re.compile(r"^\| `([\w.]+)` \| (yes|of a line)? *\| ([^|]+) \|", re.MULTILINE)
KINDS = {
    "text": {"text"},
    "whole number": {"integer"},
    "number": {"number", "decimal"},
    "true or false": {"flag"},
    "time": {"integer"},
}


@pytest.mark.parametrize("topic", FIELDS)
def test_the_page_about_fields_has_each_field_of_the_events(topic: str) -> None:
    page = (ROOT / "docs" / "fields.md").read_text(encoding="utf-8")
    [part] = [part for part in page.split("\n## ") if part.startswith(f"`{topic}`")]
    rows = FIELD_ROW.findall(part)

    assert [name for name, _, _ in rows] == list(FIELDS[topic])
    assert all(FIELDS[topic][name] in KINDS[kind] for name, _, kind in rows)
    assert {name for name, required, _ in rows if required} == set(REQUIRED[topic])
    assert {name for name, _, kind in rows if kind == "time"} == {
        name for name in FIELDS[topic] if name.endswith(("Time", "shiftStart", "shiftEnd"))
    }


def test_the_page_about_fields_has_an_example_of_each_type_that_is_such_an_event() -> None:
    page = (ROOT / "docs" / "fields.md").read_text(encoding="utf-8")
    kinds = set()
    for part in page.split("\n## ")[1:]:
        topic = part.split("`")[1]
        for example in re.findall(r"```json\n(.*)\n```", part):
            event = decode(topic, example.encode())
            kinds.add((topic, getattr(event, "event_type", None)))
    assert {topic for topic, _ in kinds} == set(FIELDS)
    assert {"SALE", "REFUND", "LINE_VOID", "VOID", "POST_VOID", "NO_SALE"} <= {kind for _, kind in kinds}


def test_named_tests_exist() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8"))
    assert named
    assert not [path for path in named if not (ROOT / path).exists()]


def test_make_targets_of_the_readme_exist() -> None:
    readme, makefile = (ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()
    named = {shlex.split(line)[1] for line in readme.splitlines() if line.startswith("make ")}
    assert named
    assert not [name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)]


@pytest.fixture(scope="module")
def help_of() -> Callable[[tuple[str, ...]], str]:
    """Give the help of a command of ours by its name and that of its subcommand."""

    @functools.cache
    def printed(command: tuple[str, ...]) -> str:
        text = io.StringIO()
        with redirect_stdout(text), suppress(SystemExit):
            COMMANDS[command[0]].load()([*command[1:], "--help"])
        return text.getvalue()

    return printed


GROUPS = {"allow", "audit", "config", "import", "reveal", "rules", "verdict"}
"""Commands with commands of their own."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_options_of_commands_exist(
    page: Path, help_of: Callable[[tuple[str, ...]], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    unknown = [
        f"{' '.join(words)}: {option}"
        for block in blocks(page, "sh")
        for words in commands(block)
        for option in re.findall(r"--[a-z-]+", " ".join(words))
        if option not in help_of(tuple(words[: 3 if words[1] in GROUPS else 2]))
    ]
    assert not unknown
