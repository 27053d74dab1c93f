"""Alerts that are written are read back as they were, whatever the form."""

from __future__ import annotations

import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly.core.errors import UsageError

ROWS = [
    {"transactionId": number, "storeId": "s", "cashierId": "=1+1", "sku": "k", "amount": 120.0,
     "eventType": "REFUND", "eventTime": 1_760_000_000_000 + n}
    for n, number in enumerate(("0012", "=2+3", "t,\"x\""))
]  # fmt: skip


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "xlsx"])
def test_written_alerts_are_read_back(tmp_path, form):
    result = ra.replay(ROWS)
    assert len(result.alerts) == 4
    found = ra.read_alerts(result.write(tmp_path / f"alerts.{form}"))
    pd.testing.assert_frame_equal(found, result.alerts, check_dtype=False)


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"expected a name that ends with .jsonl, .csv, .parquet, .xlsx"):
        ra.replay(ROWS).write(tmp_path / "alerts.docx")
