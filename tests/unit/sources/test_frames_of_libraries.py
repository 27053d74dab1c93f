"""Frames of every library and dtype give the values that they show, and anything else is one line."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import sqlite3

import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly.core.events import PosEvent

pa = pytest.importorskip("pyarrow")
pl = pytest.importorskip("polars")
duckdb = pytest.importorskip("duckdb")
TEN = 1_769_940_000_000  # 2026-02-01 10:00 UTC
NOON = dt.datetime(2026, 2, 1, 10)  # noqa: DTZ001 - the store's clock
DAY, CLOCK = dt.date(2026, 2, 1), {"columns": {"eventTime": ["eventTime", "clock"]}}
COLUMNS = {"transactionId": ["t1"], "storeId": ["s"], "cashierId": ["c"], "sku": ["k"], "amount": [9.5],
           "eventType": ["SALE"], "eventTime": [TEN]}  # fmt: skip


def pandas(**columns):
    return pd.DataFrame({**COLUMNS, **columns})


def arrow(**columns):
    return pa.table({**COLUMNS, **columns})


def polars(**columns):
    return pl.DataFrame({**COLUMNS, **columns})


def only(source, **how):
    """Return the only event of a source."""
    (event,) = ra.load(source, **how)
    assert isinstance(event, PosEvent)
    return event


def in_duckdb(changed):
    relation = duckdb.from_arrow(arrow())
    return relation.select(f"* replace ({changed})")


NARROW = pd.Series([0.42], dtype="float32")


@pytest.mark.parametrize(
    "frame",
    [
        lambda: pandas(amount=NARROW), lambda: pandas(amount=NARROW.astype("Float32")),
        lambda: pandas(amount=NARROW.astype(pd.ArrowDtype(pa.float32()))),
        lambda: pandas(amount=NARROW.astype("category")), lambda: pandas(amount=NARROW.astype("float16")),
        lambda: arrow(amount=pa.array(NARROW.to_numpy().astype("float16"))).to_pandas(),
        lambda: arrow(amount=pa.array([0.42], pa.float32())),
        lambda: polars(amount=pl.Series([0.42], dtype=pl.Float32)),
        lambda: in_duckdb("0.42::FLOAT as amount"),
    ],
)  # fmt: skip
def test_a_number_of_32_bits_is_the_one_that_its_digits_say(frame):
    assert only(frame()).amount == 0.42


def test_an_id_that_32_bits_cannot_hold_is_refused():
    assert only(pandas(sku=pd.Series([7.0], dtype="float32"))).sku == "7"
    with pytest.raises(ra.SourceError, match="sku: expected text, got"):
        ra.replay(pandas(sku=pd.Series([16_777_218.0], dtype="float32")))


@pytest.mark.parametrize(
    "clock", [dt.time(10), dt.timedelta(hours=10), "10:00:00", pd.Timedelta(hours=10)], ids=str
)
@pytest.mark.parametrize("day", [DAY, "2026-02-01", pd.Timestamp(DAY)], ids=str)
def test_a_time_of_day_may_be_a_duration(day, clock):
    frame = pd.DataFrame({**COLUMNS, "eventTime": pd.Series([day], dtype=object), "clock": [clock]})
    assert only(frame, mapping=CLOCK).event_time == TEN


@pytest.mark.parametrize(
    "frame",
    [
        lambda: polars(eventTime=[DAY], clock=[dt.timedelta(hours=10)]),
        lambda: polars(eventTime=[DAY], clock=[dt.time(10)]),
        lambda: arrow(eventTime=[DAY], clock=pa.array([dt.timedelta(hours=10)], pa.duration("us"))),
        lambda: arrow(eventTime=[DAY], clock=pa.array([dt.time(10)], pa.time64("us"))),
    ],
)
def test_a_time_of_day_of_another_library_joins_its_date(frame):
    assert only(frame(), mapping=CLOCK).event_time == TEN


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_a_timestamp_of_any_unit_is_the_same_time(tmp_path, unit, zone):
    moment = NOON if zone is None else NOON.replace(tzinfo=dt.UTC)
    column = pa.array([moment], pa.timestamp(unit, zone))
    frame = arrow(eventTime=column)
    pa.parquet = pytest.importorskip("pyarrow.parquet")
    pa.parquet.write_table(frame, tmp_path / "a.parquet")
    for source in (frame, tmp_path / "a.parquet", pandas(eventTime=pd.Series(column.to_pandas())),
                   pandas(eventTime=pd.Series([moment]).astype(pd.ArrowDtype(column.type)))):  # fmt: skip
        assert only(source).event_time == TEN


def test_a_day_of_arrow_in_pandas_is_midnight():
    frame = pandas(eventTime=pd.Series([DAY], dtype=pd.ArrowDtype(pa.date32())))
    assert only(frame).event_time == TEN - 36_000_000


@pytest.mark.parametrize("column", [pa.array([b"k"]), pa.array([b"k"], pa.large_binary())], ids=str)
def test_bytes_that_are_text_are_text(tmp_path, column):
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow(sku=column), tmp_path / "a.parquet")
    for source in (
        arrow(sku=column),
        tmp_path / "a.parquet",
        polars(sku=[b"k"]),
        in_duckdb("'k'::BLOB as sku"),
    ):
        assert only(source).sku == "k"


def test_structs_in_structs_are_found_by_their_path(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    kind = pa.struct([("b", pa.struct([("amount", pa.float32()), ("at", pa.timestamp("us"))]))])
    columns = {name: cells for name, cells in COLUMNS.items() if name not in ("amount", "eventTime")}
    table = pa.table({**columns, "a": pa.array([{"b": {"amount": 0.42, "at": NOON}}], kind)})
    parquet.write_table(table, tmp_path / "a.parquet")
    mapping = {"columns": {"amount": "a.b.amount", "eventTime": "a.b.at"}}
    event = only(tmp_path / "a.parquet", mapping=mapping)
    assert (event.amount, event.event_time) == (0.42, TEN)
    for source in (table, duckdb.from_arrow(table), pl.from_arrow(table), pl.from_arrow(table).lazy(),
                   table.to_pandas(types_mapper=pd.ArrowDtype)):  # fmt: skip
        event = only(source, mapping=mapping)
        assert (event.amount, event.event_time) == (0.42, TEN)


def test_an_index_of_which_a_part_is_a_column_too_is_read():
    frame = pandas(lineNumber=5, registerId="r").set_index(["transactionId", "lineNumber", "registerId"])
    event = only(frame.assign(transactionId="t2"))
    assert (event.transaction_id, event.line_number, event.register_id) == ("t2", 5, "r")


@pytest.mark.parametrize("cell", [None, "", "  "])
@pytest.mark.parametrize("day", [DAY, "2026-02-01", pd.Timestamp(DAY)], ids=str)
def test_a_day_whose_time_of_day_is_empty_is_no_midnight(day, cell):
    frame = pd.DataFrame({**COLUMNS, "eventTime": pd.Series([day], dtype=object), "clock": [cell]})
    with pytest.raises(ra.SourceError, match="the cell of its time of day is empty"):
        ra.replay(frame, mapping=CLOCK)
    frame["eventTime"] = "2026-02-01 10:00"
    assert only(frame, mapping=CLOCK).event_time == TEN


@pytest.mark.parametrize(
    "source",
    [
        lambda: arrow().to_batches()[0], lambda: arrow().to_reader(),
        lambda: pytest.importorskip("pyarrow.dataset").dataset(arrow()), lambda: polars().lazy(),
        lambda: pandas().set_index("eventTime"), lambda: pandas().set_index(["storeId", "sku"]),
        lambda: polars(amount=[decimal.Decimal("9.50")]),
        lambda: sqlite3.connect(":memory:").execute(
            "select 't1' transactionId, 's' storeId, 'c' cashierId, 'k' sku, 9.5 amount, 'SALE' eventType, "
            f"{TEN} eventTime"),
    ],
)  # fmt: skip
def test_each_kind_of_frame_is_read_as_often_as_you_like(source):
    events = ra.load(source())
    assert list(events) == list(events) == [only(pandas())]


def test_a_column_that_only_later_frames_have_counts():
    frames = iter([pandas(), pandas(originalTransactionId=["z"])])
    assert [event.original_transaction_id for event in ra.load(frames) if isinstance(event, PosEvent)] == [
        None,
        "z",
    ]


@pytest.mark.parametrize(
    "source",
    [None, 5, len, b"t1,s", COLUMNS, {"a": 1}, [[1, 2]], [(1,)], [None], [1], {"a.csv"}, io.StringIO("t1,s"),
     pd.Index([1]), pd.Series([1]), pl.Series([1]), pandas().to_records(), [{}, None], [{}, "a.csv"], "", " ",
     [pandas(), None], "t1,s\nt2,s\n", "x" * 5_000, "a\0b"],
    ids=lambda source: repr(source)[:20],
)  # fmt: skip
def test_a_thing_that_is_no_source_is_one_line(source):
    with pytest.raises(ra.SourceError) as caught:
        list(ra.load(source))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_table_of_delta_lake_is_not_read_by_its_files(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "_delta_log").mkdir()
    parquet.write_table(arrow(), tmp_path / "part-0.parquet")
    with pytest.raises(ra.SourceError, match="is a Delta table"):
        ra.load(tmp_path)


def test_a_column_that_some_frames_of_an_iterator_lack_is_said():
    some = [pandas(quantity=[2]), pandas(), pandas(tender=["cash"], note=["x"])]
    events = ra.load(iter(some))
    assert [note for note in events.notes if "frames" in note] == [
        "2 of 3 frames have no column quantity: their rows are read without it",
        "2 of 3 frames have no column tender: their rows are read without it",
    ]
