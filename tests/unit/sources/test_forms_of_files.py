"""Compressed files, suffixes in capitals, JSON arrays and Spark folders hold the events of a plain file."""

from __future__ import annotations

import bz2
import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly.cli import main
from retail_anomaly.core import codec
from retail_anomaly.core.events import PosEvent
from retail_anomaly.sources import SourceError, open_input

INPUTS = Path(__file__).parent / "inputs"
TIME = 1_760_000_000_000
EVENTS = [PosEvent(f"t{n}", "s", "c", "0077", 1.0, "SALE", TIME + n) for n in range(6)]
VALUES = [json.loads(codec.encode(event)) for event in EVENTS]
LINES = [json.dumps({"topic": "pos-events", "value": value}) for value in VALUES]
LOG = "".join(f"{line}\n" for line in LINES).encode()
CSV = pd.DataFrame(VALUES).to_csv(index=False).encode()
BARE = json.dumps(VALUES, indent=2).encode()


def refuse(bad):
    raise AssertionError(str(bad))


def read(where):
    return list(open_input(where).events(refuse))


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("UPPER.CSV", ["r0", "r1", "r2"]),
        ("log.jsonl.gz", ["r1", "r2"]),
        ("json_array.json", ["r1", "r2"]),
        ("spark_folder.parquet", ["r0", "r1", "r2"]),
    ],
)
def test_a_file_as_others_write_it_is_read(name, ids):
    assert [event.transaction_id for event in read(INPUTS / name) if isinstance(event, PosEvent)] == ids


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl.gz", gzip.compress(LOG)),
        ("a.jsonl.bz2", bz2.compress(LOG)),
        ("a.gz", gzip.compress(LOG)),
        ("a.JSONL.GZ", gzip.compress(LOG[:500]) + gzip.compress(LOG[500:])),
        ("a.csv.gz", gzip.compress(CSV)),
        ("a.CSV.BZ2", bz2.compress(CSV)),
        ("a.Csv", CSV),
        ("pos-events.CSV.gz", gzip.compress(CSV)),
        ("a.json", b"[" + ",".join(LINES).encode() + b"]"),
        ("a.JSON", b"\xef\xbb\xbf\n\n [\n" + ",\n".join(LINES).encode() + b"\n]\n"),
        ("a.json.gz", gzip.compress(b"[" + ",".join(LINES).encode() + b"]")),
        ("pos-events.json", BARE),
        ("b.json", LOG),
    ],
)
@pytest.mark.parametrize("in_folder", [False, True])
def test_each_form_of_a_file_gives_the_same_events(tmp_path, name, content, in_folder):
    path = tmp_path / name
    path.write_bytes(content)
    if in_folder and name.startswith("pos-events"):
        path = tmp_path
    source = open_input(path)
    assert list(source.events(refuse)) == EVENTS
    assert source.done() in (1, None)
    (share,) = open_input(path).shares(1, everything=False)
    assert [event for _, event in open_input(path).placed(lambda _, bad: refuse(bad), share)] == EVENTS


@pytest.mark.parametrize(
    "folder", ["table.parquet", "export", "pos-events.parquet", "data/pos-events.parquet"]
)
def test_the_parts_of_a_spark_folder_are_one_table(tmp_path, folder):
    parts = tmp_path / folder
    parts.mkdir(parents=True)
    for number in range(3):
        part = pd.DataFrame(VALUES[number::3])
        part.to_parquet(parts / f"part-0000{2 - number}-x.snappy.parquet")
    (parts / "_SUCCESS").touch()
    (parts / ".part-00000.crc").write_bytes(b"x")
    assert read(parts) == EVENTS
    if folder.startswith("data/"):
        assert read(parts.parent) == EVENTS


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl.gz", gzip.compress(LOG)[:-20], "can't be read as gzip"),
        ("b.jsonl.gz", LOG, "can't be read as gzip"),
        ("a.jsonl.bz2", bz2.compress(LOG)[:-20], "can't be read as bz2"),
        ("b.jsonl.bz2", LOG, "can't be read as bz2"),
        ("a.csv.gz", gzip.compress(CSV)[:-20], "can't be read as CSV"),
        ("b.csv.gz", CSV, "can't be read as CSV"),
        ("a.csv.bz2", bz2.compress(CSV)[:-20], "can't be read as CSV"),
        ("b.csv.bz2", CSV, "can't be read as CSV"),
        ("a.json", b"[" + ",".join(LINES).encode(), "can't be read as a JSON array"),
        ("a.jsonl.zst", b"x", "can't be read as zstd"),
        ("a.csv.zip", b"x", "can't be read as CSV"),
        ("tills.XLSX", b"x", "can't be read as Excel"),
        ("a.jsonl.xz", b"", ".xz files are not read: decompress it first"),
        ("tills.XLS", b"", ".XLS files are not read: save it as .xlsx or CSV first"),
    ],
)
def test_a_file_that_is_damaged_or_of_another_form_is_one_line(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError) as caught:
        ra.replay(tmp_path / name)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_element_of_an_array_has_its_number(tmp_path):
    (tmp_path / "a.json").write_text("[" + ", ".join([*LINES, "7"]) + "]")
    bad = []
    assert list(open_input(tmp_path / "a.json").events(bad.append)) == EVENTS
    assert [line.place for line in bad] == [f"{tmp_path / 'a.json'}:7"]


def test_no_command_writes_over_a_part_that_it_reads(tmp_path, capsys):
    parts = tmp_path / "table.parquet"
    parts.mkdir()
    pd.DataFrame(VALUES).to_parquet(parts / "part-0.parquet")
    before = (parts / "part-0.parquet").read_bytes()
    assert main(["replay", str(parts), "--output", str(parts / "part-0.parquet")]) == 2
    assert (parts / "part-0.parquet").read_bytes() == before


@pytest.mark.parametrize("envelope", ["%s", '{"data": %s}'])
def test_a_broken_element_of_a_json_array_costs_itself(tmp_path, envelope):
    values = [VALUES[0], {**VALUES[1], "amount": float("nan")}, VALUES[2]]
    (tmp_path / "pos-events.json").write_text(envelope % json.dumps(values, indent=2))
    bad = []
    assert list(open_input(tmp_path / "pos-events.json").events(bad.append)) == [EVENTS[0], EVENTS[2]]
    assert len(bad) == 1


def test_a_number_in_the_format_of_a_date_costs_its_own_row_of_a_workbook(tmp_path):
    frame = pd.DataFrame(VALUES)
    with pd.ExcelWriter(tmp_path / "a.xlsx") as writer:
        frame.to_excel(writer, index=False)
        cell = writer.sheets["Sheet1"].cell(3, 1 + list(frame).index("eventTime"))
        cell.value, cell.number_format = 10**9, "yyyy-mm-dd"
    bad = []
    assert len(list(open_input(tmp_path / "a.xlsx").events(bad.append))) == 5
    assert [str(line.place).rpartition(" ")[2] for line in bad] == ["3"]
