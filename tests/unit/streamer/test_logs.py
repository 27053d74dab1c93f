"""The log: one form for our lines and those of the libraries, JSON unless a terminal reads it."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import structlog

from streamer.observe import logs
from tests.support.waiting import PATIENCE_S


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("restored_log")
class TestConfigure:
    def test_lines_are_json_objects_whoever_writes_them(self):
        there = io.StringIO()
        logs.configure("info", there)
        structlog.stdlib.get_logger("streamer").info("started", partitions=6)
        logging.getLogger("quixstreams.app").warning("took %d ms", 12)
        ours, theirs = (json.loads(line) for line in there.getvalue().splitlines())
        assert (ours["event"], ours["partitions"], ours["logger"]) == ("started", 6, "streamer")
        assert (theirs["event"], theirs["level"]) == ("took 12 ms", "warning")
        assert ours["time"].endswith("Z")

    def test_terminal_gets_readable_lines(self):
        there = _Terminal()
        logs.configure("info", there)
        structlog.stdlib.get_logger("streamer").info("started", partitions=6)
        assert "started" in there.getvalue()
        assert not there.getvalue().startswith("{")

    def test_level_holds_for_all(self):
        there = io.StringIO()
        logs.configure("warning", there)
        structlog.stdlib.get_logger("streamer").info("no")
        logging.getLogger("quixstreams.app").info("no")
        assert there.getvalue() == ""

    def test_second_call_replaces_the_first(self):
        first, second = io.StringIO(), io.StringIO()
        logs.configure("info", first)
        logs.configure("info", second)
        structlog.stdlib.get_logger("streamer").info("once")
        assert (first.getvalue(), len(second.getvalue().splitlines())) == ("", 1)

    def test_exception_stays_in_its_line(self):
        there = io.StringIO()
        logs.configure("info", there)
        try:
            raise ValueError("broken")
        except ValueError:
            logging.getLogger("quixstreams").exception("failed")
        (line,) = there.getvalue().splitlines()
        assert "ValueError: broken" in json.loads(line)["exception"]


def _noisy_import() -> None:
    with logs.without_httpx_notice():
        warnings.warn("The httpx module is deprecated; use another.", DeprecationWarning, stacklevel=1)
        warnings.warn("important", UserWarning, stacklevel=1)


def test_httpx_notice_is_swallowed_and_nothing_else():
    with pytest.warns(UserWarning, match="important") as said:
        _noisy_import()
    assert len(said) == 1


def test_quix_is_imported_without_a_word():
    program = """from streamer.observe.quick_import import importing_quix
with importing_quix():
    import quixstreams
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    assert done.stderr == ""


def test_quix_is_imported_without_building_grammars_that_nobody_asked_for(tmp_path: Path):
    # As in a notebook environment, where jsonschema finds this package.
    (tmp_path / "rfc3987_syntax.py").write_text(
        "print('built')\ndef is_valid_syntax(term, value):\n    return term == 'iri' and 'x' in value\n"
    )
    program = """
from streamer.observe.quick_import import importing_quix
with importing_quix():
    import quixstreams
import jsonschema
print("imported")
checker = jsonschema.FormatChecker()
print(checker.conforms("http://x", "iri"), checker.conforms("http://y", "iri"))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[3]}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert done.stdout.split() == ["imported", "built", "True", "False"]
