"""The page about the architecture names functions and files that exist."""

from __future__ import annotations

import importlib
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
NAMED = re.findall(r"^\| \d+ \| `([\w.]+)` \| `([\w./]+\.py)` \|", PAGE, re.MULTILINE)
NAMED += re.findall(r"`([A-Z]\w+(?:\.\w+)?)` in `([\w./]+\.py)`", PAGE)


def test_each_walk_has_its_steps_in_order():
    walks = PAGE.split("\n## ")
    steps = [[int(step) for step in re.findall(r"^\| (\d+) \|", walk, re.MULTILINE)] for walk in walks]
    numbered = [walk for walk in steps if walk]
    assert len(numbered) == 5
    assert all(walk == list(range(1, len(walk) + 1)) for walk in numbered)


@pytest.mark.parametrize(("name", "path"), dict.fromkeys(NAMED))
def test_a_named_function_is_in_its_file(name: str, path: str):
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    value: Any = importlib.import_module(module)
    for part in name.split("."):
        value = getattr(value, part)
    defined_in = getattr(value, "__module__", module)
    assert defined_in == module


def test_each_named_file_and_folder_exists():
    named = re.findall(r"`((?:retail_anomaly|streamer|data_gen|tests)/[\w./]*)`", PAGE)
    assert not [path for path in named if not (ROOT / path).exists()]


def layer_names() -> Iterator[str]:
    """Yield each package that the picture has a box for."""
    about = runpy.run_path(str(ROOT / "docs" / "layers.py"))["ABOUT"]
    for package in ("retail_anomaly", "streamer"):
        yield from (f"{package}/{name}" for name in about[package])


def test_the_picture_has_each_package():
    boxes = set(layer_names())
    parts = {
        f"{package}/{path.stem}"
        for package in ("retail_anomaly", "streamer")
        for path in (ROOT / package).iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem not in NOT_LAYERS
    }
    assert boxes == parts


# They start a command or the package, and everything may be imported by them.
NOT_LAYERS = {"__init__", "__main__", "main"}


def test_the_picture_is_up_to_date():
    drawn = runpy.run_path(str(ROOT / "docs" / "layers.py"))
    assert drawn["PICTURE"].read_text(encoding="utf-8") == drawn["architecture"](), "run `make docs`"
