"""Whatever stands in a file or a frame: rows in are events and reported rows, and nothing else is raised.

`READER_EXAMPLES=20000` runs the long form.
"""

from __future__ import annotations

import csv
import io
import json
import os
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import retail_anomaly as ra
from retail_anomaly.sources import SourceError, open_input
from retail_anomaly.sources.unreadable import UnreadableError

LONG = settings(
    max_examples=int(os.environ.get("READER_EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FIELDS = ("transactionId", "storeId", "cashierId", "sku", "amount", "eventType", "eventTime")
GOOD = ("t", "s", "c", "k", "9.5", "SALE", "2025-10-09 08:53:20")
WORDS = st.sampled_from(
    ["", " ", "NULL", "-1", "1.120", "12,50", "\u20ac5", "1e400", "nan", "0012", '"', "a,b", "x;y", "REFUND",
     "NO_SALE", "2025-10-09", "10/9/2025", "1760000000000", "20251009", "9" * 400, "\u0660", "\ud7ff", "\x00",
     "4111111111111111"]
)  # fmt: skip
TEXTS = st.one_of(WORDS, st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
CELLS = st.one_of(
    TEXTS, st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), st.datetimes(), st.dates(),
    st.lists(st.integers(), max_size=2),
)  # fmt: skip
ROWS = st.lists(
    st.dictionaries(st.sampled_from([*FIELDS, "quantity", "registerId"]), CELLS), min_size=1, max_size=6
)
MAPPINGS = st.sampled_from(
    [
        None,
        {"negative": "refund", "amount": "per_unit", "decimal": ","},
        {"dates": ["MM/DD/YYYY", "epoch_s", "excel", "YYYYMMDD"], "minor_units": 2},
        {"types": {"SALE": "REFUND"}, "nulls": ["x"], "trim": False, "time_zone": "Africa/Cairo"},
    ]
)


def accounted(source: Any, mapping: Any) -> int:
    """Return how many rows are events or reported; all of them may be reported."""
    bad: list[Any] = []
    mapped = ra.load([], mapping=mapping).mapping if mapping else None
    try:
        return sum(1 for _ in open_input(source, columns=mapped).events(bad.append)) + len(bad)
    except UnreadableError:
        return len(bad)


def whole(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put a good row first, so that no column is missing."""
    return [dict(zip(FIELDS, GOOD, strict=True)), *rows]


@LONG
@given(rows=ROWS, mapping=MAPPINGS)
def test_rows_of_dicts_and_frames_are_events_or_reported(rows, mapping):
    assert accounted(whole(rows), mapping) == len(rows) + 1
    assert accounted(pd.DataFrame(whole(rows), dtype="object"), mapping) == len(rows) + 1


@LONG
@given(rows=st.lists(st.lists(TEXTS, min_size=7, max_size=7), max_size=6), mapping=MAPPINGS,
       separator=st.sampled_from(",;\t|"))  # fmt: skip
def test_rows_of_a_csv_file_are_events_or_reported(tmp_path, rows, mapping, separator):
    target = io.StringIO()
    writer = csv.writer(target, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerows([FIELDS, GOOD, *rows])
    (tmp_path / "a.csv").write_bytes(target.getvalue().encode())
    assert accounted(tmp_path / "a.csv", {**(mapping or {}), "separator": separator}) == len(rows) + 1


@LONG
@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(['"', '""', ',"', '",', "\\"])), max_size=6))
def test_a_slip_in_a_csv_file_costs_its_own_row(tmp_path, slips):
    good = ",".join(GOOD)
    lines = [good]
    for place, slip in slips:
        lines += [good[:place] + slip + good[place:], good]
    (tmp_path / "a.csv").write_text("\n".join([",".join(FIELDS), *lines]) + "\n")
    bad: list[Any] = []
    events = list(open_input(tmp_path / "a.csv").events(bad.append))
    assert len(events) + len(bad) == len(lines)
    assert len(events) >= len(slips) + 1


@LONG
@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_read_or_refused_in_one_line(tmp_path, content):
    for name in ("a.csv", "a.jsonl", "a.json", "pos-events.jsonl", "a.csv.gz", "a.zip", "a.parquet"):
        (tmp_path / name).write_bytes(content)
        said = ""
        try:
            list(open_input(tmp_path / name).events(lambda bad: None))
        except SourceError as error:
            said = str(error)
        assert "\n" not in said


@LONG
@given(
    lines=st.lists(st.one_of(st.text(max_size=20), ROWS.map(lambda rows: json.dumps(rows[0], default=str))))
)
@pytest.mark.parametrize("mapped", [False, True])
def test_lines_of_json_are_events_or_reported(tmp_path, mapped, lines):
    shown = [line.replace("\n", " ").replace("\r", " ") for line in lines]
    written = "".join(f"{line}\n" for line in [json.dumps(dict(zip(FIELDS, GOOD, strict=True))), *shown])
    (tmp_path / "pos-events.jsonl").write_bytes(written.encode("utf-8", "surrogatepass"))
    counted = sum(1 for line in written.encode("utf-8", "surrogatepass").split(b"\n") if line.strip())
    assert accounted(tmp_path / "pos-events.jsonl", {"negative": "refund"} if mapped else None) == counted
