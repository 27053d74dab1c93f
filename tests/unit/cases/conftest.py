"""A board of cases that runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from retail_anomaly.cli.review.access import Rules
from tests.support.open_board import OpenBoard, running, write_alerts
from tests.unit.cases.test_triage import HOUR, alert


@pytest.fixture
def board(tmp_path: Path) -> Iterator[OpenBoard]:
    two = [alert("a"), alert("b", HOUR, type="SHRINKAGE", evidence={"sku": "k"})]
    write_alerts(tmp_path, *two, alert("c", employee_id="<script>alert(1)</script>"))
    with running(tmp_path, Rules("kim", hosts=("127.0.0.1",))) as opened:
        yield opened
