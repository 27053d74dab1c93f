"""A till whose export is imported."""

from __future__ import annotations

import pytest

from tests.support.till_export import ExportedTill


@pytest.fixture
def till() -> ExportedTill:
    till = ExportedTill()
    till.closing(1)
    return till
