"""Cells that another program spoilt, and files beside the tables: read rightly, or refused in one line."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import re
import tarfile
import zipfile
from typing import Any

import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly.core.events import PosEvent
from retail_anomaly.sources.number_forms import NumberForm

np = pytest.importorskip("numpy")
TEN = 1_769_940_000_000  # 2026-02-01 10:00 UTC
LINE: dict[str, Any] = {"transactionId": "t1", "storeId": "s", "cashierId": "c", "sku": "k", "amount": 9.5,
                        "eventType": "SALE", "eventTime": TEN}  # fmt: skip


def read(source: Any, mapping: Any = None) -> tuple[list[Any], list[str]]:
    """Return the events of a source, and the reason of each bad row."""
    bad: list[Any] = []
    try:
        events = list(ra.load(source, mapping=mapping).open_again().events(bad.append))
    except ra.SourceError as error:
        return [], [line.error.reason for line in bad] or [str(error)]
    return events, [line.error.reason for line in bad]


def of(**cells: Any) -> list[dict[str, Any]]:
    return [{**LINE, **cells}]


DAY = dt.date(2026, 3, 4)


@pytest.mark.parametrize("cell", [DAY, dt.datetime(2026, 3, 4), pd.Timestamp(DAY)], ids=repr)  # noqa: DTZ001
@pytest.mark.parametrize("field", ["transactionId", "sku", "storeId", "registerId"])
def test_an_id_of_which_a_spreadsheet_made_a_date_is_refused(tmp_path, field, cell):
    pytest.importorskip("openpyxl")
    frame = pd.DataFrame(of(**{field: cell}), dtype="object")
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    for source in (of(**{field: cell}), frame, tmp_path / "a.xlsx"):
        events, (said,) = read(source)
        assert events == []
        assert said.endswith("; a spreadsheet made a date of it: export the column as text")


@pytest.mark.parametrize("form", ["General", "0", "0000-0000-0000-0000"])
def test_an_id_of_which_a_spreadsheet_kept_fifteen_digits_is_refused(tmp_path, form):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    ids = (4111222233334450, 4111222233334451, 411122223333445)
    for row in ([*LINE], *({**LINE, "sku": sku}.values() for sku in ids)):
        book.active.append(list(row))
    book.active["D2"].number_format = form
    book.save(tmp_path / "a.xlsx")
    events, (said,) = read(tmp_path / "a.xlsx")
    assert [event.sku for event in events] == ["4111222233334451", "411122223333445"]
    assert said.endswith("; its last digits are lost: export the column as text")


@pytest.mark.parametrize(("form", "time"), [("epoch_us", TEN * 1_000), ("epoch_ns", TEN * 1_000_000)])
def test_a_time_of_more_than_fifteen_digits_in_a_sheet_is_read(tmp_path, form, time):
    pytest.importorskip("openpyxl")
    pd.DataFrame(of(eventTime=time)).to_excel(tmp_path / "a.xlsx", index=False)
    (event,), _ = read(tmp_path / "a.xlsx", {"dates": form})
    assert event.event_time == TEN


def test_a_business_date_may_be_a_date():
    (event,), _ = read(of(businessDate=DAY))
    assert event.business_date == "2026-03-04"


@pytest.mark.parametrize("word", ["#REF!", "#VALUE!", "#name?", "#DIV/0!", "#NUM!", "#NULL!", "#FIELD!",
                                  "#CALC!", "Err:502"])  # fmt: skip
def test_the_error_of_a_formula_is_no_id_and_nothing_where_a_row_may_lack_it(tmp_path, word):
    frame = pd.DataFrame([{**LINE, "sku": word}, {**LINE, "registerId": word}, LINE])
    frame.to_csv(tmp_path / "a.csv", index=False)
    for source in (frame, tmp_path / "a.csv"):
        events, (said,) = read(source)
        assert [event.register_id for event in events] == [None, None]
        assert "sku: expected text, got" in said
        assert said.endswith("; it is an error of a spreadsheet: mend the formula")
    with pytest.raises(ra.SourceError, match=rf'its value is "{word}"'.replace("?", r"\?")):
        list(ra.load(of(sku=word)))
    (event,), _ = read(of(cashierId=word), {"constants": {"cashierId": "unknown"}})
    assert event.cashier_id == "unknown"


@pytest.mark.parametrize("field", ["sku", "registerId"])
def test_a_number_that_its_column_was_too_narrow_to_show_is_refused(tmp_path, field):
    frame = pd.DataFrame(of(**{field: "########"}))
    frame.to_csv(tmp_path / "a.csv", index=False)
    for source in (frame, tmp_path / "a.csv"):
        events, (said,) = read(source)
        assert events == []
        assert said.endswith("was too narrow to show it: widen the column and export it again")


@pytest.mark.parametrize("cell", ["k\0", "k\0\0 ", " k \0"])
def test_zeros_with_which_a_database_fills_up_a_cell_are_no_part_of_it(tmp_path, cell):
    pd.DataFrame(of(sku=cell)).to_csv(tmp_path / "a.csv", index=False)
    for source in (of(sku=cell), pd.DataFrame(of(sku=cell)), tmp_path / "a.csv"):
        (event,), _ = read(source)
        assert event.sku == "k"


@pytest.mark.parametrize("field", ["eventTime", "sku", "amount", "quantity", "lineNumber"])
@pytest.mark.parametrize("cell", [np.timedelta64(1, "D"), np.timedelta64(5, "ns"), dt.timedelta(1)], ids=repr)
def test_a_duration_is_a_bad_row_of_any_field(field, cell):
    events, (said,) = read(of(**{field: cell}))
    assert events == []
    assert said.startswith(f"{field}: expected ")


def test_bytes_that_are_not_utf8_name_the_option():
    _, (said,) = read(of(sku="\u00fc".encode("latin-1")))
    assert said.endswith("; it is not UTF-8: `encoding` in a mapping names the encoding of a file")


@pytest.mark.parametrize(
    ("cell", "mend"),
    [
        (
            dt.time(10),
            "a mapping with `columns: {eventTime: [DATE, TIME]}` joins a time of day with its date",
        ),
        ("1769940000.123", "a mapping with `dates: [epoch_s]` reads it"),
        ("46054.41667", "a mapping with `dates: [excel]` reads it"),
        ("26-02-01", "a mapping with `dates: [DD-MM-YY]` or `dates: [YY-MM-DD]` reads it"),
        ("26/02/01 10:00", "`dates: [DD/MM/YY HH:mm]` or `dates: [YY/MM/DD HH:mm]` reads it"),
    ],
)
def test_a_time_names_each_form_that_reads_it(cell, mend):
    _, (said,) = read(of(eventTime=cell))
    assert said.endswith(mend)


@pytest.mark.parametrize(
    ("text", "amount"), [("\uffe5950", 950), ("950\u5186", 950), ("Rs.9.50", 9.5), ("Rs 1,234.50", 1234.5)]
)
def test_more_signs_of_a_currency_are_no_part_of_a_number(text, amount):
    assert NumberForm().parsed(text) == amount


def test_a_query_that_fails_is_one_line():
    polars = pytest.importorskip("polars")
    for query in (polars.LazyFrame(of()).select("colour"), polars.scan_csv("missing.csv")):
        with pytest.raises(
            ra.SourceError, match=r"the LazyFrame of polars can't be computed \(.*\): mend"
        ) as caught:
            ra.load(query)
        assert "\n" not in str(caught.value)


def test_the_lock_of_an_open_spreadsheet_is_no_table(tmp_path):
    pd.DataFrame(of()).to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "~$a.xlsx").write_bytes(b"\0")
    assert len(read(tmp_path)[0]) == 1


def test_the_folders_of_a_folder_that_are_not_read_are_named(tmp_path):
    for name in (".", "archive", "2025", ".hidden", "notes"):
        (tmp_path / name).mkdir(exist_ok=True)
        if name != "notes":
            pd.DataFrame(of()).to_csv(tmp_path / name / "a.csv", index=False)
    events = ra.load(tmp_path)
    assert events.summary.events["pos-events"] == 1
    (said,) = [remark for remark in events.summary.remarks if "folders" in remark]
    assert (
        said == f"{tmp_path}: the tables in its folders are not read (2025, archive): name these folders too"
    )
    (tmp_path / "storeId=s").mkdir()
    pd.DataFrame(of()).to_csv(tmp_path / "storeId=s" / "a.csv", index=False)
    assert "storeId=s" not in " ".join(ra.load(tmp_path).summary.remarks)


def test_the_files_beside_a_table_that_are_not_read_are_named(tmp_path):
    pd.DataFrame(of()).to_csv(tmp_path / "a.csv", index=False)
    beside = {"b.txt": "a;b;c;d\n", "c.xls": "x", "d.jsonl": "{}\n", "e.csv.xz": "x", "f.zip": "x",
              "README.txt": "Sales, and more.\n", "notes.md": "a,b,c,d", "_b.txt": "a;b;c;d",
              "empty.json": "", "alerts.jsonl": '{"alertId":"1"}\n', "a.csv.crc": "x"}  # fmt: skip
    for name, content in beside.items():
        (tmp_path / name).write_text(content)
    events = ra.load(tmp_path)
    assert events.summary.events["pos-events"] == 1
    named = "b.txt, c.xls, d.jsonl, e.csv.xz, f.zip"
    said = f"{tmp_path}: some of its files are not read ({named}): name these files too"
    assert said in events.summary.remarks


def test_the_files_beside_those_of_topics_that_are_not_read_are_named(tmp_path):
    for name in ("pos-events.csv", "pos-events-2.csv", "POS_Events.CSV", "refunds.csv"):
        pd.DataFrame(of()).to_csv(tmp_path / name, index=False)
    for name in ("pos-events.yaml", "rates.csv", "events.jsonl"):
        (tmp_path / name).write_text("a,b\n")
    events = ra.load(tmp_path)
    named = "POS_Events.CSV, pos-events-2.csv, refunds.csv"
    said = f"{tmp_path}: some of its files are not read ({named}): name these files too"
    assert [remark for remark in events.summary.remarks if "files" in remark] == [said]


def test_a_folder_by_its_address_is_read(tmp_path):
    pytest.importorskip("fsspec")
    pd.DataFrame(of()).to_csv(tmp_path / "a.csv", index=False)
    for address in (tmp_path.as_uri(), (tmp_path / "*.csv").as_uri().replace("%2A", "*")):
        assert len(read(address)[0]) == 1


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.bz2", ".TAR.GZ"])
def test_an_archive_is_refused_in_one_line(tmp_path, suffix):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"), io.BytesIO())
    pack = bz2.compress if suffix.endswith("bz2") else gzip.compress
    (tmp_path / f"a{suffix}").write_bytes(pack(content.getvalue()))
    with pytest.raises(ra.SourceError, match=r"files are not read: unpack it first"):
        ra.load(tmp_path / f"a{suffix}")


@pytest.mark.parametrize(
    ("flag", "method", "said"), [(1, 8, "is encrypted"), (0, 9, "method is not supported")]
)
@pytest.mark.parametrize("name", ["a.zip", "a.csv.zip", "a.parquet.zip", "a.jsonl.zip"])
def test_a_zip_file_that_is_locked_or_packed_in_an_unknown_way_is_one_line(
    tmp_path, name, flag, method, said
):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "sku\r\nk\r\n")
    content = bytearray(target.getvalue())
    for start in (6, content.index(b"PK\x01\x02") + 8):
        content[start] |= flag
        content[start + 2] = method
    (tmp_path / name).write_bytes(content)
    _, (error,) = read(tmp_path / name)
    assert said in error
    assert error.endswith("unpack it first")


@pytest.mark.parametrize("gone", [1, 20, 60])
def test_a_zip_file_without_its_beginning_is_one_line(tmp_path, gone):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.csv", "sku\r\nk\r\n")
    (tmp_path / "a.csv.zip").write_bytes(target.getvalue()[gone:])
    _, (error,) = read(tmp_path / "a.csv.zip")
    assert error.endswith("is it complete?")


@pytest.mark.parametrize(
    "field", ["amount", "quantity", "eventTime", "lineNumber", "training", "businessDate"]
)
def test_a_byte_that_is_no_character_costs_its_row_in_a_field_of_any_kind(tmp_path, field):
    rows = [LINE, {**LINE, "sku": "\u00e9"}, {**LINE, field: "@"}, {**LINE, field: "\u00f6@1"}]
    content = pd.DataFrame(rows).to_csv(index=False).encode().replace(b"@", b"\x85")
    (tmp_path / "a.csv").write_bytes(content)
    events, bad = read(tmp_path / "a.csv")
    assert len(events) == 2
    assert [said.startswith(f"{field}: expected") for said in bad] == [True, True]


@pytest.mark.parametrize("sign", ["^", "~", ":"])
def test_a_table_of_one_column_names_the_option_for_its_sign(tmp_path, sign):
    (tmp_path / "a.csv").write_text(f"{sign.join(LINE)}\n{sign.join(map(str, LINE.values()))}\n")
    with pytest.raises(ra.SourceError, match="`separator` in a mapping is the sign between them"):
        ra.load(tmp_path / "a.csv")
    (event,) = ra.load(tmp_path / "a.csv", mapping={"separator": sign})
    assert isinstance(event, PosEvent)
    assert event.sku == "k"


def test_the_first_sheet_that_is_not_hidden_is_read(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(list(LINE))
    book.active.append(list(LINE.values()))
    lists = book.create_sheet("Lists", 0)
    lists.append(["colour"])
    lists.append(["red"])
    book.save(tmp_path / "b.xlsx")
    with pytest.raises(
        ra.SourceError, match="the first of 2 sheets, Lists, was read; a mapping with `sheet: Lists`"
    ):
        ra.load(tmp_path / "b.xlsx")
    lists.sheet_state = "hidden"
    book.save(tmp_path / "a.xlsx")
    events = ra.load(tmp_path / "a.xlsx")
    assert events.summary.events["pos-events"] == 1
    assert "sheet" not in str(events.summary)
    with pytest.raises(ra.SourceError, match="no column for"):
        ra.load(tmp_path / "a.xlsx", mapping={"sheet": "Lists"})


@pytest.mark.parametrize(
    ("number", "form", "shown"),
    [
        (12, '"R-"0000', "R-0012"), (1234567, "000-0000", "123-4567"), (12, r"\R\-0000", "R-0012"),
        (123456, '"R-"0000', "R-123456"), (7, "0000;-0000", "0007"), (12, "#,##0", "12"),
        (12, '0" pcs"', "12 pcs"), (12, "0%", "12"), (12, "[Red]0000", "0012"), (12, "General", "12"),
        (12, "[$-407]0000_)", "0012"), (12, "[Blue]0", "12"), (12, "[>9]0000", "12"),
    ],
)  # fmt: skip
def test_an_id_in_a_sheet_is_the_text_that_its_format_shows(tmp_path, number, form, shown):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append([*LINE, "quantity"])
    sheet.append([*{**LINE, "sku": number}.values(), 3])
    sheet.cell(2, 4).number_format = sheet.cell(2, 5).number_format = form
    sheet.cell(2, 5).value = number
    sheet.cell(2, 8).number_format = form
    book.save(tmp_path / "a.xlsx")
    (event,), bad = read(tmp_path / "a.xlsx")
    assert bad == []
    assert (event.sku, event.amount, event.quantity) == (shown, number, 3)


def rewritten(path, old, new):
    """Change the XML of the only sheet of a workbook."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            is_sheet = name.startswith("xl/worksheets/sheet")
            archive.writestr(name, re.sub(old, new, content) if is_sheet else content)


