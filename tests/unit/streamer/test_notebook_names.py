"""`streamer.notebook` gives a notebook everything in one import line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streamer import notebook


@pytest.mark.parametrize("name", notebook.__all__)
def test_each_name_is_there(name: str):
    assert getattr(notebook, name).__name__ == name
    assert name in dir(notebook)


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="Bord"):
        notebook.Bord  # noqa: B018


def test_a_feed_needs_neither_quix_nor_the_notebook_extra():
    script = (
        "import sys; from streamer.notebook import KafkaFeed; "
        "assert not {'quixstreams', 'ipywidgets'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
