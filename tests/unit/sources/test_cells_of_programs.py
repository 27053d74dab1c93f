"""Cells as spreadsheets, databases and frames write them give the value that stands there, or say why not."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly.core.events import PosEvent
from retail_anomaly.sources.mapping_file import MappingError

TEN = 1_769_940_000_000  # 2026-02-01 10:00 UTC
TEN_THIRTY = 1_769_941_800_000  # 2026-02-01 10:30 UTC
LINE = {"transactionId": "t1", "storeId": "s", "cashierId": "c", "sku": "k", "amount": "9.50",
        "eventType": "SALE", "eventTime": "2026-02-01 10:00:00"}  # fmt: skip


def csv_text(*rows, sep=","):
    target = io.StringIO()
    writer = csv.DictWriter(target, list(dict.fromkeys(name for row in rows for name in row)), delimiter=sep)
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue()


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Read a file, or one row with some other cells as CSV: the events, and the reason of each bad row."""
    monkeypatch.chdir(tmp_path)

    def read(content=None, mapping=None, name="a.csv", **cells):
        content = csv_text({**LINE, **cells}) if content is None else content
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
        bad: list[Any] = []
        try:
            events: list[Any] = list(ra.load(name, mapping=mapping).open_again().events(bad.append))
        except ra.SourceError as error:
            if not bad:
                return [], [str(error)]
            return [], [*(line.error.reason for line in bad), str(error)]
        return events, [line.error.reason for line in bad]

    return read


@pytest.mark.parametrize(
    ("written", "sku"),
    [
        ("4006381333931.0", "4006381333931"), ("7.00", "7"), ("0012.0", "0012"), ('="0012"', "0012"),
        ('=" k "', "k"), ("\u200bk", "k"), ("k\ufeff", "k"), ("\u200e k \u200f", "k"), ("7.05", "7.05"),
        ("'0012", "0012"), ("'n 12", "'n 12"), ("'", "'"),
        ("1.0.0", "1.0.0"), ("v1.0", "v1.0"), ("=k", "=k"), ("1E10", "1E10"), ("E+10", "E+10"),
    ],
)  # fmt: skip
def test_an_id_is_what_a_person_reads(read, written, sku):
    (event,), bad = read(sku=written)
    assert (event.sku, bad) == (sku, [])


def test_a_reference_that_a_frame_wrote_with_a_decimal_meets_its_sale():
    # A column of numbers with gaps is one of floats: 1005.0.
    sale = {**LINE, "transactionId": "1005"}
    refund = {**LINE, "transactionId": "1006", "eventType": "REFUND", "originalTransactionId": "1005.0",
              "eventTime": "2026-02-01 11:00:00"}  # fmt: skip
    assert ra.replay([sale, refund], detectors=["refund_without_sale"]).alerts.empty


@pytest.mark.parametrize("cell", ["4.00638E+12", "4,00638E+12", "4.00638e+12", 1e22, float(2**53 + 2)])
def test_an_id_whose_last_digits_are_lost_is_refused(cell):
    with pytest.raises(ra.SourceError, match="its last digits are lost: export the column as text"):
        ra.replay([{**LINE, "sku": cell}])


@pytest.mark.parametrize("mapping", [None, {"dates": "epoch_ms"}, {"dates": ["iso", "epoch_s"]}])
def test_a_time_whose_last_digits_are_lost_is_refused(read, mapping):
    _, bad = read(mapping=mapping, eventTime="1.76994E+12")
    assert "its last digits are lost: export the column as text" in bad[0]


@pytest.mark.parametrize(("field", "cell"), [("eventTime", "1_769_940_000_000"), ("lineNumber", "1_0"),
                                             ("quantity", "1_0"), ("amount", "1_0")])  # fmt: skip
def test_a_line_between_digits_makes_no_number(read, field, cell):
    events, bad = read(**{field: cell})
    assert not events
    assert bad[0].startswith(f"{field}: expected")


@pytest.mark.parametrize(
    ("written", "amount"),
    [("CHF 9.-", 9.0), ("9,-", 9.0), ("9.--", 9.0), ("Fr. 9.\u2013", 9.0), ("1'250.-", 1250.0),
     ("9,\u2014", 9.0)],
)  # fmt: skip
@pytest.mark.parametrize("mapping", [None, {"negative": "refund"}])
def test_a_dash_in_the_place_of_cents_is_no_minus(read, written, amount, mapping):
    (event,), bad = read(mapping=mapping, amount=written)
    assert (event.event_type, event.amount, bad) == ("SALE", amount, [])


