"""A kernel in which a test runs code as a notebook's cell does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.waiting import PATIENCE_S

Cell = Callable[[str], list[Any]]


@pytest.fixture(scope="module")
def cell() -> Iterator[Cell]:
    """Run code in a kernel that the module shares; return the cell's outputs."""
    notebook = nbformat.v4.new_notebook()
    client = NotebookClient(notebook, timeout=PATIENCE_S)
    with client.setup_kernel():

        def run(code: str) -> list[Any]:
            notebook.cells.append(nbformat.v4.new_code_cell(code))
            return list(client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1).outputs)

        yield run
