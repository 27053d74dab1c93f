"""The switch of these tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ASKED = os.environ.get("IMAGE") == "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave these tests out unless you ask for them."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skipif(not ASKED, reason="only with IMAGE=1 (make image-test)"))
            item.add_marker(pytest.mark.timeout(3600))
