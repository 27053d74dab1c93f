"""DSFinV-K exports become events as docs/import.md says."""

from __future__ import annotations

from collections import Counter
from zoneinfo import ZoneInfo

import pytest

from tests.support.dsfinvk import Form, export_bytes, write_folder, write_zip
from tests.support.till_export import NOON_MS, ExportedTill, line
from tests.unit.sources.importers.read_dsfinvk import imported, read


def test_a_line_becomes_a_sale_with_the_sum_of_its_gross_amounts(tmp_path, till):
    till.receipt("7", line("4711", 3.57, 2, split=(2.0, 1.57), STK_BR=1.99))

    (event,), _ = imported(tmp_path, till)

    assert event == {
        "eventType": "SALE",
        "storeId": "Berlin 1",
        "cashierId": "c-1",
        "transactionId": "K1/1/7",
        "registerId": "K1",
        "sku": "4711",
        "amount": 3.57,
        "quantity": 2,
        "unitPrice": 1.99,
        "tender": "cash",
        "eventTime": NOON_MS,
        "businessDate": "2026-03-02",
        "lineNumber": 1,
        "eventId": "K1/1/7/1",
    }


def test_a_weighed_refund_keeps_its_quantity_and_its_reference(tmp_path, till):
    till.receipt("1", line("apples", 1.26, 0.42))
    till.receipt("2", line("apples", -1.26, -0.42), refers=("K1", 1, "1"))

    (_, refund), _ = imported(tmp_path, till)

    assert (refund["eventType"], refund["quantity"], refund["amount"]) == ("REFUND", 0.42, 1.26)
    assert (refund["originalTransactionId"], refund["originalRegisterId"]) == ("K1/1/1", "K1")


def test_kinds_are_counted_exactly(tmp_path, till):
    till.receipt("1", line("a", 5.0), line("b", 2.0), line("b", -2.0, -1, void=True))
    till.receipt("2", line("a", -5.0, -1), void=True, refers=("K1", 1, "1"))
    till.receipt("3", line("a", 5.0), kind="AVTraining")
    till.receipt("4", line("a", 5.0), kind="AVBelegabbruch")
    till.receipt("5", line("a", 5.0), kind="AVBestellung")
    till.receipt("6", line("", 200.0, kind="Geldtransit"))
    till.receipt("7", line("", -50.0, kind="Auszahlung"))
    till.receipt("8", line("a", 5.0), line("", -0.5, kind="Rabatt"))
    till.receipt("9", line("bottle", -0.25, -1, kind="PfandRueckzahlung"))

    events, report = imported(tmp_path, till)

    assert report.events == {
        "SALE": 4,
        "LINE_VOID": 1,
        "POST_VOID": 1,
        "PAID_IN": 1,
        "PAID_OUT": 1,
        "REFUND": 1,
    }
    assert Counter(event["eventType"] for event in events) == report.events
    assert report.training == 1
    assert report.unmapped == {
        "transactions.csv: BON_TYP AVBelegabbruch": 1,
        "transactions.csv: BON_TYP AVBestellung": 1,
        "lines.csv: GV_TYP Rabatt": 1,
    }


def test_training_is_marked(tmp_path, till):
    till.receipt("1", line("a", 5.0), kind="AVTraining")

    (event,), _ = imported(tmp_path, till)

    assert event["training"] is True


def test_a_storno_is_one_event_with_its_reference_and_no_lines(tmp_path, till):
    till.closing(2)
    till.receipt("1", line("a", 5.0), line("b", 2.0))
    till.receipt("1", line("a", -5.0, -1), line("b", -2.0, -1), void=True, closing=2, refers=("K1", 1, "1"))

    (*_, void), _ = imported(tmp_path, till)

    assert void["eventType"] == "POST_VOID"
    assert (void["transactionId"], void["originalTransactionId"]) == ("K1/2/1", "K1/1/1")
    assert void["amount"] == 7.0
    assert "sku" not in void


def test_a_storno_without_a_reference_takes_back_its_own_receipt(tmp_path, till):
    till.receipt("1", line("a", 5.0), void=True)

    (void,), report = imported(tmp_path, till)

    assert (void["eventType"], void["transactionId"]) == ("VOID", "K1/1/1")
    assert report.notes["Storno receipts without a reference: a VOID of their own receipt"] == 1


