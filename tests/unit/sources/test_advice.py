"""The advice about a time that can't be read: any value is answered."""

from __future__ import annotations

from typing import Any

from retail_anomaly.sources.advice import date_forms_of


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
