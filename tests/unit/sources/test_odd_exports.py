"""Exports as shops have them: each is read, or a line says where it fails and which step is next."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly.cli import main
from retail_anomaly.core.events import PosEvent

FIELDS = ("transactionId", "storeId", "cashierId", "sku", "amount", "eventType", "eventTime")
SALE = ("t1", "s", "c", "k", "9.50", "SALE", "2026-02-01 10:00:00")
REFUND = ("t2", "s", "c", "k", "9.50", "REFUND", "2026-02-01 11:00:00")
TEN = 1_769_940_000_000  # 2026-02-01 10:00 UTC
GERMAN = (
    "Beleg;Filiale;Kassierer;Artikel;Menge;Betrag;Vorgang;Datum;Uhrzeit;Bezug\r\n"
    "1;Berlin;Anna;0077;1;1.009,50;Verkauf;1.2.26;10:00;\r\n"
    "2;Berlin;Anna;0077;1;9,50;Rückgabe;1.2.26;11:00:10;1\r\n"
)
TITLES = "Kassenbericht;;;;;;;;;\r\nZeitraum;01.02.2026;bis;28.02.2026;;;;;;\r\n\r\n"


def table(*rows, sep=",", above="", below=""):
    return above + "".join(sep.join(row) + "\n" for row in (FIELDS, *rows)) + below


def changed(row, **cells):
    return tuple(cells.get(field, cell) for field, cell in zip(FIELDS, row, strict=True))


def workbook(*rows, merged=None):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    if merged:
        book.active.merge_cells(merged)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def parquet(*rows):
    pytest.importorskip("pyarrow")
    target = io.BytesIO()
    pd.DataFrame(rows).to_parquet(target)
    return target.getvalue()


def as_dict(row):
    return dict(zip(FIELDS, row, strict=True))


BOTH = [("SALE", 9.5, TEN), ("REFUND", 9.5, TEN + 3_600_000)]
ONE = BOTH[:1]
IN_GERMAN = [("SALE", 1009.5, TEN), ("REFUND", 9.5, TEN + 3_610_000)]
NIGHT = TEN + 18_300_000  # 3:05 PM

# By name: the content, the events by the draft of a mapping, and the place of each row that is none.
READ: dict[str, tuple[Any, list[Any], list[str]]] = {
    "titles_mark_crlf.csv": (b"\xef\xbb\xbf" + (TITLES + GERMAN).encode(), IN_GERMAN, []),
    "titles_utf16.txt": ((TITLES + GERMAN).replace(";", "\t").encode("utf-16"), IN_GERMAN, []),
    "titles_latin1.csv": ((TITLES + GERMAN).encode("latin-1"), IN_GERMAN, []),
    "one_title.csv": (table(SALE, REFUND, above="Sales, all shops, February\n\n"), BOTH, []),
    "two_headers.csv": (table(SALE, REFUND, above="Receipt,,,Line,,,When\n"), BOTH, []),
    "index.csv": ("," + table(SALE, REFUND).replace("\n", "\n0,").removesuffix("0,"), BOTH, []),
    "bars.txt": (table(SALE, REFUND, sep="|"), BOTH, []),
    "tabs.dat": (table(SALE, REFUND, sep="\t"), BOTH, []),
    "lines.txt": ("".join(json.dumps({"topic": "pos-events", "value": as_dict(row)}) + "\n" for row in [
        changed(SALE, amount=9.5, eventTime=TEN)]), ONE, []),
    "return_only.csv": (table(SALE, REFUND).replace("\n", "\r"), BOTH, []),
    "quoted_lines.csv": (table(changed(SALE, sku='"a\nb"'), REFUND), BOTH, []),
    "quoted_header.csv": (table(SALE, REFUND).replace("amount", '"Net\nsales"'), BOTH, []),
    "total.csv": (table(SALE, REFUND, below="Total,,,,19.00,,\n"), BOTH, ["total.csv:4"]),
    "units.csv": (table(("", "", "", "", "EUR", "", ""), SALE, REFUND), BOTH, ["units.csv:2"]),
    "after_lines.csv": (table(changed(SALE, sku='"a\nb"'), changed(REFUND, amount="?")), ONE,
                        ["after_lines.csv:4"]),
    "named_month.csv": (table(changed(SALE, eventTime="01-Feb-2026 3:05 PM")), [("SALE", 9.5, NIGHT)], []),
    "month_first.csv": (table(changed(SALE, eventTime='"February 1, 2026 15:05"')),
                        [("SALE", 9.5, NIGHT)], []),
    "parts_of_seconds.csv": (table(changed(SALE, eventTime='"01.02.2026 10:00:00,000"')), ONE, []),
    "arabic.csv": (table(changed(SALE, amount="\u0669\u066b\u0665", eventTime=
        "\u0662\u0660\u0662\u0666-\u0660\u0662-\u0660\u0661 \u0661\u0660:\u0660\u0660")), ONE, []),
    "devanagari.csv": (table(changed(SALE, amount="\u096f.\u096b", eventTime=
        "\u0966\u0967.\u0966\u0968.\u0968\u0966\u0968\u096c \u0967\u0966:\u0966\u0966")), ONE, []),
    "brackets.csv": (table(SALE, changed(REFUND, amount="($9.50)", eventType="SALE")), BOTH, []),
    "minus_behind.csv": (table(changed(SALE, amount="9,50"),
        changed(REFUND, amount="9,50-", eventType="SALE"), sep=";"), BOTH, []),
    "currencies.csv": (table(changed(SALE, amount="\u20ac 9,50"),
        changed(REFUND, amount="CHF 9,50"), sep=";"), BOTH, []),
    "zero_byte.csv": (table(changed(SALE, sku="a\0b"), REFUND), BOTH, []),
    "zeros_at_end.csv": (table(SALE, REFUND, below="\0" * 1_000), BOTH, []),
    "long_cell.csv": (table(changed(SALE, sku="x" * 10_000_000), REFUND), BOTH[1:], ["long_cell.csv:2"]),
    "envelope.json": (json.dumps({"status": "ok", "data": [as_dict(SALE), as_dict(REFUND)]}), BOTH, []),
    "pretty.json": (json.dumps({"a": {"data": [as_dict(SALE), as_dict(REFUND)]}}, indent=2), BOTH, []),
    "merged.xlsx": (lambda: workbook(
        ["Sales of February"], [], ["Store", "Berlin"], FIELDS,
        changed(SALE, amount=9.5, eventTime=dt.datetime(2026, 2, 1, 10)),  # noqa: DTZ001 - a sheet has no zone
        ["Total", None, None, None, 9.5], merged="A1:G1"), ONE, ["merged.xlsx row 6"]),
    "structs.parquet": (lambda: parquet(
        {"receipt": {"transactionId": "t1", "storeId": "s"}, "cashierId": "c", "sku": "k", "amount": 9.5,
         "eventType": "SALE", "eventTime": "2026-02-01 10:00:00"}), ONE, []),
}  # fmt: skip


@pytest.fixture
def export(tmp_path, monkeypatch):
    """Write an export into the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(name, content):
        content = content() if callable(content) else content
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    return write


