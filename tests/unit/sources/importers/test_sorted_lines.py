"""Lines are sorted by time, whatever fits into memory."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from retail_anomaly.sources.importers.sorted_lines import SortedLines


@given(times=st.lists(st.integers(946_684_800_000, 946_684_800_009), max_size=40), most=st.integers(1, 9))
def test_lines_stand_by_time_and_equal_times_as_they_came(tmp_path_factory, times, most):
    folder: Path = tmp_path_factory.getbasetemp()
    # The later a line comes, the earlier its text: a sort by texts would be seen.
    lines = [(time, b"%03d" % (999 - place)) for place, time in enumerate(times)]

    with SortedLines(folder, most) as found:
        for time, line in lines:
            found.add(time, line)
        written = b"".join(found.pieces())

    assert written.splitlines() == [line for _, line in sorted(lines, key=lambda each: each[0])]
