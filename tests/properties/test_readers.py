"""Whatever stands in a file or a frame: rows in are events and reported rows, and nothing else is raised.

`READER_EXAMPLES=20000` runs the long form.
"""

from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from openpyxl.utils.exceptions import IllegalCharacterError

import retail_anomaly as ra
from retail_anomaly.sources import SourceError, open_input
from retail_anomaly.sources.unreadable import UnreadableError
from tests.support.odd_values import FIELDS, GOOD, LONG, MAPPINGS, ROWS, TEXTS


def accounted(source: Any, mapping: Any) -> int:
    """Return how many rows are events or reported; all of them may be reported."""
    bad: list[Any] = []
    mapped = ra.load([], mapping=mapping).mapping if mapping else None
    try:
        return sum(1 for _ in open_input(source, columns=mapped).events(bad.append)) + len(bad)
    except UnreadableError:
        return len(bad)


def said(path: Any) -> str:
    """Return the message with which a file is refused; empty if it is read."""
    try:
        list(open_input(path).events(lambda bad: None))
    except SourceError as error:
        return str(error)
    return ""


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
        assert "\n" not in said(tmp_path / name)


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


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(TEXTS, inner, max_size=2)),
    max_leaves=4,
)
OBJECTS = st.dictionaries(st.sampled_from([*FIELDS, "quantity", "lineNumber"]), JSON)


@LONG
@given(
    rows=st.lists(st.one_of(OBJECTS, JSON), max_size=6),
    mapping=MAPPINGS,
    envelope=st.sampled_from(["%s", '{"data": %s}', '{"ok": true, "page": {"rows": %s}}']),
    indent=st.sampled_from([None, 2]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_elements_of_a_json_array_are_events_or_reported(tmp_path, rows, mapping, envelope, indent, encoding):
    rows = whole(rows)
    content = envelope % json.dumps(rows, indent=indent)
    (tmp_path / "pos-events.json").write_bytes(content.encode(encoding))
    assert accounted(tmp_path / "pos-events.json", mapping) == len(rows)


KINDS: dict[Any, Any] = {
    pa.string(): TEXTS,
    pa.large_string(): TEXTS,
    pa.dictionary(pa.int32(), pa.string()): TEXTS,
    pa.binary(): st.binary(max_size=9),
    pa.bool_(): st.booleans(),
    pa.int8(): st.integers(-128, 127),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats(),
    pa.decimal128(20, 4): st.decimals(-(10**15), 10**15, places=4),
    pa.decimal256(60, 0): st.integers(-(10**59), 10**59).map(Decimal),
    pa.date32(): st.dates(),
    pa.date64(): st.dates(),
    pa.time64("us"): st.times(),
    pa.duration("ms"): st.timedeltas(timedelta(-9), timedelta(9)).map(lambda d: timedelta(d.days)),
    pa.null(): st.none(),
    pa.list_(pa.int64()): st.lists(st.integers(0, 9), max_size=2),
    pa.struct([("a", pa.string())]): st.fixed_dictionaries({"a": TEXTS}),
    pa.map_(pa.string(), pa.string()): st.lists(st.tuples(TEXTS, TEXTS), max_size=2),
    **{
        pa.timestamp(unit, zone): st.integers(-(2**62), 2**62) | st.integers(0, 2 * 10**power)
        for unit, power in (("s", 9), ("ms", 12), ("us", 15), ("ns", 18))
        for zone in (None, "UTC", "Asia/Kolkata", "+05:30")
    },
}


@st.composite
def arrow_tables(draw: Any) -> pa.Table:
    """A table of events whose columns are of any type."""
    size = draw(st.integers(1, 5))
    columns = {}
    for field, good in zip(FIELDS, GOOD, strict=True):
        kind = draw(st.sampled_from([None, *KINDS]))
        if kind is None:
            columns[field] = pa.array([good] * size)
            continue
        cells = draw(st.lists(st.none() | KINDS[kind], min_size=size, max_size=size))
        columns[field] = pa.array(cells, kind)
    return pa.table(columns)


@LONG
@given(table=arrow_tables(), mapping=MAPPINGS)
def test_rows_of_a_parquet_file_are_events_or_reported(tmp_path, table, mapping):
    try:
        pq.write_table(table, tmp_path / "a.parquet")
    except pa.ArrowException:
        assume(False)  # such as seconds that no millisecond can hold
    assert accounted(tmp_path / "a.parquet", mapping) == len(table)
    assert accounted(table, mapping) == len(table)


FORMATS = st.sampled_from(["General", "0000000", "@", "yyyy-mm-dd", "0.00E+00", "#,##0.00 [$EUR]", "[h]:mm"])
EXCEL_CELLS = st.one_of(
    TEXTS, st.none(), st.booleans(), st.integers(-(10**15), 10**15), st.floats(allow_nan=False),
    st.dates(date(1900, 3, 1)), st.times(),
    st.builds(datetime.combine, st.dates(date(1900, 3, 1)), st.times()),
    st.timedeltas(timedelta(), timedelta(99)), st.just("=1/0"), st.just("#N/A"),
)  # fmt: skip


@LONG
@given(
    rows=st.lists(st.lists(st.tuples(EXCEL_CELLS, FORMATS), min_size=7, max_size=9), max_size=5),
    titles=st.integers(0, 2),
    mapping=MAPPINGS,
)
def test_rows_of_a_workbook_are_events_or_reported(tmp_path, rows, titles, mapping):
    book = openpyxl.Workbook()
    sheet = book.active
    for _ in range(titles):
        sheet.append(["Sales of a week"])
    sheet.append(FIELDS)
    sheet.append(GOOD)
    try:
        for number, row in enumerate(rows, titles + 3):
            for place, (value, form) in enumerate(row, 1):
                sheet.cell(number, place, value).number_format = form
    except IllegalCharacterError:
        assume(False)
    book.save(tmp_path / "a.xlsx")
    filled = sum(any(value not in (None, "", "=1/0") for value, _ in row) for row in rows)
    assert accounted(tmp_path / "a.xlsx", mapping) == filled + 1


SMALL = {
    "a.parquet": pq.write_table,
    "a.xlsx": lambda table, path: table.to_pandas().to_excel(path, index=False),
}


@LONG
@given(
    name=st.sampled_from(sorted(SMALL)),
    slips=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 9), st.binary(max_size=9)), min_size=1, max_size=4
    ),
)
def test_a_damaged_file_is_read_or_refused_in_one_line(tmp_path, name, slips):
    SMALL[name](pa.table(dict(zip(FIELDS, ([cell] * 3 for cell in GOOD), strict=True))), tmp_path / name)
    content = (tmp_path / name).read_bytes()
    for share, removed, added in slips:
        place = int(share * len(content))
        content = content[:place] + added + content[place + removed :]
    (tmp_path / name).write_bytes(content)
    assert "\n" not in said(tmp_path / name)
