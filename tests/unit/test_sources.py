"""Where events come from, and in what order."""

from __future__ import annotations

import io
import json
import random
import sys

import pandas as pd
import pytest

from retail_anomaly import replay
from retail_anomaly.core import codec
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.events import CountEvent, GateData, PosEvent, SecurityEvent, ShiftEvent, time_of
from retail_anomaly.core.extras import missing_extra
from retail_anomaly.sources import SourceError, open_input
from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.event_log import BadLines
from retail_anomaly.sources.order import sorted_by_time

TIME = 1_760_000_000_000


def refuse(bad):
    raise AssertionError(str(bad))


def sale(at, number=0):
    return PosEvent(f"t{number}", "s", "c", "k", 1.0, "SALE", TIME + at)


def shift(at):
    return ShiftEvent("c", "s", TIME + at, TIME + at + 1_000)


def gate(at):
    return SecurityEvent("g", "s", TIME + at, "GATE", GateData("g-1", alarm=True))


def count(at):
    return CountEvent("s", "k", 3, TIME + at)


def values(path, events):
    path.write_bytes(b"".join(codec.encode(event) + b"\n" for event in events))
    return path


def log(path, events):
    lines = [{"topic": codec.topic_of(event), "value": json.loads(codec.encode(event))} for event in events]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def table(path, events):
    pd.DataFrame([json.loads(codec.encode(event)) for event in events]).to_parquet(path)
    return path


def read(where, **how):
    return list(open_input(where, **how).events(refuse))


def test_a_log_keeps_the_order_of_its_lines_and_logs_follow_one_another(tmp_path):
    first = [sale(5), gate(1), sale(3), shift(0)]
    second = [sale(2), count(1)]
    paths = [log(tmp_path / "b.jsonl", first), log(tmp_path / "a.jsonl", second)]
    assert read(paths) == first + second
    assert read(str(paths[0])) == first


@pytest.mark.parametrize("write", [values, table])
def test_a_folder_is_read_by_event_time_with_ties_in_the_order_of_the_contract(tmp_path, write):
    suffix = "jsonl" if write is values else "parquet"
    write(tmp_path / f"inventory-counts.{suffix}", [count(1), count(4)])
    write(tmp_path / f"pos-events.{suffix}", [sale(1, 1), sale(1, 2), sale(3, 3)])
    write(tmp_path / f"staff-shifts.{suffix}", [shift(1), shift(2)])
    write(tmp_path / f"security-events.{suffix}", [gate(1), gate(3)])
    (tmp_path / "incidents.jsonl").write_text("{}\n")
    expected = [shift(1), sale(1, 1), sale(1, 2), gate(1), count(1), shift(2), sale(3, 3), gate(3), count(4)]
    assert read(tmp_path) == expected
    assert read(sorted(path for path in tmp_path.iterdir() if path.name != "incidents.jsonl")) == expected


@pytest.mark.parametrize("write", [values, table])
def test_a_file_of_one_topic_that_is_not_sorted_is_sorted(tmp_path, write):
    suffix = "jsonl" if write is values else "parquet"
    # As a plan is written: employee by employee.
    write(tmp_path / f"staff-shifts.{suffix}", [shift(0), shift(20), shift(0), shift(20)])
    write(tmp_path / f"pos-events.{suffix}", [sale(30), sale(10)])
    assert read(tmp_path) == [shift(0), shift(0), sale(10), shift(20), shift(20), sale(30)]


def test_sorting_in_runs_on_disk_is_the_stable_sort():
    rng = random.Random(4)
    events = [sale(rng.randrange(50), number) for number in range(1_000)]
    for run_events in (1, 7, 1_000, 5_000):
        assert list(sorted_by_time(iter(events), run_events)) == sorted(events, key=time_of)


def test_a_frame_with_topics_is_a_log_and_one_without_is_read_by_time():
    rows = [json.loads(codec.encode(event)) for event in (sale(9), sale(3))]
    frame = pd.DataFrame(rows)
    assert read(frame) == [sale(3), sale(9)]
    assert read(frame.assign(topic="pos-events")) == [sale(9), sale(3)]
    assert read([frame, frame]) == [sale(3), sale(3), sale(9), sale(9)]


def test_csv_keeps_ids_as_they_are_written(tmp_path):
    path = tmp_path / "tills.csv"
    path.write_text(
        "transactionId,storeId,clerk,sku,amount,eventType,eventTime,quantity,tender\n"
        "0012,NA,007,1e5,9.50,Sale,2025-10-09T08:53:20Z,2,\n"
    )
    (event,) = read(path, columns=Columns.parse("cashierId=clerk"))
    assert event == PosEvent("0012", "NA", "007", "1e5", 9.5, "Sale", TIME, quantity=2)


