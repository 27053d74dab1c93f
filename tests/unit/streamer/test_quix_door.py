"""Quix Streams has one door: `streamer/quix` alone uses its private names, of one release."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from streamer.quix.version import PINNED

ROOT = Path(__file__).parents[3]
# Public names with an underscore: of named tuples, and of confluent-kafka's error codes.
PUBLIC = re.compile(r"^(\w+\._(replace|asdict|fields)|KafkaError\._[A-Z_]+)$")


def _outside_the_door() -> list[Path]:
    folders = [ROOT / name for name in ("streamer", "benchmarks", "helm")]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    return [path for path in files if ROOT / "streamer" / "quix" not in path.parents]


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def private_names(source: str) -> Iterator[str]:
    """Yield the private names of other modules and objects that a module's source uses."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            parts = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            yield from (part for part in parts if _is_private(part))
        elif isinstance(node, ast.Attribute) and _is_private(node.attr):
            own = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
            if not own and not PUBLIC.match(ast.unparse(node)):
                yield ast.unparse(node)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"getattr", "setattr"}:
            yield from (
                str(part.value)
                for part in node.args[1:2]
                if isinstance(part, ast.Constant) and _is_private(str(part.value))
            )


@pytest.mark.parametrize(
    "source",
    [
        "app._consumer.poll()",
        "context.checkpoint._flush()",
        "super()._on_assign()",
        "from quixstreams.state._base import Store",
        "from quixstreams.app import _helper",
        "getattr(app, '_consumer')",
    ],
)
def test_a_private_name_is_recognised(source: str):
    assert list(private_names(source))


@pytest.mark.parametrize(
    "source", ["self._app.run()", "record._replace(line='')", "KafkaError._TIMED_OUT", "a.__class__"]
)
def test_a_name_of_ones_own_is_none(source: str):
    assert not list(private_names(source))


def test_private_names_are_used_behind_the_door_only():
    found = {
        str(path.relative_to(ROOT)): list(private_names(path.read_text())) for path in _outside_the_door()
    }
    assert not {path: names for path, names in found.items() if names}


def test_no_subclass_uses_a_private_attribute_of_its_quix_class():
    """`self._x` is no stranger's name to the check above; in a subclass it may be Quix's all the same."""
    for path in (ROOT / "streamer").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if "quixstreams" not in path.read_text() and "streamer.quix" not in path.read_text():
            continue
        if module.startswith("streamer.quix") or module.endswith(("__main__", ".main")):
            continue
        for _, kind in inspect.getmembers(import_module(module), inspect.isclass):
            bases = [base for base in kind.__mro__ if base.__module__.startswith("quixstreams.")]
            if kind.__module__ != module or not bases:
                continue
            own = set(re.findall(r"self\.(_[a-z]\w*)", inspect.getsource(kind)))
            theirs = {
                name
                for base in bases
                for name in re.findall(r"(?:self\.|def )(_[a-z]\w*)", inspect.getsource(base))
            }
            assert not own & theirs, kind


def test_the_package_pins_the_release_that_is_checked():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert f"quixstreams=={PINNED}" in extras["streamer"]


@pytest.mark.parametrize("command", ["run", "metrics"])
def test_another_release_is_refused_at_the_start_with_one_line(tmp_path: Path, command: str):
    distribution = tmp_path / "quixstreams-99.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: quixstreams\nVersion: 99.0\n")
    done = subprocess.run(
        [sys.executable, "-m", "streamer.cli", command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"quixstreams 99.0 is installed, the streamer needs exactly {PINNED}: pip install" in done.stderr
