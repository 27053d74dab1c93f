"""The advice about a time that can't be read: any value is answered."""

from __future__ import annotations

from typing import Any

import pytest

import retail_anomaly as ra
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.sources.advice import advised, date_forms_of


def test_a_value_without_a_form_has_none():
    # In one test: pytest cannot write a number of 5,000 digits into a name.
    values: list[Any] = [
        float("inf"),
        float("nan"),
        10**5000,
        -(10**5000),
        "9" * 6_000,
        "\u00b9",
        None,
        [],
        "",
    ]
    assert [bool(date_forms_of(value)) for value in values] == [False] * len(values)


@pytest.mark.parametrize("field", ["eventTime", "businessDate"])
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("31.02.25 10:09", "31.02.25 10:09 is no day of the calendar"),
        ("2026-02-31", "2026-02-31 is no day of the calendar"),
        ("20260231", "20260231 is no day of the calendar"),
        ("30-Feb-2026 3:05 PM", "30-Feb-2026 3:05 PM is no day of the calendar"),
        ("28.02.25 24:10", "28.02.25 24:10 is no time of a day"),
        ("28.02.25 10.09", "a mapping with `dates: [DD.MM.YY HH.mm]` reads it"),
        ("2025-02-28 10.09.30", "a mapping with `dates: [YYYY-MM-DD HH.mm.ss]` reads it"),
        ("2025-02-28 24.10", "2025-02-28 24.10 is no time of a day"),
        ("28.02.70 10:09", "with `dates: [DD.MM.YY HH:mm]` it is before 2000 or after 2099"),
        ("28.02.25 10:09", "a mapping with `dates: [DD.MM.YY HH:mm]` reads it"),
    ],
)
def test_no_mapping_is_advised_for_a_date_that_there_is_not(field: str, value: str, said: str):
    error = InvalidEvent(field, f"{field}: expected a time")

    assert advised(error, {field: value}).reason == f"{field}: expected a time; {said}"


def test_a_wrong_date_in_the_form_of_the_mapping_is_said_with_its_value():
    line = {
        "storeId": "s",
        "cashierId": "c",
        "transactionId": "t",
        "eventType": "SALE",
        "sku": "k",
        "amount": 3,
    }
    rows = [line | {"eventTime": f"{day}.02.25 10:09"} for day in (28, 31)]

    summary = ra.load(rows, mapping={"dates": "DD.MM.YY HH:mm"}).summary

    assert summary.events.total() == 1
    assert str(summary.first_unreadable).endswith("; 31.02.25 10:09 is no day of the calendar")


def test_a_time_of_1970_is_not_taken_for_seconds():
    with pytest.raises(ra.SourceError) as caught:
        list(ra.load([{"storeId": "s", "sku": "k", "countedQty": 3, "eventTime": "01.02.70"}],
                     topic="inventory-counts", mapping={"dates": "DD.MM.YY"}))  # fmt: skip
    assert "epoch_s" not in str(caught.value)