@pytest.mark.parametrize(
    ("gross", "total", "order"),
    [
        (-2.0, 2.0, ["SALE", "SALE", "LINE_VOID"]),  # a second line takes the first back
        (2.0, 2.0, ["SALE", "SALE", "LINE_VOID"]),  # the same, the sign not reversed
        (2.0, 4.0, ["LINE_VOID", "SALE", "SALE"]),  # the mark stands on the line itself
    ],
)
def test_a_positionsstorno_takes_back_no_line_that_the_total_counts(tmp_path, till, gross, total, order):
    till.receipt("1", line("b", 2.0), line("b", 2.0), line("b", gross, void=True), total=total)

    events, _ = imported(tmp_path, till)

    assert [event["eventType"] for event in events] == order


def test_receipts_that_restart_their_numbers_do_not_meet(tmp_path):
    tills = [ExportedTill(till) for till in ("K1", "K2")]
    for till in tills:
        for closing in (1, 2):
            till.closing(closing, f"2026-03-0{closing + 1}T20:00:00+01:00")
            till.receipt("1", line("a", 5.0), closing=closing, end=f"2026-03-0{closing + 1}T12:00:00+01:00")

    events, report = imported(tmp_path, *tills)

    assert {event["transactionId"] for event in events} == {"K1/1/1", "K1/2/1", "K2/1/1", "K2/2/1"}
    assert {event["businessDate"] for event in events} == {"2026-03-02", "2026-03-03"}
    assert {event["storeId"] for event in events} == {"Berlin 1"}
    assert report.receipts == 4


def test_a_receipt_in_two_exports_is_read_once(tmp_path, till):
    till.receipt("1", line("a", 5.0), line("b", 5.0))

    events, report = imported(tmp_path, till, till)

    assert [event["sku"] for event in events] == ["a", "b"]
    assert report.notes == {"receipts that stand in the exports twice: read once": 1}


@pytest.mark.parametrize("encoding", ["UTF8", "ANSI", "UTF16"])
@pytest.mark.parametrize(
    ("separator", "decimal"), [(";", ","), (",", "."), ("|", "."), (",", ","), ("\t", ".")]
)
def test_separators_decimals_and_encodings_are_as_the_index_says(tmp_path, encoding, separator, decimal):
    till = ExportedTill(place='Köln; "Süd"')
    till.closing(1)
    till.receipt("1", line("Käse", 1234.5, 1.5))

    (event,), report = imported(tmp_path, till, form=Form(separator, decimal, encoding))

    assert (event["storeId"], event["sku"]) == ('Köln; "Süd"', "Käse")
    assert (event["amount"], event["quantity"]) == (1234.5, 1.5)
    assert not report.unmapped


def test_a_number_in_another_form_than_the_index_says_is_never_guessed(tmp_path, till):
    till.receipt("1", line("a", 5.0, 1.0), line("b", 1.0, 1.0))
    files = export_bytes(till.tables)
    files["lines_vat.csv"] = files["lines_vat.csv"].replace(b"5,00000", b"5.00000", 1)
    export = write_folder(tmp_path / "export", files)

    events, report = read(tmp_path, export)

    assert [(event["sku"], event["amount"]) for event in events] == [("a", 5.0), ("b", 1.0)]
    assert report.unmapped == {"lines_vat.csv: POS_BRUTTO is no number as index.xml says (decimal ,)": 1}
    assert report.notes == {"lines without a row in lines_vat.csv: amount is MENGE times STK_BR": 1}


def test_optional_files_may_be_missing(tmp_path, till):
    till.receipt("1", line("a", 5.0), line("a", -5.0, -1))
    only = {name: till.tables[name] for name in ("transactions.csv", "lines.csv", "lines_vat.csv")}
    export = write_zip(tmp_path / "0.zip", export_bytes(only))

    (sale, refund), _ = read(tmp_path, export)

    assert (sale["eventType"], refund["eventType"]) == ("SALE", "REFUND")
    assert (sale["storeId"], sale["businessDate"]) == ("K1", "2026-03-02")
    assert "tender" not in sale


