"""Columns of plain cells become the same values at once as cell by cell."""

from __future__ import annotations

from typing import Any, get_args
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from retail_anomaly.core.local_time import WallClock
from retail_anomaly.sources.bulk_cells import bulk_values
from retail_anomaly.sources.cells import converter, nulls_of
from retail_anomaly.sources.columns import Kind
from retail_anomaly.sources.mapping import TopicMapping
from retail_anomaly.sources.number_forms import NumberForm

TEXTS = st.one_of(st.sampled_from(["", " ", "n/a", "NULL", " None ", "k-1", "k 1 ", "\x1fk", "é"]), st.text())
NUMBERS = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 2.0, 0.42]))
COLUMNS = st.one_of(
    *(st.lists(cells) for cells in (TEXTS, NUMBERS, st.integers(), st.booleans(), st.none() | TEXTS)),
    st.lists(st.none() | NUMBERS | st.booleans() | st.integers() | TEXTS),
)


@given(COLUMNS, st.sampled_from(get_args(Kind)), st.booleans())
def test_a_column_is_converted_at_once_as_its_cells_are_one_by_one(
    cells: list[Any], kind: Kind, is_optional: bool
) -> None:
    mapping = TopicMapping()
    nulls = nulls_of(kind, mapping) if is_optional else None
    values = bulk_values(cells, kind, nulls=nulls, trim=mapping.trim)
    clock = WallClock(ZoneInfo("UTC"))
    convert = converter("anyField", kind, mapping, NumberForm("."), clock, is_optional)
    if values is not None:
        assert list(map(repr, values)) == [repr(convert(cell)) for cell in cells]
