"""The comparison of refunds with receipts: the zones of its times, and a row for each line."""

from __future__ import annotations

import pandas as pd

from retail_anomaly.evaluate import refund_cover
from retail_anomaly.settings import Settings, StoreSettings
from tests.support.events import refund


def test_a_time_without_a_zone_is_in_the_zone_of_its_store() -> None:
    row = {"transactionId": "t", "storeId": "s", "cashierId": "c", "sku": "k", "amount": 9.0}
    frame = pd.DataFrame([row | {"eventType": "REFUND", "eventTime": "2025-07-01 10:00:00"}])

    found = refund_cover(frame, settings=Settings(stores={"s": StoreSettings(time_zone="Europe/Berlin")}))

    assert found["event_time"].tolist() == [pd.Timestamp("2025-07-01 08:00", tz="UTC")]


def test_each_refund_line_is_one_row_also_the_first_event_of_a_store() -> None:
    lines = [refund(n, transaction_id=f"r-{n}", original_transaction_id="t") for n in range(3)]

    assert refund_cover(lines)["transaction_id"].tolist() == ["r-0", "r-1", "r-2"]
