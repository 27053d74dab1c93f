"""DSFinV-K from strangers: card numbers, zips and indexes that lead out or grow, exports that are cut off."""

from __future__ import annotations

import json
import zipfile

import pytest

from retail_anomaly.sources.importers.dsfinvk import import_dsfinvk
from retail_anomaly.sources.importers.export_files import ExportError
from tests.support.dsfinvk import Form, export_bytes, write_folder, write_zip
from tests.support.till_export import NOON_MS, line
from tests.unit.sources.importers.read_dsfinvk import imported, read


def test_a_card_number_comes_out_nowhere(tmp_path, till):
    card = "4111111111111111"
    till.receipt(
        "1",
        line("gift", 20.0, kind="MehrzweckgutscheinKauf", GUTSCHEIN_NR=card),
        KUNDE_ID=card,
        KUNDE_NAME=card,
        BON_NOTIZ=card,
    )
    till.receipt("2", line("a", 20.0, kind=card))
    till.receipt("3", line(card, 20.0, ARTIKELTEXT="Gutschein"))

    events, report = imported(tmp_path, till)

    assert [event["sku"] for event in events] == ["gift", "Gutschein"]
    assert card not in json.dumps(events)
    assert card not in "".join(report.lines())
    assert report.unmapped["transactions.csv: KUNDE_ID that is a card number"] == 1


def test_a_file_that_is_cut_off_gives_its_whole_rows(tmp_path, till):
    for number in range(3):
        till.receipt(str(number), line("a", 5.0))
    files = export_bytes(till.tables)
    files["lines.csv"] = files["lines.csv"][:-30]
    export = write_folder(tmp_path / "in", files)

    events, report = read(tmp_path, export)

    assert len(events) == 2
    assert report.unmapped == {
        "lines.csv: expected 21 cells, got 12": 1,
        "transactions.csv: receipts without lines": 1,
    }


def test_a_stray_quote_costs_its_own_line(tmp_path, till):
    for number in range(5):
        till.receipt(str(number), line("a", 5.0))
    files = export_bytes(till.tables)
    first = files["lines.csv"].index(b"\n") + 1
    files["lines.csv"] = files["lines.csv"][:first] + b'"' + files["lines.csv"][first:]

    events, report = read(tmp_path, write_folder(tmp_path / "in", files))

    assert len(events) == 4
    assert report.unmapped["lines.csv: a quote opens a cell that no quote ends"] == 1


def test_a_zip_that_is_cut_off_says_so(tmp_path, till):
    till.receipt("1", line("a", 5.0))
    whole = write_zip(tmp_path / "0.zip", export_bytes(till.tables))
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole.read_bytes()[:-40])

    with pytest.raises(ExportError, match=r"cut\.zip: expected a folder or a whole zip file"):
        import_dsfinvk([cut], tmp_path / "events")


@pytest.mark.parametrize("name", ["../../evil.csv", "/etc/evil.csv", "C:\\evil.csv", "a\\..\\..\\evil.csv"])
def test_a_zip_with_a_path_that_leads_out_is_refused(tmp_path, till, name):
    files = export_bytes(till.tables) | {name: b"x"}

    with pytest.raises(ExportError, match="leads out of the zip: refused"):
        import_dsfinvk([write_zip(tmp_path / "0.zip", files)], tmp_path / "events")


def test_a_zip_bomb_is_refused(tmp_path, till):
    files = export_bytes(till.tables) | {"lines.csv": b"0" * 50_000_000}

    with pytest.raises(ExportError, match="refused as a zip bomb"):
        import_dsfinvk([write_zip(tmp_path / "0.zip", files)], tmp_path / "events")
    assert not (tmp_path / "events").exists()


def test_an_index_that_names_a_file_outside_is_refused(tmp_path, till):
    till.receipt("1", line("a", 5.0))
    files = export_bytes(till.tables)
    files["index.xml"] = files["index.xml"].replace(b"<URL>lines.csv", b"<URL>../lines.csv")

    with pytest.raises(ExportError, match=r"'\.\./lines\.csv' names no file of the export"):
        import_dsfinvk([write_folder(tmp_path / "in", files)], tmp_path / "events")


