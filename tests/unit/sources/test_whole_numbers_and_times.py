"""A whole number may be written as 3.0, in JSON as in a table, and a time is within 2000 and 2099."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retail_anomaly.core.events import PosEvent
from retail_anomaly.sources import open_input
from retail_anomaly.sources.columns import Columns

INPUTS = Path(__file__).parent / "inputs"
TIME = 1_760_000_000_000
VALUES: dict[str, dict[str, Any]] = {
    "pos-events": {"transactionId": "t", "storeId": "s", "cashierId": "c", "sku": "k", "amount": 1.0,
                   "eventType": "SALE", "eventTime": TIME, "quantity": 3},
    "staff-shifts": {"employeeId": "c", "storeId": "s", "shiftStart": TIME, "shiftEnd": TIME + 1_000},
    "security-events": {"eventId": "e", "storeId": "s", "eventTime": TIME, "eventType": "GATE",
                        "eventData": {"gateId": "g", "alarm": True}},
    "inventory-counts": {"storeId": "s", "sku": "k", "countedQty": 3, "eventTime": TIME},
}  # fmt: skip
WHOLE = [(topic, name) for topic, value in VALUES.items() for name, v in value.items() if type(v) is int]
TOO_LATE = [4_102_444_800_000, 20_251_009_085_320, 253_402_300_799_999]


def read(where, **how):
    """Return the events, and the number and field of each bad line."""
    bad = []
    events = list(open_input(where, **how).events(bad.append))
    return events, [(line.number, line.error.field) for line in bad]


def lines(path, topic, *values):
    path.write_text("".join(json.dumps({"topic": topic, "value": value}) + "\n" for value in values))
    return path


@pytest.mark.parametrize(
    ("name", "taken", "refused"),
    [
        ("float_times.jsonl", [TIME], [(2, "eventTime")]),
        ("count_fraction.jsonl", [3, 2.5], [(3, "countedQty")]),
    ],
)
def test_numbers_of_a_log_are_read_whole_ones_as_integers(name, taken, refused):
    events, bad = read(INPUTS / name)
    assert [getattr(event, "counted_qty", event.event_time) for event in events] == taken
    assert bad == refused


def test_goods_of_a_log_may_be_weighed_and_a_quantity_is_no_text():
    events, bad = read(INPUTS / "weighed_goods_fraction.jsonl")
    assert [event.quantity for event in events if isinstance(event, PosEvent)] == [0.482, 1]
    assert bad == [(3, "quantity")]


@pytest.mark.parametrize(("topic", "field"), WHOLE)
@pytest.mark.parametrize(
    "columns", [None, Columns(constants={"registerId": "7", "role": "r", "managerId": "m"})]
)
def test_a_whole_number_is_the_same_however_it_is_written(tmp_path, topic, field, columns):
    value = VALUES[topic]
    written = {**value, field: float(value[field])}
    (expected,), _ = read(lines(tmp_path / "a.jsonl", topic, value), columns=columns)
    bare = tmp_path / f"{topic}.jsonl"
    bare.write_text(json.dumps(written))
    assert read(lines(tmp_path / "b.jsonl", topic, written), columns=columns) == ([expected], [])
    assert read(bare, columns=columns) == ([expected], [])


@pytest.mark.parametrize(
    "quantity", [3, 3.0, "3", "3.0", " 3", "3e0", Decimal("3.0"), np.float32(3), np.int8(3)]
)
def test_a_whole_number_in_a_table_may_be_of_any_kind(quantity):
    frame = pd.DataFrame([VALUES["pos-events"] | {"quantity": quantity}], dtype="object")
    (event,), bad = read(frame)
    assert (event.quantity, bad) == (3, [])


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_a_number_of_32_bits_is_the_one_that_its_digits_say(tmp_path, kind):
    frame = pd.DataFrame([VALUES["pos-events"] | {"quantity": 0.42, "amount": 1.1}] * 2)
    frame = frame.astype({"quantity": kind, "amount": kind})
    frame.to_parquet(tmp_path / "pos-events.parquet")
    for source in (frame, tmp_path / "pos-events.parquet"):
        events, bad = read(source)
        assert ([(event.quantity, event.amount) for event in events], bad) == ([(0.42, 1.1)] * 2, [])


@pytest.mark.parametrize("quantity", [0.42, "0.42", " 0.42", "42e-2", Decimal("0.42"), np.float32(0.42)])
def test_a_weight_in_a_table_may_be_of_any_kind(quantity):
    frame = pd.DataFrame([VALUES["pos-events"] | {"quantity": quantity}], dtype="object")
    (event,), bad = read(frame)
    assert (event.quantity, bad) == (0.42, [])


@pytest.mark.parametrize("quantity", ["-3.5", "0.0", "three", "nan", "1e400", -2.5, True, Decimal("-2.5")])
def test_any_other_number_in_a_table_is_a_bad_row(quantity):
    frame = pd.DataFrame(
        [VALUES["pos-events"], VALUES["pos-events"] | {"quantity": quantity}], dtype="object"
    )
    assert read(frame)[1] == [(2, "quantity")]


def test_a_file_whose_times_are_written_as_floats_is_sorted_by_them(tmp_path):
    path = tmp_path / "inventory-counts.jsonl"
    times = [float(TIME + late) for late in (2, 1, 0)]
    path.write_text("\n".join(json.dumps(VALUES["inventory-counts"] | {"eventTime": time}) for time in times))
    events, _ = read(path)
    assert [event.event_time for event in events] == [TIME, TIME + 1, TIME + 2]


@pytest.mark.parametrize("late", TOO_LATE)
@pytest.mark.parametrize(
    ("topic", "field"), [pair for pair in WHOLE if pair[1] not in ("quantity", "countedQty")]
)
def test_a_time_after_2099_is_a_bad_line(tmp_path, topic, field, late):
    value = VALUES[topic]
    _, bad = read(lines(tmp_path / "a.jsonl", topic, value, value | {field: late}))
    assert bad == [(2, field)]


@pytest.mark.parametrize(
    "late",
    [*TOO_LATE, "2100-01-01", str(TOO_LATE[1]), datetime(2100, 1, 1, tzinfo=UTC), pd.Timestamp("2200-01-01")],
)
def test_a_time_after_2099_is_a_bad_row(late):
    value = VALUES["pos-events"]
    frame = pd.DataFrame([value, value | {"eventTime": late}], dtype="object")
    assert read(frame)[1] == [(2, "eventTime")]


def test_the_last_moment_of_2099_is_a_time(tmp_path):
    value = VALUES["inventory-counts"] | {"eventTime": TOO_LATE[0] - 1}
    events, bad = read(lines(tmp_path / "a.jsonl", "inventory-counts", value))
    assert [event.event_time for event in events] == [4_102_444_799_999]
    assert bad == []


def test_a_log_of_nothing_but_the_year_9999_cannot_be_read():
    bad = []
    with pytest.raises(
        ValueError, match=r"its value is 253402300799999; accepted for eventTime: .* 2000 to 2099"
    ):
        list(open_input(INPUTS / "time_year_9999.jsonl").events(bad.append))
    assert [line.error.field for line in bad] == ["eventTime"]
