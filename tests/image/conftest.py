"""The switch of these tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ASKED = os.environ.get("IMAGE") == "1"


# Left out, and not skipped: a skipped test is one that this machine should have run.
collect_ignore_glob = [] if ASKED else ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests the time of a build."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(3600))
