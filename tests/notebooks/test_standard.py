"""Every notebook asks one question, proves its claim, and calls the package where it would compute."""

from __future__ import annotations

import ast
import re

import pytest

from tests.notebooks.source import PATHS, ROOT, Notebook

LONGEST = 5
LONGEST_LOOP = 8
WRITES_A_DETECTOR = "70_write_a_detector.ipynb"
"""The one notebook whose subject is a detector of one's own."""
OF_DETECTORS = (
    "retail_anomaly.detectors.",
    "retail_anomaly.core.memory",
    "retail_anomaly.core.collections",
    "retail_anomaly.models",
)

every = pytest.mark.parametrize("notebook", [Notebook(path) for path in PATHS], ids=lambda one: one.path.stem)
but_the_one = pytest.mark.parametrize(
    "notebook",
    [Notebook(path) for path in PATHS if path.name != WRITES_A_DETECTOR],
    ids=lambda one: one.path.stem,
)


def test_there_is_a_row_of_them():
    assert [path.stem for path in PATHS] == [
        "00_quickstart",
        "10_explore_events",
        "20_rules",
        "25_refunds",
        "30_river_models",
        "40_tune",
        "50_validate",
        "60_live",
        "70_write_a_detector",
        "75_write_a_rule",
        "80_review",
    ]


@every
def test_title_is_one_question(notebook):
    first = notebook.sources("markdown")[0].splitlines()[0]
    assert re.fullmatch(r"# [A-Z][^?]*\?", first), first
    assert not [text for text in notebook.sources("markdown")[1:] if text.startswith("# ")]


@every
def test_parameters_stand_in_the_first_cell_of_code_and_are_plain_values(notebook):
    first = next(cell for cell in notebook.cells if cell["cell_type"] == "code")
    assert first == notebook.parameters
    for statement in ast.parse("".join(first["source"])).body:
        assert isinstance(statement, ast.Assign)
        assert isinstance(statement.value, ast.Constant)
    shrunk = first["metadata"].get("nbmake", {}).get("mock", {})
    assert set(shrunk) <= notebook.names, "a test would change what the notebook does not have"


@every
def test_it_takes_the_readers_data(notebook):
    source = "".join(notebook.parameters["source"])
    assert source.startswith("source = None"), "the first parameter is the reader's data"
    assert {"source", "mapping"} <= notebook.names
    called = [node.func.attr for node in notebook.nodes(ast.Call) if isinstance(node.func, ast.Attribute)]
    assert "of" in called, "NotebookData.of chooses between the reader's data and simulated stores"


@every
def test_claim_is_proved(notebook):
    assert notebook.nodes(ast.Assert)
    assert "assert" in notebook.sources("code")[-1]


@every
def test_functions_are_short(notebook):
    for function in notebook.nodes(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda):
        lines = function.end_lineno - function.lineno + 1
        assert lines <= LONGEST, (
            f"{getattr(function, 'name', 'lambda')} has {lines} lines: is it the package's?"
        )


@every
def test_loops_are_short(notebook):
    for loop in notebook.nodes(ast.For, ast.While):
        lines = loop.end_lineno - loop.lineno + 1
        assert lines <= LONGEST_LOOP, (
            f"a loop of {lines} lines at {ast.unparse(loop)[:60]!r}: is it the package's?"
        )


@but_the_one
def test_there_is_no_detector_inside(notebook):
    assert not notebook.nodes(ast.ClassDef)
    imported = [node.module or "" for node in notebook.nodes(ast.ImportFrom)]
    imported += [alias.name for node in notebook.nodes(ast.Import) for alias in node.names]
    assert not [name for name in imported if name.startswith(OF_DETECTORS)]
    # Detectors decide on events one by one, not notebooks.
    steps = {"on_sale", "on_refund", "on_count", "on_security", "on_time"}
    assert not [node.attr for node in notebook.nodes(ast.Attribute) if node.attr in steps]


@every
def test_no_widget_collects_output(notebook):
    # The gallery runs notebooks without the state of widgets, and fails at one that collects output.
    used = {node.name for node in notebook.nodes(ast.alias)}
    assert not used & {"Output", "interact", "interact_manual", "interactive", "interactive_output"}


@every
def test_it_says_where_data_of_ones_own_goes_or_how_it_is_run(notebook):
    assert len(notebook.sources("markdown")[0].splitlines()) >= 3


def test_readme_leads_from_a_question_to_each_notebook():
    readme = (ROOT / "README.md").read_text("utf-8")
    for path in PATHS:
        question = Notebook(path).sources("markdown")[0].splitlines()[0].removeprefix("# ")
        assert f"| {question} | [{path.stem}](notebooks/{path.name}) |" in readme
