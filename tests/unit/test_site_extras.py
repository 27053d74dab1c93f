"""`make site` installs some extras only: they bring every module that the site's pages are made from."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
OURS = ("retail-anomaly", "")
WRITE_REFERENCES = """
import json, sys
sys.modules.update(dict.fromkeys(json.load(sys.stdin)))
from docs import website
for page in website.REFERENCES:
    website.reference(page)
"""


def installed_for_the_site() -> set[str]:
    """Return the extras that the Makefile installs before it builds the site."""
    recipe = (ROOT / "Makefile").read_text().partition("$(VENV)/.docs:")[2]
    found = re.search(r"--editable '\.\[([\w,]+)\]'", recipe)
    assert found
    return set(found[1].split(","))


def brought_by(extras: Iterable[str]) -> set[str]:
    """Return the distributions that an installation with these extras has."""
    waiting = {OURS, *((OURS[0], extra) for extra in extras)}
    seen: set[tuple[str, str]] = set()
    while waiting:
        seen.add(each := waiting.pop())
        name, extra = each
        try:
            needs = [Requirement(text) for text in requires(name) or ()]
        except PackageNotFoundError:
            continue
        for need in needs:
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                needed = canonicalize_name(need.name)
                waiting |= {(needed, ""), *((needed, wanted) for wanted in need.extras)} - seen
    return {name for name, _ in seen}


def not_brought_by(extras: Iterable[str]) -> list[str]:
    """Return the modules of this environment that an installation with these extras lacks."""
    brought = brought_by(extras)
    return [
        module
        for module, distributions in packages_distributions().items()
        if brought.isdisjoint(map(canonicalize_name, distributions))
    ]


def write_references(extras: Iterable[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WRITE_REFERENCES],
        input=json.dumps(not_brought_by(extras)), cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_extras_of_make_site_bring_what_its_pages_are_made_from():
    done = write_references(installed_for_the_site())
    assert done.returncode == 0, done.stderr


def test_without_one_of_these_extras_the_site_lacks_a_module():
    done = write_references(installed_for_the_site() - {"notebook"})
    assert "retail-anomaly[notebook]" in done.stderr