def test_files_may_be_split_renamed_and_stand_in_folders(tmp_path, till):
    for number in range(10):
        till.receipt(str(number), line("a", 5.0))
    form = Form(
        names={"lines.csv": ["daten/lines_1.csv", "daten/lines_2.csv"], "transactions.csv": ["Bonkopf.CSV"]}
    )
    files = {f"export/{name}": content for name, content in export_bytes(till.tables, form).items()}

    events, _ = read(tmp_path, write_folder(tmp_path / "in", files))

    assert len(events) == 10


def test_a_folder_may_hold_zips(tmp_path):
    for name in ("K1", "K2"):
        till = ExportedTill(name)
        till.closing(1)
        till.receipt("1", line("a", 5.0))
        (tmp_path / "in").mkdir(exist_ok=True)
        write_zip(tmp_path / "in" / f"{name}.zip", export_bytes(till.tables))

    events, _ = read(tmp_path, tmp_path / "in")

    assert [event["registerId"] for event in events] == ["K1", "K2"]


def test_a_table_without_a_header_has_the_columns_of_the_index(tmp_path, till):
    till.receipt("1", line("a", 5.0))

    (event,), _ = imported(tmp_path, till, form=Form(header=False))

    assert event["sku"] == "a"


@pytest.mark.parametrize(
    ("end", "zone", "time"),
    [
        ("2026-07-02T12:00:00", None, "2026-07-02T12:00:00Z"),
        ("2026-07-02T12:00:00", "Europe/Berlin", "2026-07-02T10:00:00Z"),
        ("2026-07-02T12:00:00.250Z", "Europe/Berlin", "2026-07-02T12:00:00.250Z"),
        ("2026-07-02T12:00:00+02:00", None, "2026-07-02T10:00:00Z"),
    ],
)
def test_a_time_without_a_zone_is_the_stores(tmp_path, till, end, zone, time):
    till.receipt("1", line("a", 5.0), end=end)

    (event,), _ = imported(tmp_path, till, zone=zone and ZoneInfo(zone))

    assert event["eventTime"] == round(1000 * _seconds(time))


def _seconds(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def test_the_business_date_is_the_day_of_the_booking(tmp_path):
    till = ExportedTill()
    till.closing(1, made="2026-03-03T02:00:00+01:00", day="2026-03-02")
    till.receipt("1", line("a", 5.0), end="2026-03-03T01:00:00+01:00")

    (event,), _ = imported(tmp_path, till)

    assert event["businessDate"] == "2026-03-02"


def test_events_stand_in_the_order_of_their_times(tmp_path, till):
    for number, hour in enumerate((14, 9, 11)):
        till.receipt(str(number), line("a", 5.0), end=f"2026-03-02T{hour:02}:00:00Z")

    events, _ = imported(tmp_path, till)

    assert [event["transactionId"] for event in events] == ["K1/1/1", "K1/1/2", "K1/1/0"]


def test_a_refund_line_prefers_the_reference_of_its_own_line_and_no_order(tmp_path, till):
    till.receipt("o", line("a", 5.0), kind="AVBestellung")
    till.receipt("1", line("a", 5.0))
    till.receipt("2", line("b", 5.0))
    till.receipt("3", line("a", -5.0, -1), line("b", -5.0, -1), line("a", -5.0, -1))
    till.refer("3", "K1", 1, "o")
    till.refer("3", "K1", 1, "1")
    till.refer("3", "K1", 1, "2")
    till.refer("3", "K1", 1, "2", place="3")
    till.refer("3", "", 1, "R-1", kind="ExterneRechnung")

    (*_, first, second, third), report = imported(tmp_path, till)

    assert [event["originalTransactionId"] for event in (first, second, third)] == [
        "K1/1/1",
        "K1/1/2",
        "K1/1/2",
    ]
    assert report.unmapped["references.csv: REF_TYP ExterneRechnung"] == 1


def test_a_cashier_or_an_article_without_a_number_has_its_name(tmp_path, till):
    till.receipt("1", line("", 5.0), cashier="")
    till.receipt("2", line("", 5.0, GTIN="4006381333931"), cashier="", BEDIENER_NAME="")

    (first, second), report = imported(tmp_path, till)

    assert (first["cashierId"], first["sku"]) == ("Somebody", "Goods")
    assert (second["cashierId"], second["sku"]) == ("unknown", "4006381333931")
    assert report.notes == {
        "lines without ART_NR and GTIN: sku is ARTIKELTEXT": 1,
        "receipts without a cashier: cashierId is unknown": 1,
    }