@pytest.mark.parametrize("cell", ["9'50", "1'2", "5`", "12'34'567", "0 500", "1234 567", "1 234'567",
                                  "500 GRM", "2 DOZ", "1.2 MIO", "INV1001", "15 PCT"])  # fmt: skip
@pytest.mark.parametrize("field", ["amount", "quantity"])
def test_a_sign_or_a_word_in_a_number_that_may_change_it_is_refused(read, field, cell):
    events, bad = read(**{field: cell})
    assert not events
    assert bad[0].startswith(f"{field}: expected a number")


@pytest.mark.parametrize("cell", ["1'234.50", "1\u2019234.50", "1`234.50 CHF", "CHF 1 234,50",
                                  "1\u202f234,50 kr", "XOF 1234.50", "- 1 234.50 USD"])  # fmt: skip
def test_thousands_and_codes_of_currencies_are_read(read, cell):
    (event,), bad = read(mapping={"negative": "refund"}, amount=cell)
    assert (event.amount, bad) == (1234.5, [])


@pytest.mark.parametrize("quantity", [1, 1.0])
def test_a_number_in_another_column_says_nothing_of_a_text(quantity):
    rows = [{**LINE, "amount": "1.120", "quantity": quantity}]
    for source in (rows, pd.DataFrame(rows)):
        with pytest.raises(ra.SourceError, match=r"it is 1\.12 with `decimal: .\..`"):
            ra.replay(source)
    (event,) = ra.load([{**LINE, "amount": "9,50", "quantity": quantity}])
    assert isinstance(event, PosEvent)
    assert event.amount == 9.5


@pytest.mark.parametrize(
    ("time", "form", "expected"),
    [
        ("2026-02-01 115", "YYYY-MM-DD HHmm", TEN - 31_500_000),  # 01:15, not 11:05
        ("2026-02-01 5", "YYYY-MM-DD HHmm", TEN - 35_700_000),
        ("2026-02-01 1000", "YYYY-MM-DD HHmm", TEN),
        ("1022026 100000", "DDMMYYYY HHmmss", TEN),
        ("1022026 00:15", "DDMMYYYY HH:mm", TEN - 35_100_000),
        ("1.2.2026 10:00", "DD.MM.YYYY HH:mm", TEN),
        ("46054,4166666667", "excel", TEN),
        ("2026-02-01T10:00:00z", "iso", TEN),
        ("01.02.2026 um 10:00 Uhr", "DD.MM.YYYY um HH:mm Uhr", TEN),
        ("2026-02-01 at 10:00", "YYYY-MM-DD at HH:mm", TEN),
        ("20260201T100000Z", "YYYYMMDDTHHmmssZ", TEN),
        ("2026\u5e742\u67081\u65e5 10\u664200\u5206", "YYYY\u5e74M\u6708D\u65e5 H\u6642mm\u5206", TEN),
    ],
)
def test_digits_that_nothing_divides_have_their_zeros_in_front(read, time, form, expected):
    (event,), bad = read(mapping={"dates": form}, eventTime=time)
    assert (event.event_time, bad) == (expected, [])


@pytest.mark.parametrize(
    ("time", "form", "expected"),
    [
        ("2026-02-01T10:00:00Z", "%Y-%m-%dT%H:%M:%SZ", TEN),
        ("01.02.2026 10:00 UTC", "DD.MM.YYYY HH:mm UTC", TEN),
        ("01.02.2026 10:00 GMT+0200", "DD.MM.YYYY HH:mm GMTZ", TEN - 7_200_000),
        ("2026-02-01+02:00", "iso", TEN - 43_200_000),
        ("2026-02-01 -0500", "iso", TEN - 18_000_000),
        ("1_769_940_000", "epoch_s", None),
        ("4_6054.4", "excel", None),
        ("2026-02-01-05:00", "iso", None),  # a zone, or the time
    ],
)
def test_a_zone_that_a_time_or_its_form_names_counts_and_is_no_time(read, time, form, expected):
    events, bad = read(mapping={"dates": form, "time_zone": "Asia/Tokyo"}, eventTime=time)
    assert [event.event_time for event in events] == ([] if expected is None else [expected])
    assert bool(bad) == (expected is None)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("DD.mm.YYYY", "year, month and day"),
        ("YYYY-mm-DD", "year, month and day"),
        ("MM/DD/YYYY HH:mm A", "HH counts to 24"),
        ("MM/DD/YYYY hh:mm", "hh counts to 12 and needs A"),
        ("%Y-%m-%d %M", "minutes without hours"),
        ("%Y-%m-%d %H:%M %Z", "names of zones are not read"),
    ],
)
def test_a_form_of_dates_that_would_read_another_time_is_refused(form, said):
    with pytest.raises(MappingError, match=said):
        ra.load([], mapping={"dates": form})