def test_big_numbers_beside_missing_ones_are_not_rounded(tmp_path):
    rows = [json.loads(codec.encode(sale(0))) for _ in range(2)]
    frame = pd.DataFrame(rows).assign(registerId=pd.array([2**53 + 1, None], dtype="Int64"))
    frame.to_parquet(tmp_path / "pos-events.parquet")
    assert [event.register_id for event in read(tmp_path)] == [str(2**53 + 1), None]


def test_standard_input_is_read_in_its_order(tmp_path, monkeypatch):
    path = log(tmp_path / "a.jsonl", [sale(5), gate(1)])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert read("-") == [sale(5), gate(1)]
    bare = values(tmp_path / "b.jsonl", [count(5), count(1)])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(bare.read_bytes())))
    assert read("-", topic="inventory-counts") == [count(5), count(1)]


def test_typed_events_are_passed_on():
    assert read(iter([sale(5), sale(1)])) == [sale(5), sale(1)]
    assert read([sale(5), sale(1)]) == [sale(5), sale(1)]
    assert read([]) == []


def test_bad_lines_of_a_folder_are_reported_once_though_files_are_looked_at_twice(tmp_path):
    path = values(tmp_path / "pos-events.jsonl", [sale(9), sale(1)])
    path.write_bytes(b"{\n" + path.read_bytes() + b'{"eventTime": "x"}\n[]\n')
    bad, shown = BadLines(), []
    bad = BadLines(show=shown.append)
    assert list(open_input(tmp_path).events(bad)) == [sale(1), sale(9)]
    assert [line.number for line in shown] == [1, 4, 5]


def test_how_much_is_read(tmp_path):
    source = open_input(
        [log(tmp_path / "a.jsonl", [sale(0)] * 1_000), table(tmp_path / "b.parquet", [sale(0)])]
    )
    events = source.events(refuse)
    next(events)
    assert 0 < (source.done() or 0) < 0.5
    assert len(list(events)) == 1_000
    assert source.done() == 1
    assert open_input("-").done() is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: "no.jsonl", "no.jsonl: no such file or folder"),
        (lambda folder: folder, "has none of pos-events.jsonl, "),
        (lambda folder: [values(folder / "pos-events.jsonl", []),
                         table(folder / "pos-events.parquet", [sale(0)])] and folder,
         "has both pos-events.jsonl and pos-events.parquet"),
        (lambda folder: values(folder / "a.parquet", [sale(0)]), "can't be read as Parquet"),
        (lambda folder: values(folder / "a.csv", []), "can't be read as CSV"),
        (lambda folder: pd.DataFrame({"sku": []}), "the DataFrame has no column for transactionId, storeId"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_line(tmp_path, make, message):
    with pytest.raises(SourceError) as caught:
        open_input(make(tmp_path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_column_says_what_to_do():
    frame = pd.DataFrame(
        {"clerk": ["c"], **{name: ["x"] for name in ("transactionId", "storeId", "sku", "eventType")}}
    )
    with pytest.raises(
        SourceError,
        match=r"no column for cashierId, amount, eventTime: name the column with cashierId=COLUMN",
    ):
        open_input(frame)
    with pytest.raises(SourceError, match=r"has no column clrk \(for cashierId\); its columns are clerk, "):
        open_input(frame, columns=Columns({"cashierId": "clrk"}))
    with pytest.raises(SourceError, match="unknown topic 'sales'"):
        open_input(frame, topic="sales")


@pytest.mark.parametrize("jobs", [1, 2])
def test_parquet_without_pyarrow_is_an_error_that_names_the_extra(tmp_path, monkeypatch, jobs):
    path = table(tmp_path / "a.parquet", [sale(0)])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError) as raised:
        replay(path, jobs=jobs)
    assert str(raised.value) == missing_extra("pyarrow")


def test_csv_and_frames_are_read_without_pyarrow(tmp_path, monkeypatch):
    events = [sale(0), sale(1, number=1)]
    frame = pd.DataFrame([json.loads(codec.encode(event)) for event in events])
    frame.to_csv(tmp_path / "a.csv", index=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert read(tmp_path / "a.csv") == read(frame) == events
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(SourceError, match="can't be read as CSV"):
        read(tmp_path / "bad.csv")