@pytest.mark.parametrize(
    "entity",
    ['<!ENTITY e SYSTEM "file:///etc/passwd">', '<!ENTITY a "ha"><!ENTITY e "&a;&a;&a;">'],
)
def test_an_index_with_entities_is_refused(tmp_path, till, entity):
    files = export_bytes(till.tables)
    files["index.xml"] = (
        files["index.xml"]
        .replace(b'SYSTEM "gdpdu-01-09-2004.dtd"', f"[{entity}]".encode())
        .replace(b"<Name>Till</Name>", b"<Name>&e;</Name>")
    )

    with pytest.raises(ExportError, match="defines entities: refused"):
        import_dsfinvk([write_folder(tmp_path / "in", files)], tmp_path / "events")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"lines.csv": b""}, "no index.xml in it; expected a DSFinV-K export"),
        ({"index.xml": b"<DataSet>"}, "index.xml: expected XML"),
        ({"index.xml": b"<DataSet/>"}, "expected the description of tables"),
    ],
)
def test_something_else_than_an_export_is_one_line(tmp_path, files, said):
    with pytest.raises(ExportError, match=said):
        import_dsfinvk([write_folder(tmp_path / "in", files)], tmp_path / "events")


def test_an_export_without_receipts_is_one_line(tmp_path, till):
    only = {"vat.csv": [{"Z_KASSE_ID": "K1"}]}

    with pytest.raises(ExportError, match=r"expected a table transactions\.csv, it lists vat\.csv"):
        import_dsfinvk([write_folder(tmp_path / "in", export_bytes(only))], tmp_path / "events")


def test_an_import_that_fails_leaves_the_old_events(tmp_path, till):
    old = tmp_path / "events" / "pos-events.jsonl"
    old.parent.mkdir()
    old.write_text("old")

    with pytest.raises(ExportError):
        import_dsfinvk([tmp_path / "nowhere.zip"], old.parent)

    assert old.read_text() == "old"


def test_a_damaged_member_gives_the_rows_before_the_damage(tmp_path, till):
    for number in range(2000):
        till.receipt(str(number), line(f"article-{number * 7919 % 10007}", 5.0))
    whole = write_zip(tmp_path / "0.zip", export_bytes(till.tables))
    content = bytearray(whole.read_bytes())
    with zipfile.ZipFile(whole) as archive:
        info = archive.getinfo("lines.csv")
    middle = info.header_offset + info.compress_size // 2
    content[middle : middle + 200] = b"\xff" * 200
    whole.write_bytes(content)

    events, report = read(tmp_path, whole)

    assert 0 < len(events) < 2000
    assert any("lines.csv: damaged after line" in path for path in report.unmapped)


def test_an_index_whose_bytes_are_not_of_its_encoding_is_one_line(tmp_path, till):
    till.receipt("1", line("a", 5.0))
    files = export_bytes(till.tables)
    files["index.xml"] = files["index.xml"].replace(b"<Name>Till", b"<Name>T\xfcll")

    with pytest.raises(ExportError, match=r"index\.xml: expected XML: [^\n]+$"):
        read(tmp_path, write_folder(tmp_path / "in", files))


def test_bytes_that_are_no_characters_are_said(tmp_path, till):
    till.receipt("1", line("a", 5.0))
    files = export_bytes(till.tables)
    files["lines.csv"] = files["lines.csv"].replace(b";a;", b";\xe4;")

    _, report = read(tmp_path, write_folder(tmp_path / "in", files))

    assert report.notes["lines.csv: lines with bytes that are no utf-8, read as \ufffd"] == 1


@pytest.mark.parametrize(("written", "lines"), [("\xfc".encode(), 1), ("\xfc".encode("cp1252"), 0)])
def test_utf_8_under_the_name_of_ansi_is_said(tmp_path, till, written, lines):
    till.receipt("1", line("a", 5.0))
    files = export_bytes(till.tables, Form(encoding="ANSI"))
    files["lines.csv"] = files["lines.csv"].replace(b";a;", b";" + written + b";")

    _, report = read(tmp_path, write_folder(tmp_path / "in", files))

    assert report.notes["lines.csv: lines in UTF-8, read as the ANSI that index.xml names"] == lines


