"""What keeps the tree readable: one name for one thing, few entries a folder, plain words."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import data_gen.cli
import retail_anomaly.cli.commands
import streamer.cli.commands

ROOT = Path(__file__).parents[2]
FOLDERS = ("retail_anomaly", "streamer", "data_gen", "benchmarks", "helm", "docs")
MODULES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
COMMANDS = {
    "data_gen": data_gen.cli.app,
    "retail_anomaly": retail_anomaly.cli.commands.app,
    "streamer": streamer.cli.commands.app,
}
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# Of 1,000 words. A relative clause that begins with "what" names no noun, and the reader has to find one.
MOST_WHATS = 3


def place(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_two_classes_share_a_name() -> None:
    places = defaultdict(list)
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{place(path)}:{node.lineno}")

    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_three_files_share_a_name() -> None:
    places = defaultdict(list)
    for path in MODULES:
        if path.name not in {"__init__.py", "__main__.py"}:
            places[path.name].append(place(path))

    assert {name: found for name, found in places.items() if len(found) > 2} == {}


@pytest.mark.parametrize(("package", "most"), [("retail_anomaly", 19), ("streamer", 15)])
def test_a_package_has_few_entries_at_its_top(package: str, most: int) -> None:
    folder = ROOT / package
    modules = {path.name for path in folder.glob("*.py") if not path.name.startswith("__")}
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}

    assert len(modules | packages) <= most, sorted(modules | packages)


def test_texts_say_what_less_often_than_plain_pages_do() -> None:
    words: Counter[str] = Counter()
    whats: Counter[str] = Counter()
    for source, text in texts():
        words[source] += len(re.findall(r"[A-Za-z]+", text))
        whats[source] += len(re.findall(r"\bwhat\b", text, re.IGNORECASE))

    share = 1_000 * whats.total() / words.total()
    by_source = {source: f"{whats[source]} in {words[source]:,} words" for source, _ in whats.most_common()}
    assert share <= MOST_WHATS, json.dumps(by_source, indent=1)


def texts() -> Iterator[tuple[str, str]]:
    """Yield the texts for readers, without their code, each with the package or page it stands in."""
    for path in PAGES:
        yield place(path), re.sub(r"^ *(```|~~~).*?^ *\1", "", path.read_text("utf-8"), flags=re.M | re.S)
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)):
                yield place(path).partition("/")[0], re.sub(r"^ *(>>>|\.\.\. ).*$", "", text, flags=re.M)
    for package, app in COMMANDS.items():
        yield f"help of {package}", "\n".join(helps(get_command(app)))


def helps(command: Any) -> Iterable[str]:
    """Return the help of a command, its options and the commands below it."""
    yield command.help or ""
    for parameter in command.params:
        yield getattr(parameter, "help", None) or ""
    for below in getattr(command, "commands", {}).values():
        yield from helps(below)