@pytest.mark.parametrize("time", [44_593.5, dt.datetime(2026, 2, 1, 10)], ids=["number", "date"])  # noqa: DTZ001
def test_a_number_of_days_since_1904_is_not_read_as_one_since_1900(tmp_path, time):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.active.append(list(LINE))
    book.active.append([*list(LINE.values())[:-1], time])
    book.save(tmp_path / "a.xlsx")
    events, reasons = read(tmp_path / "a.xlsx", {"dates": ["excel"]})
    assert events == []
    assert "a.xlsx counts its days from 1904" in reasons[0]
    events, reasons = read(tmp_path / "a.xlsx", {"time_zone": "UTC"})
    assert [event.event_time for event in events] == ([TEN] if isinstance(time, dt.datetime) else [])
    assert len(events) + len(reasons) == 1


def test_a_sheet_whose_size_is_written_too_small_is_read_whole(tmp_path):
    pytest.importorskip("openpyxl")
    pd.DataFrame([LINE, LINE, LINE]).to_excel(tmp_path / "a.xlsx", index=False)
    for size in (b"A1:G2", b"A1", b"A1:C4"):
        rewritten(tmp_path / "a.xlsx", rb'<dimension ref="[^"]*"', b'<dimension ref="%b"' % size)
        assert [len(part) for part in read(tmp_path / "a.xlsx")] == [3, 0]


