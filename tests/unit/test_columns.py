"""Columns of foreign data."""

from __future__ import annotations

from typing import Any

import pytest

from retail_anomaly.sources.columns import Columns, ColumnsError


def test_the_command_line_form_is_the_same_as_the_python_form():
    parsed = Columns.parse("cashierId=customerId:unknown, quantity=:1,eventData.alarm=:true,sku=article")
    made = Columns(
        {"cashierId": "customerId", "sku": "article"},
        {"cashierId": "unknown", "quantity": 1, "eventData.alarm": True},
    )
    assert (parsed.columns, parsed.constants) == (made.columns, made.constants)
    assert not Columns.parse("")


@pytest.mark.parametrize(
    "text", ["cashierId", "=customerId", "cashierId=", "cashierId=:", "a=b=c", "sku=a,sku=:b"]
)
def test_what_is_no_mapping_is_refused(text):
    with pytest.raises(ColumnsError):
        Columns.parse(text)


def test_errors_name_the_field():
    with pytest.raises(ColumnsError, match="unknown field 'cashier'; the fields are transactionId"):
        Columns({"cashier": "x"})
    with pytest.raises(ColumnsError, match="quantity: expected decimal, got 'few'"):
        Columns.parse("quantity=:few")


def test_a_constant_stands_in_for_what_is_missing_or_empty_only():
    columns = Columns({"cashierId": "clerk"}, {"cashierId": "unknown"})
    rows: list[dict[str, Any]] = [
        {"clerk": "c-1"},
        {"clerk": ""},
        {"clerk": None},
        {},
        {"cashierId": "not looked at"},
    ]
    assert [columns.of(row, "pos-events")["cashierId"] for row in rows] == ["c-1", *["unknown"] * 4]


def test_nested_fields_come_from_nested_or_flat_columns():
    wanted: dict[str, Any] = {"eventData": {"gateId": "g", "alarm": True}}
    assert Columns().of(wanted, "security-events") == wanted
    flat: dict[str, Any] = {"gate": "g", "a": {"b": True}}
    columns = Columns({"eventData.gateId": "gate", "eventData.alarm": "a.b"})
    assert columns.of(flat, "security-events") == wanted