def test_rows_that_stand_in_a_file_twice_count_once(tmp_path, till):
    till.receipt("1", line("a", 5.0, split=(3.0, 2.0)), line("b", 4.0))
    files = export_bytes(till.tables)
    for name, content in files.items():
        if name.endswith(".csv"):
            files[name] = content + content.split(b"\r\n", 1)[1]

    events, report = read(tmp_path, write_folder(tmp_path / "in", files))

    assert [(event["sku"], event["amount"]) for event in events] == [("a", 5.0), ("b", 4.0)]
    assert report.notes["lines that stand in an export twice: read once"] == 2


@pytest.mark.parametrize("place", ["1", ""])
def test_lines_of_one_number_have_their_own_amounts(tmp_path, till, place):
    till.receipt("1", line("a", 5.0), line("b", 4.0))
    for table in ("lines.csv", "lines_vat.csv"):
        for row in till.tables[table]:
            row["POS_ZEILE"] = place

    events, report = imported(tmp_path, till)

    assert [(event["sku"], event["amount"]) for event in events] == [("a", 5.0), ("b", 4.0)]
    assert len({event["eventId"] for event in events}) == 2
    assert report.notes["lines of one receipt that have one POS_ZEILE, or none, and differ"] == 2


def test_a_line_one_of_whose_amounts_is_no_number_has_its_price(tmp_path, till):
    till.receipt("1", line("a", 5.0, split=(3.0, 2.0)))
    files = export_bytes(till.tables)
    files["lines_vat.csv"] = files["lines_vat.csv"].replace(b"2,00000", b"two")

    (event,), report = read(tmp_path, write_folder(tmp_path / "in", files))

    assert event["amount"] == 5.0
    assert report.unmapped["lines_vat.csv: POS_BRUTTO is no number as index.xml says (decimal ,)"] == 1


def test_a_line_before_the_first_that_the_index_names_is_said(tmp_path, till):
    till.receipt("1", line("a", 5.0))
    described = export_bytes(till.tables)
    files = export_bytes(till.tables, Form(header=False)) | {"index.xml": described["index.xml"]}

    _, report = read(tmp_path, write_folder(tmp_path / "in", files))

    said = "transactions.csv: a line before the first that index.xml names, which is no header"
    assert report.unmapped[said] == 1


def test_digits_behind_an_implied_decimal_symbol_are_decimals(tmp_path, till):
    till.receipt("1", line("a", 1234.5))
    files = export_bytes(till.tables)
    column, said = b"POS_BRUTTO</Name><Numeric>", b"<Accuracy>5</Accuracy>"
    implied = b"<ImpliedAccuracy>2</ImpliedAccuracy>"
    files["index.xml"] = files["index.xml"].replace(column + said, column + implied)
    files["lines_vat.csv"] = files["lines_vat.csv"].replace(b"1234,50000", b"123450")

    (event,), _ = read(tmp_path, write_folder(tmp_path / "in", files))

    assert event["amount"] == 1234.5


def test_the_zone_of_a_day_is_no_time(tmp_path, till):
    till.receipt("1", line("a", 5.0), end="2026-03-02+01:00")

    (event,), _ = imported(tmp_path, till)

    assert event["eventTime"] == NOON_MS - 12 * 3_600_000


@pytest.mark.parametrize(
    ("word", "kinds", "unmapped"),
    [("1,00", ["VOID"], 0), ("WAHR", ["VOID"], 0), ("0.0", ["SALE"], 0), ("?", ["SALE"], 1)],
)
def test_a_flag_is_read_or_reported(tmp_path, till, word, kinds, unmapped):
    till.receipt("1", line("a", 5.0), BON_STORNO=word)

    events, report = imported(tmp_path, till)

    assert [event["eventType"] for event in events] == kinds
    assert report.unmapped["transactions.csv: BON_STORNO is neither 0 nor 1"] == unmapped
