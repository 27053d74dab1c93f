"""Why a value was refused is said in plain words: for every field, kind of value and reader."""

from __future__ import annotations

import copy
import json
from typing import Any

import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly.core import codec
from retail_anomaly.core.events import EVENT_TYPES
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.sources.columns import FIELDS, REQUIRED

TEN = 1_760_000_000_000
GOOD: dict[str, dict[str, Any]] = {
    "pos-events": {"transactionId": "t", "storeId": "s", "cashierId": "c", "sku": "k", "amount": 9.5,
                   "eventType": "SALE", "eventTime": TEN},
    "staff-shifts": {"employeeId": "e", "storeId": "s", "shiftStart": TEN, "shiftEnd": TEN + 1},
    "security-events": {"eventId": "e", "storeId": "s", "eventTime": TEN, "eventType": "GATE",
                        "eventData": {"gateId": "g", "alarm": True}},
    "inventory-counts": {"storeId": "s", "sku": "k", "countedQty": 1, "eventTime": TEN},
    "stock-movements": {"storeId": "s", "sku": "k", "quantity": 1, "eventTime": TEN},
}  # fmt: skip
VALUES: list[Any] = ["", None, "x", -1, 0, 7, True, 1.5, -1.5, 10**15, 10**30, [], ["a"], {}]


def with_value(topic: str, field: str, value: Any) -> dict[str, Any]:
    event = copy.deepcopy(GOOD[topic])
    parent, _, child = field.partition(".")
    if child:
        event[parent][child] = value
    else:
        event[field] = value
    return event


def refusal(topic: str, raw: bytes) -> InvalidEvent | None:
    try:
        codec.decode(topic, raw)
    except InvalidEvent as error:
        return error
    return None


@pytest.mark.parametrize("topic", EVENT_TYPES)
def test_no_field_and_value_is_told_of_in_a_programmers_words(topic: str) -> None:
    reasons = []
    for field in FIELDS[topic]:
        for value in VALUES:
            error = refusal(topic, json.dumps(with_value(topic, field, value)).encode())
            if error is not None:
                assert (error.field, error.reason.partition(":")[0]) == (field, field)
                reasons.append(error.reason)
    assert len(reasons) > 5 * len(FIELDS[topic])
    odd = ("`", "str", "int ", "float", "bool", "null", "None", "length", ".0", "NoneType", "e+")
    assert [reason for reason in reasons if any(word in reason.partition(": ")[2] for word in odd)] == []


def refused(rows: list[dict[str, Any]], topic: str, form: str, tmp_path: Any) -> list[str]:
    """Return the reasons why rows of a table are none; a good row stands among them."""
    table = pd.DataFrame([*rows, {name.removeprefix("_"): cell for name, cell in flat(GOOD[topic]).items()}])
    source: Any = table
    if form == "csv":
        source = tmp_path / "a.csv"
        table.to_csv(source, index=False)
    elif form == "dicts":
        source = table.to_dict("records")
    elif form == "xlsx":
        pytest.importorskip("openpyxl")
        source = tmp_path / "a.xlsx"
        table.to_excel(source, index=False)
    elif form == "parquet":
        pytest.importorskip("pyarrow")
        source = tmp_path / "a.parquet"
        table.astype(str).to_parquet(source)
    bad: list[Any] = []
    assert len(list(ra.load(source, topic=topic).open_again().events(bad.append))) == 1
    return [line.error.reason for line in bad]


def flat(event: dict[str, Any]) -> dict[str, Any]:
    inner = event.get("eventData", {})
    return {name: cell for name, cell in event.items() if name != "eventData"} | {
        f"eventData.{name}": cell for name, cell in inner.items()
    }


KINDS = {
    "text": "text",
    "number": "a number",
    "decimal": "a number",
    "integer": "a time",
    "flag": "true or false",
}
FLAGS = "a mapping with `flags: {soon: true}`, or false, reads it"


@pytest.mark.parametrize("form", ["csv", "frame", "dicts", "xlsx", "parquet"])
@pytest.mark.parametrize("topic", EVENT_TYPES)
def test_an_empty_cell_is_called_one(topic: str, form: str, tmp_path: Any) -> None:
    fields = [field for field in FIELDS[topic] if field.partition(".")[0] in REQUIRED[topic]]
    fields = [field for field in fields if field in flat(GOOD[topic])]
    reasons = refused([{**flat(GOOD[topic]), field: ""} for field in fields], topic, form, tmp_path)
    expected = [f"{field}: expected {KINDS[FIELDS[topic][field]]}, the cell is empty" for field in fields]
    assert reasons == expected


@pytest.mark.parametrize("form", ["csv", "frame", "dicts", "xlsx", "parquet"])
@pytest.mark.parametrize(
    ("topic", "field", "reason"),
    [
        ("pos-events", "amount", "amount: expected a number, got text"),
        ("pos-events", "quantity", "quantity: expected a number, got text"),
        ("pos-events", "lineNumber", "lineNumber: expected a whole number, got text"),
        ("pos-events", "training", f"training: expected true or false, got text; {FLAGS}"),
        ("pos-events", "eventTime", "eventTime: expected a time, got text"),
        ("pos-events", "businessDate", "businessDate: expected a date as YYYY-MM-DD"),
        ("security-events", "eventData.alarm", f"eventData.alarm: expected true or false, got text; {FLAGS}"),
    ],
)
def test_text_where_another_kind_is_wanted_is_told_in_plain_words(
    topic: str, field: str, reason: str, form: str, tmp_path: Any
) -> None:
    row = {**flat(GOOD[topic]), field: "soon"}
    assert refused([row], topic, form, tmp_path) == [reason]