@pytest.mark.parametrize("form", ["dd.mm.yyyy", "DD.mm.YYYY HH:mm", "hh:mm"])
def test_a_form_of_dates_that_is_none_says_which_letters_do(form):
    with pytest.raises(MappingError, match=r"capital letters for a date|MM is the month, mm the minute"):
        ra.load([], mapping={"dates": form})


@pytest.mark.parametrize("cell", ["2026-02-01", "2026-02-01 00:00:00", "20260201", 20260201,
                                  "2026-02-01-05:00", pd.Timestamp("2026-02-01"),
                                  "2026-02-01T12:30:00Z"])  # fmt: skip
def test_a_business_date_may_be_written_as_a_date_and_time(cell):
    (event,) = ra.load([{**LINE, "businessDate": cell}])
    assert isinstance(event, PosEvent)
    assert event.business_date == "2026-02-01"


@pytest.mark.parametrize(
    ("field", "cell", "mend"),
    [
        ("businessDate", "01.02.2026", "`dates: [DD.MM.YYYY]`"),
        ("training", "Y", "`flags: {Y: true}`"),
        ("quantity", "NULL", "`nulls: [NULL]`"),
        ("discountAmount", "-1.00", "`negative: refund` reads it without its sign"),
        ("amount", "-1.00", "`negative: refund` reads it as a refund"),
    ],
)
def test_a_refused_cell_names_the_line_of_a_mapping_that_reads_it(read, field, cell, mend):
    _, bad = read(**{field: cell})
    assert mend in bad[0]


@pytest.mark.parametrize("cell", ["true", "false", "1", "0", "1.0", "0.0", "TRUE"])
def test_a_flag_may_have_a_decimal(read, cell):
    (event,), bad = read(training=cell)
    assert (event.training, bad) == (cell.lower() in ("true", "1", "1.0"), [])


@pytest.mark.parametrize("quantity", [None, ""])
def test_a_negative_amount_leaves_a_line_without_quantity_one(quantity):
    # `refund_match` tells the pieces of such a line from its amount.
    row = {**LINE, "amount": "-9.50", "discountAmount": "-1.00", "listPrice": -10.5}
    (event,) = ra.load(
        [row if quantity is None else {**row, "quantity": quantity}], mapping={"negative": "refund"}
    )
    assert isinstance(event, PosEvent)
    assert (event.event_type, event.amount, event.has_quantity) == ("REFUND", 9.5, False)
    assert (event.discount_amount, event.list_price) == (1.0, 10.5)


@pytest.mark.parametrize("cell", ["9.50", 9.5, "9,5"])
def test_an_amount_of_cents_has_no_decimals(cell):
    with pytest.raises(ra.SourceError, match="amount: expected a number"):
        ra.replay([{**LINE, "amount": cell}], mapping={"minor_units": 2})
    (event,) = ra.load([{**LINE, "amount": 950.0}], mapping={"minor_units": 2})
    assert isinstance(event, PosEvent)
    assert event.amount == 9.5


@pytest.mark.parametrize("cell", [True, "True", "TRUE "])
def test_a_column_of_true_and_false_may_be_the_type(cell):
    (event,) = ra.load([{**LINE, "eventType": cell}], mapping={"types": {"true": "REFUND", "false": "SALE"}})
    assert isinstance(event, PosEvent)
    assert event.event_type == "REFUND"


def test_a_type_is_the_same_with_its_accents_apart():
    (event,) = ra.load(
        [{**LINE, "eventType": "Ru\u0308ckgabe"}], mapping={"types": {"R\u00fcckgabe": "REFUND"}}
    )
    assert isinstance(event, PosEvent)
    assert event.event_type == "REFUND"


@pytest.mark.parametrize("word", ["NULL", "null", r"\N", "nan", "None", "-", "<NA>", "(null)", "#N/A"])
def test_a_cashier_who_is_a_word_for_nothing_is_said_and_a_constant_takes_the_place(word):
    rows = [{**LINE, "cashierId": word}]
    assert f"1 event has the cashier {word!r}, which is a word for nothing" in str(ra.load(rows).summary)
    events = ra.load(rows, constants={"cashierId": "unknown"})
    assert {event.cashier_id for event in events if isinstance(event, PosEvent)} == {"unknown"}
    assert not any("a word for nothing" in remark for remark in events.summary.remarks)


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le", "utf-32-le", "utf-32-be", "utf-16", "utf-32"])
def test_an_encoding_of_wide_signs_is_found_out(read, encoding):
    (event,), bad = read(csv_text(LINE).encode(encoding))
    assert (event.sku, bad) == ("k", [])


