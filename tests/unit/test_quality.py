"""What the checks of a log notice."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from retail_anomaly.frames.quality import data_quality
from retail_anomaly.sources import SourceError
from tests.support.events import DAY, HOUR, MINUTE, count, gate, line, refund, sale, shift

MIDNIGHT = -(1_760_000_000_000 % DAY)  # of the first day, from T0


def found(*events: Any, **options: Any) -> dict[str, int]:
    frame = data_quality(list(events), **options)
    counts = frame.set_index("check")["count"]
    return {str(check): int(number) for check, number in counts[counts > 0].items()}


def honest() -> list[Any]:
    """A sale, and its refund by somebody on shift."""
    return [shift(-HOUR, HOUR), sale(transaction_id="a"), refund(MINUTE, transaction_id="a")]


def test_a_sound_log_fails_nothing_and_every_check_is_listed():
    frame = data_quality(honest())
    assert frame["count"].sum() == 0
    assert len(frame) == 12
    assert frame["matters"].str.len().min() > 10
    assert frame["check"].tolist() == data_quality([])["check"].tolist()


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([refund()], {"refund without a known sale": 1, "refund by somebody without a shift": 1}),
        ([*honest(), refund(2 * MINUTE, transaction_id="b", original_transaction_id="a")], {}),
        ([*honest(), refund(2 * HOUR, transaction_id="a")], {"refund off shift": 1}),
        ([*honest(), sale(sku="k", amount=0.0)], {"sale of amount 0": 1}),
        ([*honest(), line("VOID")], {"neither sale nor refund": 1}),
        ([sale(), sale()], {"line equal to an earlier one": 1}),
        ([sale(event_id="e", sku="a"), sale(event_id="e", sku="b")], {"event id seen before": 1}),
        ([gate(0, "g"), gate(1, "g")], {"event id seen before": 1}),
        # The same id in another store, or of another topic, is another event.
        ([gate(0, "g"), gate(1, "g", store="store-2"), sale(event_id="g")], {}),
        ([sale(2 * MINUTE), sale(MINUTE)], {}),
        ([sale(2 * MINUTE), sale(MINUTE - 1)], {"late by more than a minute": 1}),
        ([sale(2 * MINUTE), sale(store_id="store-2")], {}),
    ],
)
def test_each_fault_is_noticed_and_nothing_else(events, expected):
    assert found(*events) == expected


def test_the_latest_event_is_the_example_of_lateness():
    frame = data_quality([sale(DAY), sale(DAY - HOUR, sku="b"), sale(-HOUR, sku="c"), sale(DAY - HOUR)])
    late = frame.set_index("check").loc["late by more than a day"]
    assert (late["count"], late["of"]) == (1, 4)
    assert late["example"] == "store-1: 1,500 minutes"


def test_lines_that_are_no_events_are_counted_with_the_others(tmp_path):
    path = tmp_path / "log.jsonl"
    line = {
        "topic": "inventory-counts",
        "value": {"storeId": "s", "sku": "k", "countedQty": 1, "eventTime": 1_760_000_000_000},
    }
    path.write_text(f'{{"topic": "pos-events", "value": {{}}}}\n{{\n{json.dumps(line)}\n', "utf-8")
    bad = data_quality(path).set_index("check").loc["line that is no event"]
    assert (bad["count"], bad["of"], bad["share"]) == (2, 3, 2 / 3)
    assert "log.jsonl:1" in bad["example"]
    with pytest.raises(SourceError):
        data_quality(tmp_path / "missing.jsonl")


def test_days_and_busy_hours_without_a_sale_are_found_on_the_stores_own_clock():
    """Six sales an hour from 22 to 1 h in UTC; in Tokyo that is the next morning, within one day."""
    hours = [
        (day, hour) for day in range(21) for hour in (22, 23, 24) if (day, hour) != (7, 23) and day != 15
    ]
    events = [
        sale(MIDNIGHT + day * DAY + hour * HOUR + n * MINUTE, transaction_id=f"{day}-{hour}-{n}")
        for day, hour in hours
        for n in range(6)
    ]
    tokyo = data_quality(events, zones={"store-1": "Asia/Tokyo"}).set_index("check")
    assert list(tokyo[["count", "of"]].loc["store-day without a sale"]) == [1, 21]
    assert list(tokyo[["count", "of"]].loc["busy hour without a sale"]) == [1, 60]
    assert tokyo["example"]["busy hour without a sale"] == "store-1: Friday 2025-10-17 08:00"
    # In UTC each night is a part of two days, and none is empty.
    assert found(*events).get("store-day without a sale", 0) == 0


def test_foreign_columns_and_constants_are_taken():
    frame = pd.DataFrame(
        {"no": ["1"], "sku": ["k"], "amount": [0.0], "kind": ["SALE"], "at": [pd.Timestamp("2025-10-09")]}
    )
    checks = data_quality(
        frame,
        columns={"transactionId": "no", "eventType": "kind", "eventTime": "at"},
        constants={"storeId": "s", "cashierId": "c"},
    ).set_index("check")
    assert checks["count"]["sale of amount 0"] == 1


def test_counts_move_the_clock_that_lateness_is_measured_by():
    assert found(count(HOUR, 3), sale()) == {"late by more than a minute": 1}