@pytest.mark.parametrize("name", READ)
def test_an_odd_export_is_read_by_the_draft_of_a_mapping(export, name):
    content, expected, places = READ[name]
    assert main(["mapping", export(name, content), "--output", "m.yaml"]) == 0
    bad: list[Any] = []
    events: list[Any] = list(ra.load(name, mapping="m.yaml").open_again().events(bad.append))
    assert [(event.event_type, event.amount, event.event_time) for event in events] == expected
    assert [line.place for line in bad] == places
    assert main(["replay", name, "--mapping", "m.yaml", "--output", "alerts.jsonl"]) == 0


REFUSED: dict[str, tuple[Any, str]] = {
    "headerless.csv": (table(SALE).partition("\n")[2], "which look like a row: write a line of names above"),
    "one_line.csv": (",".join(SALE) * 9_000, "columns in its first line: do its lines have ends?"),
    "two_columns.csv": (table(SALE).replace("sku", "amount"), "has several columns named amount"),
    "two_arrays.json": (json.dumps({"data": [{}], "errors": [{}]}), "several arrays (data, errors)"),
    "cut.json": (json.dumps([as_dict(SALE)])[:-9], "can't be read as a JSON array"),
    "text.xlsx": (table(SALE), "can't be read as Excel"),
    "short_rows.csv": (table(SALE[:5]), "short_rows.csv:2: row: expected 7 cells, got 5"),
    "lists.parquet": (lambda: parquet({"lines": [{"sku": "k"}], "storeId": "s"}), "draft of `retail"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_an_export_that_is_no_table_of_events_is_one_line(export, name, capsys):
    content, said = REFUSED[name]
    assert main(["replay", export(name, content)]) == 1
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("retail-anomaly: ")
    assert said in line


def test_the_header_of_a_mapping_counts(export, tmp_path):
    # A row that has more names than the right one.
    above = "Store,Name,Street,Town,Land,Post,Phone,Mail\n"
    export("a.csv", table(SALE, REFUND, above=above))
    assert [getattr(event, "event_time", 0) for event in ra.load("a.csv", mapping={"header": 2})] == [
        TEN,
        TEN + 3_600_000,
    ]
    with pytest.raises(ra.SourceError, match=r"a\.csv has no line 9 that names .* mend `header`"):
        ra.load("a.csv", mapping={"header": 9})
    export("a.xlsx", workbook(above.split(","), FIELDS, changed(SALE, amount=9.5)))
    assert len(list(ra.load("a.xlsx", mapping={"header": 2}))) == 1
    with pytest.raises(ra.SourceError, match="its row 9 names no columns"):
        ra.load("a.xlsx", mapping={"header": 9})


def test_a_draft_says_which_columns_to_fill_in_and_loads_when_they_are(export):
    export("a.csv", table(SALE).replace("amount", "xyz").replace("sku", "abc"))
    assert main(["mapping", "a.csv", "--output", "m.yaml"]) == 0
    text = Path("m.yaml").read_text()
    assert "  # amount: FILL IN  # no column looks like it" in text
    with pytest.raises(ra.SourceError, match="no column for sku, amount"):
        ra.load("a.csv", mapping="m.yaml")
    Path("m.yaml").write_text(
        text.replace("# amount: FILL IN", "amount: xyz").replace("# sku: FILL IN", "sku: abc")
    )
    assert len(list(ra.load("a.csv", mapping="m.yaml"))) == 1


def test_arrow_columns_of_one_name_are_refused_in_one_line():
    arrow = pytest.importorskip("pyarrow")
    with pytest.raises(ra.SourceError, match=r"columns of one name .*'sku'") as caught:
        ra.load(arrow.table([[1], [2]], names=["sku", "sku"]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("command", ["evaluate", "rules test", "rules backtest"])
def test_each_command_that_reads_events_says_how_they_were_read(export, command, capsys):
    export("a.csv", table(SALE, REFUND, changed(SALE, amount="?"), sep=";"))
    export("rule.yaml", json.dumps({"id": "r", "events": {"e": {"eventType": "SALE"}}, "window": "1h",
                                    "when": {"count": "e", "gte": 1}}))  # fmt: skip
    incident = {"incidentId": "i", "scenario": "refund_burst", "storeId": "s", "start": TEN, "end": TEN + 1}
    export("i.jsonl", json.dumps(incident) + "\n")
    export("alerts.jsonl", "")
    main({
        "evaluate": ["evaluate", "--alerts", "alerts.jsonl", "--incidents", "i.jsonl", "--events", "a.csv"],
        "rules test": ["rules", "test", "rule.yaml", "a.csv"],
        "rules backtest": ["rules", "backtest", "rule.yaml", "a.csv"],
    }[command])  # fmt: skip
    said = capsys.readouterr()
    assert "a.csv has a semicolon between its cells" in said.err
    assert "could not be read; first a.csv:4: amount" in said.err + said.out


def parts(folder, *tables):
    for number, content in enumerate(tables):
        (folder / f"{number}.csv").write_text(content, encoding="utf-8")
    return folder


@pytest.mark.parametrize("order", [1, -1])
def test_each_part_of_a_table_has_its_own_decimal_sign(tmp_path, order):
    point = table(SALE, changed(SALE, transactionId="t3", amount='"1,234"'))
    comma = table(changed(SALE, amount="9,50"), changed(SALE, transactionId="t3", amount="1.234"), sep=";")
    unclear = table(changed(SALE, amount="9"))
    events = ra.load(parts(tmp_path, *[point, comma][::order], unclear))
    amounts = [event.amount for event in events if isinstance(event, PosEvent)]
    assert amounts == [9.5, 1234.0, 9.5, 1234.0, 9.0]
    comma_at = tmp_path / ("1.csv" if order == 1 else "0.csv")
    assert any(f"{comma_at} has a decimal comma" in note for note in events.summary.remarks)


def test_a_column_that_some_parts_lack_is_said(tmp_path):
    whole = table(SALE).replace("sku", "sku,Qty").replace(",k,", ",k,2,")
    folder = parts(tmp_path, whole, whole.replace("Qty", "Quantity"), whole.replace("Qty", "Quantity"))
    remarks = ra.load(folder, mapping={"columns": {"quantity": "Qty"}}).summary.remarks
    said = "1.csv and 1 other of 3 parts have no column for quantity: their rows are read without it"
    assert any(remark.endswith(said) for remark in remarks)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_column_of_the_mapping_that_no_line_has_is_said(tmp_path, name):
    line = json.dumps({**as_dict(SALE), "amount": 9.5, "quantity": 2})
    (tmp_path / name).write_text(f"[{line}]" if name == "a.json" else f"{line}\n{line}\n", encoding="utf-8")
    events = ra.load(
        tmp_path / name, topic="pos-events", mapping={"columns": {"quantity": "Qty", "sku": "sku"}}
    )
    said = f"no line of {tmp_path / name} fills the column Qty (for quantity) of the mapping"
    assert [remark for remark in events.summary.remarks if "no line" in remark] == [said]


def test_a_part_without_the_time_of_day_is_refused(tmp_path):
    clock = table(SALE).replace("eventTime", "day,clock").replace(" 10:00:00", ",10:00:00")
    folder = parts(tmp_path, clock, clock.replace(",clock", "").replace(",10:00:00", ""))
    events = ra.load(folder, mapping={"columns": {"eventTime": ["day", "clock"]}})
    assert [event.event_time for event in events if isinstance(event, PosEvent)] == [TEN]
    assert events.summary.unreadable == 1


@pytest.mark.parametrize("rows", [1, 5_000])
def test_columns_that_are_named_again_in_another_order_have_it(tmp_path, rows):
    first = table(*[SALE] * rows, below="t2,s,c\n")
    header, row = (",".join(reversed(line.split(","))) for line in table(SALE).splitlines())
    path = tmp_path / "a.csv"
    path.write_text(f"{first}{header}\n{row}\nt3,s\n{row}\n{table(SALE)}", encoding="utf-8")
    bad: list[Any] = []
    events = list(ra.load(path).open_again().events(bad.append))
    assert len(events) == rows + 3
    assert {(event.transaction_id, event.store_id) for event in events if isinstance(event, PosEvent)} == {
        ("t1", "s")
    }
    assert [line.number - rows for line in bad] == [2, 3, 5, 7]
    assert (
        bad[1].error.reason
        == "row: it names the columns again, in another order, which the rows after it have"
    )


def test_a_column_is_not_filled_from_the_receipt_of_another_store(tmp_path):
    path = tmp_path / "a.csv"
    rows = [REFUND, changed(REFUND, eventType=""), changed(REFUND, storeId="s2", eventType="")]
    path.write_text(table(*rows), encoding="utf-8")
    bad: list[Any] = []
    events = list(ra.load(path, mapping={"fill_down": ["eventType"]}).open_again().events(bad.append))
    assert [event.event_type for event in events if isinstance(event, PosEvent)] == ["REFUND", "REFUND"]
    assert [(line.number, line.error.field) for line in bad] == [(4, "eventType")]