def test_a_formula_whose_value_a_file_does_not_hold_is_said(tmp_path):
    pytest.importorskip("openpyxl")
    pd.DataFrame([{**LINE, "quantity": "=1+1"}, {**LINE, "quantity": "=1+2"}]).to_excel(
        tmp_path / "a.xlsx", index=False
    )
    said = f"{tmp_path / 'a.xlsx'} has no value for 2 formulas of Sheet1, the first in H2: read as empty"
    assert [note for note in ra.load(tmp_path / "a.xlsx").summary.remarks if note.startswith(said)]
    for value, quantity in ((b"<v>4</v>", 4), (b"<v></v>", None)):
        cell = rb'<c\1 t="str"><f>1+\2</f>' + value + b"</c>"
        rewritten(tmp_path / "a.xlsx", rb'<c( r="H[0-9]")[^>]*><f>1\+(.)</f><v ?/?>(?:.*?</v>)?</c>', cell)
        assert "formula" not in str(ra.load(tmp_path / "a.xlsx").summary)
        events, _ = read(tmp_path / "a.xlsx")
        assert {event.quantity if event.has_quantity else None for event in events} == {quantity}


def test_a_row_of_formula_errors_names_no_columns(tmp_path):
    rows = pd.DataFrame([[*LINE, ""], [*LINE.values(), ""], ["#N/A"] * 8])
    rows.to_excel(tmp_path / "a.xlsx", header=False, index=False)
    events, bad = read(tmp_path / "a.xlsx")
    assert [event.transaction_id for event in events] == ["t1"]
    assert len(bad) == 1


