"""Durations as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_anomaly.core.durations import Duration


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("10m", 600_000),
        ("PT10M", 600_000),
        ("30d", 2_592_000_000),
        ("P30D", 2_592_000_000),
        ("1h30m", 5_400_000),
        ("PT1H30M", 5_400_000),
        ("P1DT12H", 129_600_000),
        ("500ms", 500),
        ("PT0.5S", 500),
        ("PT1.25S", 1_250),
        ("0", 0),
        ("0s", 0),
        ("PT0S", 0),
        (" 2m ", 120_000),
    ],
)
def test_short_and_iso_forms_are_read(text, milliseconds):
    assert Duration.parse(text) == milliseconds


@pytest.mark.parametrize(
    "text",
    ["", "10", "m", "ten minutes", "-10m", "10 m", "10m!", "1.5h", "P", "PT", "P1DT", "PT10", "P10M", "10M"],
)
def test_anything_else_is_refused_and_shown(text):
    with pytest.raises(ValueError, match="expected a duration such as 10m") as caught:
        Duration.parse(text)
    assert repr(text) in str(caught.value)


@given(st.integers(0, 10**12))
def test_a_duration_written_and_read_is_the_same(milliseconds):
    assert Duration.parse(str(Duration(milliseconds))) == milliseconds


def test_a_duration_shows_itself_in_the_largest_units():
    assert str(Duration(2_592_000_000)) == "30d"
    assert f"{Duration(90_061_001)}" == "1d1h1m1s1ms"
    assert str(Duration(0)) == "0"
