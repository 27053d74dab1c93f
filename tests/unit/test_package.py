"""The package as Python's own tools see it: its help, its names and its version."""

from __future__ import annotations

import pydoc
from importlib.metadata import version

import pytest

import retail_anomaly as ra


def test_help_shows_the_whole_package():
    text = pydoc.plain(pydoc.render_doc(ra))
    assert "retail_anomaly - Loss prevention for shops" in text
    assert "class ReplayResult" in text


@pytest.mark.parametrize("name", dir(ra))
def test_every_name_of_the_package_is_there_and_has_a_docstring(name):
    assert getattr(ra, name).__doc__


@pytest.mark.parametrize("name", [name for name in dir(ra) if name not in {"Event", "__version__"}])
def test_help_shows_every_name_of_the_package(name):
    assert pydoc.plain(pydoc.render_doc(getattr(ra, name)))


def test_the_version_is_the_one_that_is_installed():
    assert ra.__version__ == version("retail-anomaly")
