"""Fingerprints are found wherever they lie, however many came and went."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_anomaly.core.ledger import print_list
from retail_anomaly.core.ledger.print_list import PrintList

VALUES = st.integers(0, 5)
STEPS = st.lists(st.one_of(st.lists(VALUES, max_size=9), st.integers(0, 12)), max_size=30)


@given(STEPS)
def test_it_finds_what_reading_all_finds(steps: list[list[int] | int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(print_list, "_SORTED_AT_ONCE", 4)
        _compare(steps)


def _compare(steps: list[list[int] | int]) -> None:
    prints, values = PrintList(), list[int]()
    for step in steps:
        if isinstance(step, int):
            prints.drop(min(step, len(values)))
            del values[:step]
        else:
            prints.extend(np.array(step, np.uint32))
            values += step
        assert list(prints[: len(values)]) == values
        for wanted in range(6):
            assert prints.positions(wanted) == [at for at, value in enumerate(values) if value == wanted]


def test_it_finds_each_of_many() -> None:
    prints = PrintList()
    prints.extend(np.arange(200_000, dtype=np.uint32)[::-1])
    wanted = {0: [199_999], 70_000: [129_999], 199_999: [0], 200_000: []}
    assert {value: prints.positions(value) for value in wanted} == wanted