def test_a_damaged_text_in_a_parquet_file_is_one_line(tmp_path):
    path = tmp_path / "a.parquet"
    text = "damaged in the middle"
    pd.DataFrame([{**LINE, "cashierId": text}]).to_parquet(path, compression=None)
    path.write_bytes(path.read_bytes().replace(text.encode(), text.replace("m", "\xef").encode("latin-1")))
    with pytest.raises(ra.SourceError, match="column cashierId can't be read") as caught:
        list(ra.load(path))
    assert "\n" not in str(caught.value)


def test_a_damaged_name_in_a_parquet_file_is_one_line(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    parquet.write_table(arrow.table({"damaged name": [1]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"damaged name", b"damaged\xff\xffame"))
    with pytest.raises(ra.SourceError, match="can't be read as Parquet") as caught:
        ra.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["net\namount", "net\x1b[2Jamount", "net\u2028amount", "net\x00amount"], ids=ascii
)
def test_a_name_that_ends_a_line_or_commands_a_terminal_does_neither_in_a_message(tmp_path, name):
    pytest.importorskip("pyarrow")
    rows = [{name if key == "amount" else key: cell for key, cell in LINE.items()}]
    frame = pd.DataFrame(rows)
    frame.to_parquet(tmp_path / "a.parquet", index=False)
    for source in (rows, frame, tmp_path / "a.parquet"):
        events, (said,) = read(source)
        assert events == []
        assert ascii(name)[1:-1] in said
        assert said.isprintable()


def test_a_receipt_with_a_line_break_does_not_break_a_remark_or_the_place_of_a_bad_line():
    line = {**LINE, "transactionId": "t\n1", "lineNumber": 1}
    summary = ra.load([line, line, {**line, "amount": "a\nb"}]).summary
    assert summary.unreadable == 1
    assert any("receipt t\\n1" in remark for remark in summary.remarks)
    assert all(text.isprintable() for text in summary.lines())