def test_names_that_are_empty_at_the_end_of_a_header_need_no_cells(read):
    header, _, rows = csv_text(LINE).partition("\r\n")
    (event, other), bad = read(f"{header},,\r\n{rows}{rows.strip()},note,\r\n")
    assert (event, bad) == (other, [])


def test_an_invisible_sign_in_a_header_is_no_part_of_a_name(read):
    (event,), bad = read("\ufeff\u200b" + csv_text(LINE))
    assert (event.transaction_id, bad) == ("t1", [])


@pytest.mark.parametrize("mark", ["", " ", "  ", "\ufeff", "\ufeff\ufeff", "\ufeff "])
def test_a_quote_after_a_blank_or_a_mark_is_no_part_of_a_cell(read, mark):
    line = [f'"{cell}"' for cell in {**LINE, "sku": 'k, ""x""'}.values()]
    rows = f"{mark}{', '.join(line)}\r\n"
    header = ",".join(f'"{name}"' for name in LINE)
    events, bad = read(f"{mark}{header}\r\n{rows}{csv_text(LINE).splitlines()[1]}\r\n{rows}")
    assert ([event.sku for event in events], bad) == (['k, "x"', "k", 'k, "x"'], [])
    assert {event.transaction_id for event in events} == {"t1"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(b"a,b", mtime=0), "compressed: end its name with .gz"),
        (b"PK\x03\x04abc", "suffix .xlsx or .zip"),
        (b"PAR1abc", "suffix .parquet"),
        (b"SQLite format 3\x00abc", "pass the cursor of a query"),
        (b"ARROW1\x00\x00", "pass the table"),
        (b"\xd0\xcf\x11\xe0abc", "save it as .xlsx or CSV"),
        (b"<html><table>", "export the table as CSV"),
        (b"%PDF-1.7", "export the table as CSV"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.dat", "a.sqlite", "a.json"])
def test_a_file_of_another_form_than_its_name_says_is_one_line(read, content, said, name):
    _, (error, *_) = read(content, name=name)
    assert said in error
    assert "\n" not in error


def test_json_of_powershell_is_read(read):
    line = json.dumps({**LINE, "amount": 9.5, "eventTime": TEN, "sku": "caf\u00e9"}) + "\r\n"
    for name, content in (("pos-events.jsonl", line * 2), ("pos-events.json", f"[{line},{line}]")):
        events, bad = read(content.encode("utf-16"), name=name)
        assert ([event.sku for event in events], bad) == (["caf\u00e9"] * 2, [])


def test_a_file_of_one_object_is_one_row(read):
    (event,), bad = read(json.dumps(LINE, indent=2), {"topic": "pos-events"}, "a.json")
    assert (event.amount, bad) == (9.5, [])


def test_a_field_deep_in_objects_is_found_by_its_path(read):
    deep = {
        **{name: cell for name, cell in LINE.items() if name != "amount"},
        "total": {"a.b": {"net": "9.50"}},
    }
    mapping = {"topic": "pos-events", "columns": {"amount": "total.a.b.net"}}
    for content in (json.dumps([deep]), json.dumps(deep) + "\n"):
        (event,), bad = read(content, mapping, "a.json")
        assert (event.amount, bad) == (9.5, [])


@pytest.mark.parametrize(
    ("written", "mapping", "time"),
    [
        ("2026-02-01 10.30", None, None), ("2026-02-01T10,5", None, None), ("2026-02-01 10:30.5", None, None),
        ("2026-02-01 14:00-15:00", None, None),
        ("2026-02-01 10.30", {"dates": "YYYY-MM-DD HH.mm"}, TEN_THIRTY),
        ("2026-02-01 10:30:00.000", None, TEN_THIRTY), ("20260201T103000,000Z", None, TEN_THIRTY),
    ],
)  # fmt: skip
def test_a_point_in_a_time_divides_hours_and_minutes_or_parts_of_a_second(read, written, mapping, time):
    events, bad = read(eventTime=written, mapping=mapping)
    assert [event.event_time for event in events] == ([] if time is None else [time])
    assert bool(bad) is (time is None)


@pytest.mark.parametrize(("written", "count"), [("2026-05-01", 1), ("2026-31-01", 1), ("2026-01-31", 0)])
def test_a_form_with_the_day_before_the_month_leaves_no_text_to_iso(read, written, count):
    events, bad = read(eventTime=written, businessDate=written, mapping={"dates": "YYYY-DD-MM"})
    assert (len(events), len(bad) > 0) == (count, count == 0)
