"""One way in: each kind of source, and each option of a mapping, gives the same events."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import sqlite3
import zipfile
from contextlib import closing
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly.cli import main
from retail_anomaly.core import codec
from retail_anomaly.core.events import PosEvent
from retail_anomaly.sources import SourceError
from retail_anomaly.sources.mapping_file import MappingError

TIME = 1_760_000_000_000
EVENTS = [
    PosEvent(f"t{n}", "s", "c", "0077", 1.5 + n, "SALE", TIME + 60_000 * n, quantity=n + 1) for n in range(4)
]
ROWS = [json.loads(codec.encode(event)) for event in EVENTS]
FRAME = pd.DataFrame(ROWS)
CSV = FRAME.to_csv(index=False).encode()
LOG = "".join(json.dumps({"topic": "pos-events", "value": row}) + "\n" for row in ROWS).encode()


def all_of(events) -> list[Any]:
    """Return the events, of whatever type."""
    return list(events)


def zipped(name, content):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(name, content)
    return target.getvalue()


def zst(content):
    zstandard = pytest.importorskip("zstandard")
    return zstandard.ZstdCompressor().compress(content)


def excel(frame):
    pytest.importorskip("openpyxl")
    target = io.BytesIO()
    frame.to_excel(target, index=False)
    return target.getvalue()


def parquet(frame):
    target = io.BytesIO()
    frame.to_parquet(target)
    return target.getvalue()


# What can be in a file, by the suffixes that it may have.
CONTENTS = {
    (".csv",): lambda: CSV,
    (".tsv", ".tab"): lambda: FRAME.to_csv(index=False, sep="\t").encode(),
    (".jsonl", ".ndjson", ".json"): lambda: LOG,
    (".parquet", ".pq"): lambda: parquet(FRAME),
    (".xlsx", ".xlsm"): lambda: excel(FRAME),
}
ARRAY = b"[" + b",".join(LOG.splitlines()) + b"]"
COMPRESSED = {
    "": lambda _, content: content,
    ".gz": lambda _, content: gzip.compress(content),
    ".bz2": lambda _, content: bz2.compress(content),
    ".zst": lambda _, content: zst(content),
    ".zip": zipped,
}
OF_ANY_FORM = [
    (f"a{suffix}{compression}", content)
    for suffixes, content in {**CONTENTS, (".json",): lambda: ARRAY}.items()
    for suffix in suffixes
    for compression in COMPRESSED
]


@pytest.mark.parametrize(("name", "content"), OF_ANY_FORM, ids=[name for name, _ in OF_ANY_FORM])
@pytest.mark.parametrize("case", [str, str.upper, str.title])
def test_each_kind_of_file_is_read_compressed_in_any_way_and_with_any_case_of_its_suffix(
    tmp_path, name, content, case
):
    stem, suffix, *compression = name.split(".")
    inner = f"{stem}.{case(suffix)}"
    pack = COMPRESSED["".join(f".{end}" for end in compression)]
    path = tmp_path / ".".join([inner, *map(case, compression)])
    path.write_bytes(pack(inner, content()))
    assert all_of(ra.load(path)) == EVENTS


FILES = {
    "a.zip": lambda: zipped("inner.csv", CSV),
    "bar.csv": lambda: FRAME.to_csv(index=False, sep="|").encode(),
    "utf16.csv": lambda: FRAME.to_csv(index=False).encode("utf-16"),
    "bom.csv": lambda: b"\xef\xbb\xbf" + CSV,
    "sep.csv": lambda: b"sep=;\r\n" + FRAME.to_csv(index=False, sep=";", lineterminator="\r\n").encode(),
    "quoted.csv": lambda: FRAME.to_csv(index=False, quoting=1).encode(),
    "pos-events.json.bz2": lambda: bz2.compress(json.dumps(ROWS).encode()),
}


@pytest.mark.parametrize("name", FILES)
def test_each_way_to_write_a_file_gives_the_same_events(tmp_path, name):
    (tmp_path / name).write_bytes(FILES[name]())
    events = ra.load(tmp_path / name)
    assert all_of(events) == EVENTS
    assert all_of(events) == EVENTS  # and again
    assert events.summary.unreadable == 0


def polars_frame():
    return pytest.importorskip("polars").DataFrame(ROWS)


def duck_relation():
    duckdb = pytest.importorskip("duckdb")
    return duckdb.from_df(FRAME) if hasattr(duckdb, "from_df") else duckdb.sql("select * from FRAME")


def arrow_table():
    return pytest.importorskip("pyarrow").Table.from_pandas(FRAME)


SOURCES = {
    "pandas": lambda: FRAME,
    "pandas with Arrow's types": lambda: FRAME.convert_dtypes(dtype_backend="pyarrow"),
    "pandas with categories": lambda: FRAME.astype({"storeId": "category", "sku": "category"}),
    "polars": polars_frame,
    "lazy polars": lambda: polars_frame().lazy(),
    "arrow": arrow_table,
    "duckdb": duck_relation,
    "dicts": lambda: ROWS,
    "events": lambda: EVENTS,
    "an iterator of frames": lambda: iter([FRAME[:2], FRAME[2:]]),
    "an iterator of dicts": lambda: iter(ROWS),
    "an iterator of events": lambda: iter(EVENTS),
    "frames": lambda: [FRAME[:2], FRAME[2:]],
}


@pytest.mark.parametrize("name", SOURCES)
def test_each_kind_of_frame_gives_the_same_events_as_often_as_you_like(name):
    events = ra.load(SOURCES[name]())
    assert all_of(events) == EVENTS
    assert all_of(events) == EVENTS
    assert ra.replay(events).events["pos-events"] == len(EVENTS)
    assert "pos-events" in events._repr_html_()


def test_a_folder_of_partitions_is_one_table_with_their_columns(tmp_path):
    for number, row in enumerate(ROWS):
        folder = tmp_path / f"storeId=s/day={number}"
        folder.mkdir(parents=True)
        pd.DataFrame([row]).drop(columns="storeId").to_parquet(folder / "part-0.parquet")
    assert all_of(ra.load(tmp_path)) == EVENTS
    assert all_of(ra.load(str(tmp_path / "storeId=*"), constants={"storeId": "s"})) == EVENTS


def test_wildcards_and_several_files_are_read_in_their_order(tmp_path):
    for number in (1, 0):
        FRAME[2 * number : 2 * number + 2].to_csv(tmp_path / f"part-{number}.csv", index=False)
    assert all_of(ra.load(str(tmp_path / "part-*.csv"))) == EVENTS
    assert all_of(ra.load([tmp_path / "part-0.csv", tmp_path / "part-1.csv"])) == EVENTS
    with pytest.raises(SourceError, match="no such file"):
        ra.load(str(tmp_path / "none-*.csv"))


def test_object_storage_is_read():
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    with system.open("/bucket/sales/a.csv.gz", "wb") as file:
        file.write(gzip.compress(CSV))
    assert all_of(ra.load("memory://bucket/sales/a.csv.gz")) == EVENTS
    assert all_of(ra.load("memory://bucket/sales/*.gz")) == EVENTS
    assert all_of(ra.load("memory://bucket/sales")) == EVENTS


# --- options of a mapping --------------------------------------------------------------------------------

SALE = {"transactionId": "t", "storeId": "s", "cashierId": "c", "sku": "k", "amount": "9.50",
        "eventType": "SALE", "eventTime": "2025-10-09T08:53:20Z"}  # fmt: skip
ONE = PosEvent("t", "s", "c", "k", 9.5, "SALE", TIME)


def changed(**cells):
    return {**SALE, **cells}


def renamed(row, **names):
    return {names.get(field, field): cell for field, cell in row.items()}


OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "columns with signs in their names": (
        renamed(SALE, amount="Total, gross: EUR"),
        {"columns": {"amount": "Total, gross: EUR"}},
    ),
    "the first filled column": (
        {**renamed(SALE, sku="SKU"), "SKU": "", "Item": "k"},
        {"columns": {"sku": ["SKU", "Item"]}},
    ),
    "a constant": (changed(storeId=""), {"constants": {"storeId": "s"}}),
    "types": (changed(eventType="Verkauf"), {"types": {"VERKAUF": "SALE"}}),
    "a section of the topic": (changed(eventType="V"), {"pos-events": {"types": {"v": "SALE"}}}),
    "a form of dates": (changed(eventTime="09.10.2025 08:53:20"), {"dates": "DD.MM.YYYY HH:mm:ss"}),
    "the second form": (changed(eventTime="1760000000"), {"dates": ["DD.MM.YYYY", "epoch_s"]}),
    "a time zone": (changed(eventTime="2025-10-09 10:53:20"), {"time_zone": "Europe/Berlin"}),
    "split date and time": (
        {**renamed(SALE, eventTime="day"), "day": "2025-10-09", "clock": "08:53:20"},
        {"columns": {"eventTime": ["day", "clock"]}},
    ),
    "a price per piece": (changed(amount="4.75", quantity="2"), {"amount": "per_unit"}),
    "cents": (changed(amount="950"), {"minor_units": 2}),
    "a decimal comma": (changed(amount="9,500"), {"decimal": ","}),
    "thousands": (changed(amount="1.009,5"), {"decimal": ",", "thousands": "."}),
    "a currency": (changed(amount="9.50 Taler"), {"currency": ["Taler"]}),
    "a known currency": (changed(amount="\u20ac 9,50"), {}),
    "a null word of one's own": (changed(registerId="n/a"), {"nulls": ["n/a"]}),
    "a null word": (changed(registerId=r"\N"), {}),
    "flags": (changed(training="nein"), {"flags": {"ja": True, "nein": False}}),
    "a negative refund": (changed(amount="-9.50"), {"negative": "refund"}),
}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize(
    "form", ["dicts", "csv", "csv.gz", "jsonl", "json", "xlsx", "parquet", "pandas", "polars", "lazy polars",
             "arrow", "duckdb", "frames", "folder"]
)  # fmt: skip
def test_each_option_of_a_mapping_works_for_each_form(tmp_path, name, form):
    row, mapping = OPTIONS[name]
    expected = {
        "a price per piece": PosEvent("t", "s", "c", "k", 9.5, "SALE", TIME, quantity=2),
        "thousands": PosEvent("t", "s", "c", "k", 1009.5, "SALE", TIME),
        "a negative refund": PosEvent("t", "s", "c", "k", 9.5, "REFUND", TIME),
    }.get(name, ONE)
    assert all_of(ra.load(in_form(form, row, tmp_path), mapping=mapping)) == [expected]


def in_form(form, row, folder) -> Any:
    """Return a row in a form that is read."""
    frame, path = pd.DataFrame([row]), folder / f"pos-events.{form}"
    if form in ("csv", "csv.gz"):
        frame.to_csv(path, index=False)
        return path
    if form in ("jsonl", "json"):
        path.write_text(json.dumps(row) if form == "jsonl" else json.dumps([row]))
        return path
    if form in ("xlsx", "parquet"):
        path.write_bytes(excel(frame) if form == "xlsx" else parquet(frame))
        return path
    if form == "folder":
        (folder / "part=1").mkdir()
        (folder / "part=1" / "part-0.parquet").write_bytes(parquet(frame))
        return folder
    if form in ("polars", "lazy polars"):
        found = pytest.importorskip("polars").DataFrame([row])
        return found if form == "polars" else found.lazy()
    if form == "duckdb":
        return pytest.importorskip("duckdb").from_df(frame)
    forms = {
        "dicts": lambda: [row],
        "pandas": lambda: frame,
        "frames": lambda: iter([frame]),
        "arrow": lambda: pytest.importorskip("pyarrow").Table.from_pandas(frame),
    }
    return forms[form]()


def test_the_encoding_the_separator_and_the_sheet_of_a_mapping_count(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(
        "^".join(SALE).encode() + b"\n" + "^".join(SALE.values()).replace("^k^", "^\u0161^").encode("cp1250")
    )
    (event,) = ra.load(path, mapping={"encoding": "cp1250", "separator": "^"})
    assert isinstance(event, PosEvent)
    assert event.sku == "\u0161"
    pytest.importorskip("openpyxl")
    with pd.ExcelWriter(tmp_path / "b.xlsx") as book:
        pd.DataFrame({"note": ["hello"]}).to_excel(book, sheet_name="Cover", index=False)
        pd.DataFrame([SALE]).to_excel(book, sheet_name="Sales", index=False)
    assert all_of(ra.load(tmp_path / "b.xlsx", mapping={"sheet": "Sales"})) == [ONE]
    with pytest.raises(SourceError, match="has no sheet Sale; its sheets are Cover, Sales"):
        ra.load(tmp_path / "b.xlsx", mapping={"sheet": "Sale"})


def test_a_number_that_excel_shows_with_zeros_in_front_is_the_id_that_is_shown(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(list(SALE))
    book.active.append([1001 if name == "transactionId" else value for name, value in SALE.items()])
    place = list(SALE).index("transactionId") + 1
    book.active.cell(2, place).number_format = "0000000"
    book.save(tmp_path / "a.xlsx")
    (event,) = ra.load(tmp_path / "a.xlsx")
    assert isinstance(event, PosEvent)
    assert event.transaction_id == "0001001"
    book.active.cell(2, place).number_format = "0.00"
    book.save(tmp_path / "b.xlsx")
    (event,) = ra.load(tmp_path / "b.xlsx")
    assert isinstance(event, PosEvent)
    assert event.transaction_id == "1001"


def test_text_keeps_its_blanks_without_trimming():
    (event,) = ra.load([changed(sku=" k ")], mapping={"trim": False})
    assert isinstance(event, PosEvent)
    assert event.sku == " k "


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("topic: pos-events\ncolums:\n  sku: a\n", "m.yaml:2: unknown key colums; did you mean columns?"),
        ("columns:\n  sku: a\n  amout: b\n", "m.yaml:3: unknown field amout; did you mean amount?"),
        ("staff-shifts:\n  columns:\n    sku: a\n", "m.yaml:3: unknown field sku; "),
        ("negative: sale\n", "m.yaml:1: negative: expected one of 'refund', got 'sale'"),
        ("dates: soon\n", "m.yaml:1: dates: expected a form with year, month and day"),
        ("\ntime_zone: Europe/Berlim\n", "m.yaml:2: time_zone: expected an IANA name"),
        ("decimal: ';'\n", "m.yaml:1: decimal: expected one of '.', ','"),
        ("constants:\n  quantity: few\n", "m.yaml:2: quantity: expected decimal, got 'few'"),
        ("encoding: latin-99\n", "m.yaml:1: encoding: expected an encoding such as utf-8"),
        ("columns: [a\n", "m.yaml:2: not YAML: "),
        ("- a\n", "m.yaml:1: expected keys and values"),
        ("trim: maybe\n", "m.yaml:1: trim: expected true or false, got maybe"),
        ("topic: a\ntopic: b\n", "m.yaml:2: topic is given twice"),
        ("types: {sale: VOID, SALE: SALE}\n", "m.yaml:1: SALE is given twice: sale is the same word"),
        ("flags:\n  ja: true\n  JA: false\n", "m.yaml:3: JA is given twice: ja is the same word"),
        ("currency: ['-']\n", "m.yaml:1: currency: expected a word or sign of money, got '-'"),
        ("currency: 9\n", "m.yaml:1: currency: expected a word or sign of money, got '9'"),
        ("decimal: ','\nthousands: ','\n", "m.yaml:2: decimal and thousands are both ','"),
        ("constants:\n  storeId: null\n", "m.yaml:2: storeId: expected a value, got nothing"),
        ("minor_units: \u00b2\n", "m.yaml:1: minor_units: expected a number of digits"),
    ],
)
def test_a_wrong_mapping_is_one_line_that_names_the_line(tmp_path, capsys, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(text, "utf-8")
    with pytest.raises(MappingError) as caught:
        ra.load([SALE], mapping="m.yaml")
    assert said in str(caught.value)
    assert main(["replay", "x.csv", "--mapping", "m.yaml"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("value", [None, np.float64(3), Decimal(3)], ids=repr)
def test_a_dict_with_a_value_that_no_mapping_has_is_one_line(value):
    with pytest.raises(MappingError, match=r"^mapping:.*expected .*, got [^\n]+$"):
        ra.load([SALE], mapping={"constants": {"amount": value}})


def test_ids_in_a_mapping_are_the_texts_that_stand_there(tmp_path):
    (tmp_path / "m.yaml").write_text("constants:\n  storeId: 0012\n  cashierId: no\ntypes: {NO: SALE}\n")
    (event,) = ra.load([changed(storeId="", cashierId="", eventType="No")], mapping=tmp_path / "m.yaml")
    assert isinstance(event, PosEvent)
    assert (event.store_id, event.cashier_id, event.event_type) == ("0012", "no", "SALE")


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet", "dicts"])
def test_columns_that_the_first_row_of_a_receipt_fills_count_for_all_its_rows(tmp_path, form):
    rows = [changed(sku=sku) for sku in "ab"] + [changed(transactionId="u", cashierId="")]
    rows[1] |= {"transactionId": "", "cashierId": "", "eventTime": ""}
    frame, source = pd.DataFrame(rows), tmp_path / f"a.{form}"
    if form == "csv":
        frame.to_csv(source, index=False)
    elif form != "dicts":
        source.write_bytes(excel(frame) if form == "xlsx" else parquet(frame))
    mapping = {"fill_down": ["transactionId", "cashierId", "eventTime"], "constants": {"cashierId": "nobody"}}
    events = all_of(ra.load(rows if form == "dicts" else source, mapping=mapping))
    assert [(event.transaction_id, event.sku, event.cashier_id) for event in events] == [
        ("t", "a", "c"), ("t", "b", "c"), ("u", "k", "nobody")
    ]  # fmt: skip
    with pytest.raises(SourceError, match=r"no column clerk \(for fill_down\)"):
        ra.load(rows, mapping={"fill_down": "clerk"})


# --- local times ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "pandas", "parquet", "dicts"])
def test_a_time_without_a_zone_is_the_stores_local_time(tmp_path, form):
    rows = [changed(storeId=store, eventTime="2025-07-01 12:00:00") for store in ("london", "kathmandu", "x")]
    source: Any = rows
    if form != "dicts":
        frame = pd.DataFrame(rows)
        if form != "csv":
            frame["eventTime"] = pd.to_datetime(frame["eventTime"])
        source = frame
    if form == "csv":
        source = tmp_path / "a.csv"
        frame.to_csv(source, index=False)
    elif form == "parquet":
        source = tmp_path / "a.parquet"
        frame.to_parquet(source)
    zones = {"london": "Europe/London", "kathmandu": "Asia/Kathmandu"}
    times = {event.store_id: event.event_time for event in all_of(ra.load(source, zones=zones))}
    noon = 1_751_371_200_000  # 2025-07-01 12:00 UTC
    assert times == {"london": noon - 3_600_000, "kathmandu": noon - 20_700_000, "x": noon}
    in_order = [event.event_time for event in all_of(ra.load(source, zones=zones))]
    assert in_order == sorted(in_order)


def test_commands_take_the_zone_of_the_store_from_the_configuration(tmp_path, capsys):
    (tmp_path / "config.yaml").write_text("stores: {s: {time_zone: Europe/London}}\n")
    pd.DataFrame([changed(eventType="REFUND", eventTime="2025-07-01 12:00:00")]).to_csv(
        tmp_path / "a.csv", index=False
    )
    assert main(["replay", str(tmp_path / "a.csv"), "--config", str(tmp_path / "config.yaml")]) == 0
    assert json.loads(capsys.readouterr().out)["eventTime"] == 1_751_371_200_000 - 3_600_000


# --- commands ---------------------------------------------------------------------------------------------


def test_a_draft_is_a_mapping_that_reads_the_table(tmp_path, capsys):
    (tmp_path / "export.csv").write_text(
        "Beleg;Filiale;Kassierer;Artikel;Menge;Betrag;Vorgang;Datum;Uhrzeit\n"
        "1;Berlin;Anna;0077;1;1.009,50;Verkauf;31.10.2025;10:02\n2;Berlin;Anna;0077;-1;-9,50;Verkauf;31.10.2025;10:04\n"
    )
    draft = tmp_path / "mapping.yaml"
    assert main(["mapping", str(tmp_path / "export.csv"), "--output", str(draft)]) == 0
    events = all_of(ra.load(tmp_path / "export.csv", mapping=draft))
    assert [(event.event_type, event.amount, event.event_time) for event in all_of(events)] == [
        ("SALE", 1009.5, 1_761_904_920_000),
        ("REFUND", 9.5, 1_761_905_040_000),
    ]
    assert "# " in draft.read_text()


@pytest.mark.parametrize(("form", "name"), [("log", "events.jsonl"), ("parquet", "pos-events.parquet")])
def test_converted_events_are_the_events(tmp_path, form, name):
    FRAME.rename(columns={"sku": "article"}).to_csv(tmp_path / "a.csv", index=False)
    command = ["convert", str(tmp_path / "a.csv"), "--columns", "sku=article", "--format", form]
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    assert all_of(ra.load(tmp_path / "out" / name)) == EVENTS


def test_a_conversion_does_not_write_over_its_source(tmp_path, capsys):
    (tmp_path / "events.jsonl").write_bytes(LOG)
    assert main(["convert", str(tmp_path / "events.jsonl"), "--out", str(tmp_path)]) == 2
    assert (tmp_path / "events.jsonl").read_bytes() == LOG


def test_a_table_of_other_till_events_needs_no_columns_of_receipt_lines():
    drawer = {"storeId": "s", "cashierId": "c", "eventType": "NO_SALE", "eventTime": TIME}
    (event,) = all_of(ra.load([drawer]))
    assert (event.event_type, event.cashier_id) == ("NO_SALE", "c")
    with pytest.raises(SourceError, match="no column for transactionId, sku, amount"):
        ra.load([{**drawer, "eventType": "sale"}])


def test_an_export_may_lack_the_optional_columns_of_a_packaged_mapping(tmp_path):
    row = {"InvoiceNo": "1", "StockCode": "k", "Quantity": "2", "InvoiceDate": "12/1/2010 8:26",
           "UnitPrice": "2.55", "Country": "France"}  # fmt: skip
    (event,) = all_of(ra.load([row], mapping="uci_online_retail"))
    assert (event.amount, event.customer_token) == (5.1, None)
    with pytest.raises(SourceError, match=r"has no column CustomerID \(for customerToken\)"):
        ra.load([row], mapping={"columns": {"customerToken": "CustomerID"}})


class _Connection:
    """The cursor of a database that can be fetched from, but not looped over."""

    def __init__(self, cursor: Any) -> None:
        self.description = cursor.description
        self.fetchmany = cursor.fetchmany


@pytest.mark.parametrize("wrap", [lambda cursor: cursor, _Connection, lambda cursor: [cursor]])
def test_the_cursor_of_a_database_is_read_whole_and_twice(wrap):
    with closing(sqlite3.connect(":memory:")) as database:
        FRAME.to_sql("receipts", database, index=False)

        def rows():
            return wrap(database.execute("select * from receipts"))

        loaded = ra.load(rows())
        assert all_of(loaded) == all_of(loaded) == EVENTS
        assert ra.replay(rows(), progress=False).events["pos-events"] == len(EVENTS)
        assert ra.explain("t1", rows()).transaction_id == "t1"
