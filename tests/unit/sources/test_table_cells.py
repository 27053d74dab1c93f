"""Cells of tables as exports write them: padded, null words, flags, decimals as ids; and repeated columns."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly.cli import main
from retail_anomaly.core.events import GateData, PosEvent, SecurityEvent
from retail_anomaly.sources import SourceError, open_input
from retail_anomaly.sources.columns import Columns

INPUTS = Path(__file__).parent / "inputs"
TIME = 1_760_000_000_000
SALE = {"transactionId": "t", "storeId": "s", "cashierId": "c", "sku": "k", "amount": "1.5",
        "eventType": "SALE", "eventTime": str(TIME)}  # fmt: skip
GATE = {"eventId": "e", "storeId": "s", "eventTime": TIME, "eventType": "GATE", "eventData.gateId": "g"}
COLUMNS = "amount,storeId,sku,sku,cashierId,transactionId,eventType,eventTime"


def read(where, **how):
    """Return the events, and the number and field of each bad row; in a CSV file a line names the columns."""
    bad = []
    events = list(open_input(where, **how).events(bad.append))
    above = 1 if str(where).endswith(".csv") else 0
    return events, [(row.number - above, row.error.field) for row in bad]


@pytest.fixture(params=["frame", "csv", "parquet"])
def table(request, tmp_path):
    """Make a table of text cells in each form."""

    def make(rows):
        frame = pd.DataFrame(rows, dtype="str")
        if request.param == "csv":
            frame.to_csv(tmp_path / "table.csv", index=False)
        elif request.param == "parquet":
            frame.to_parquet(tmp_path / "table.parquet")
        return frame if request.param == "frame" else tmp_path / f"table.{request.param}"

    return make


def test_null_words_of_an_export_are_absent():
    events, bad = read(INPUTS / "null_words.csv")
    assert [event.original_transaction_id for event in events if isinstance(event, PosEvent)] == [None, None]
    assert bad == []
    assert ra.replay(INPUTS / "null_words.csv", detectors=["refund_without_sale"]).alerts.empty


@pytest.mark.parametrize("word", ["NULL", "null", r"\N", "nan", "NaN", "None", "-", " NULL ", " - ", "  "])
@pytest.mark.parametrize("field", ["originalTransactionId", "eventId", "registerId", "tender"])
def test_a_null_word_in_an_optional_text_is_absent(table, word, field):
    (event,), bad = read(table([{**SALE, field: word}]))
    assert (event, bad) == (PosEvent("t", "s", "c", "k", 1.5, "SALE", TIME), [])


@pytest.mark.parametrize("text", ["NA", "N/A", "0", "--", "nano", "none of these", "NULL-1"])
def test_a_text_that_only_looks_like_a_null_word_is_kept(table, text):
    (event,), _ = read(table([{**SALE, "registerId": text}]))
    assert isinstance(event, PosEvent)
    assert event.register_id == text


@pytest.mark.parametrize("word", ["NULL", "-", "nan"])
def test_a_required_text_keeps_a_null_word_and_a_constant_fills_an_optional_one(table, word):
    columns = Columns(constants={"tender": "CASH"})
    (event,), _ = read(table([{**SALE, "storeId": word, "tender": word}]), columns=columns)
    assert isinstance(event, PosEvent)
    assert (event.store_id, event.tender) == (word, "CASH")


@pytest.mark.parametrize("field", ["storeId", "sku", "amount"])
def test_a_null_word_of_the_mapping_is_nothing_in_a_required_field_too(table, field):
    bad = []
    rows = table([SALE, {**SALE, field: "n/a"}])
    events = list(ra.load(rows, mapping={"nulls": ["n/a"]}).open_again().events(bad.append))
    assert len(events) == 1
    assert [line.error.reason.partition(", ")[2] for line in bad] == ["the cell is empty"]


@pytest.mark.parametrize(("cell", "key"), [("-", "-"), ("None", "none"), ("", ""), ("2.0", "2.0")])
def test_a_word_for_nothing_to_which_the_mapping_gives_a_type_has_it(table, cell, key):
    mapping = {"types": {key: "REFUND"}, "constants": {"eventType": "SALE"}}
    (event,) = ra.load(table([{**SALE, "eventType": cell}]), mapping=mapping)
    assert isinstance(event, PosEvent)
    assert event.event_type == "REFUND"


@pytest.mark.parametrize(("word", "other", "sku"), [("NULL", "k2", "k2"), ("-", "k2", "k2"), ("", "k2", "k2"),
                                                    ("NULL", "", "NULL"), ("k", "k2", "k")])  # fmt: skip
def test_of_two_columns_one_with_a_null_word_gives_way(table, word, other, sku):
    rows = table([{**SALE, "sku": word, "item": other}, {**SALE, "item": "k2"}])
    event, _ = ra.load(rows, mapping={"columns": {"sku": ["sku", "item"]}})
    assert isinstance(event, PosEvent)
    assert event.sku == sku


def test_padded_cells_of_an_export_are_trimmed():
    events, bad = read(INPUTS / "padded_cells.csv")
    assert {event.store_id for event in events} == {"s-1"}
    assert {event.event_type for event in events if isinstance(event, PosEvent)} == {"REFUND"}
    assert bad == []
    assert "REFUND_BURST" in set(ra.replay(INPUTS / "padded_cells.csv").alerts["type"])


@pytest.mark.parametrize("pad", [" {} ", "\t{}", "{}\u00a0", "\u3000{}   "])
def test_blanks_around_any_cell_are_no_part_of_it(table, pad):
    padded = {field: pad.format(cell) for field, cell in {**SALE, "quantity": "2", "tender": "CASH"}.items()}
    (event,), bad = read(table([padded]))
    expected = PosEvent("t", "s", "c", "k", 1.5, "SALE", TIME, quantity=2, tender="CASH")
    assert (event, bad) == (expected, [])
    (dated,), _ = read(table([{**SALE, "eventTime": pad.format("2025-10-09T08:53:20Z")}]))
    assert isinstance(dated, PosEvent)
    assert dated.event_time == TIME


def test_a_required_text_of_nothing_but_blanks_is_refused(table):
    assert read(table([SALE, {**SALE, "storeId": "   "}]))[1] == [(2, "storeId")]


def test_blanks_do_not_divide_a_store_among_processes(tmp_path):
    pd.DataFrame([{**SALE, "storeId": pad} for pad in ("s", " s", "s ")]).to_csv(
        tmp_path / "a.csv", index=False
    )
    shares = open_input(tmp_path / "a.csv").shares(2, everything=False)
    counts = [len(list(open_input(tmp_path / "a.csv").placed(lambda *_: None, share))) for share in shares]
    assert sorted(counts) == [0, 3]


def test_flags_of_an_export_are_booleans():
    events, bad = read(INPUTS / "gate_flags.csv", topic="security-events")
    flags = {event.event_id: event.event_data.alarm for event in events if isinstance(event, SecurityEvent)}
    assert flags == {"e0": True, "e1": True, "e2": True, "e3": False, "e7": False}
    assert bad == [(row, "eventData.alarm") for row in (5, 6, 7)]


@pytest.mark.parametrize(
    ("cell", "alarm"),
    [
        ("1", True),
        ("0", False),
        (1, True),
        (0, False),
        (1.0, True),
        (np.int64(0), False),
        (np.bool_(True), True),
        (" True ", True),
        ("FALSE", False),
        (Decimal(1), True),
    ],
)
def test_a_flag_may_be_1_or_0(cell, alarm):
    frame = pd.DataFrame([{**GATE, "eventData.alarm": cell}], dtype="object")
    (event,), _ = read(frame, topic="security-events")
    assert event == SecurityEvent("e", "s", TIME, "GATE", GateData("g", alarm=alarm))


@pytest.mark.parametrize("cell", ["2", 2, -1, 0.5, "yes", "on", [1]])
def test_any_other_flag_is_refused(cell):
    frame = pd.DataFrame([{**GATE, "eventData.alarm": flag} for flag in (True, cell)], dtype="object")
    assert read(frame, topic="security-events")[1] == [(2, "eventData.alarm")]


def test_decimals_of_a_warehouse_are_ids():
    events, bad = read(INPUTS / "pq_decimal_ids.parquet")
    assert {event.store_id for event in events} == {"7"}
    assert bad == []


@pytest.mark.parametrize(
    ("cell", "store"),
    [(Decimal("7.00"), "7"), (Decimal("1E+3"), "1000"), (Decimal(2**80), str(2**80)), (Decimal("-3"), "-3")],
)
def test_a_whole_decimal_is_the_text_of_its_number(cell, store):
    (event,), _ = read(pd.DataFrame([{**SALE, "storeId": cell}], dtype="object"))
    assert event.store_id == store


@pytest.mark.parametrize("cell", [Decimal("7.5"), Decimal("1E+999999"), Decimal("Infinity"), Decimal("NaN")])
def test_any_other_decimal_is_no_id(cell):
    frame = pd.DataFrame([SALE, {**SALE, "storeId": cell}], dtype="object")
    assert read(frame)[1] == [(2, "storeId")]


def test_a_column_that_is_there_twice_is_named(tmp_path, capsys):
    frame = pd.DataFrame([["1", "s", "k", "z", "c", "t", "SALE", TIME]], columns=COLUMNS.split(","))
    frame.to_csv(tmp_path / "twice.csv", index=False)
    for source in (INPUTS / "pq_duplicate_columns.parquet", frame, tmp_path / "twice.csv"):
        with pytest.raises(SourceError, match="has several columns named sku: rename or remove all but one"):
            open_input(source)
    assert main(["replay", str(INPUTS / "pq_duplicate_columns.parquet")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_column_that_is_there_twice_and_not_read_does_no_harm(tmp_path):
    frame = pd.DataFrame([[*SALE.values(), 1, 2]], columns=[*SALE, "note", "note"])
    frame.to_csv(tmp_path / "notes.csv", index=False)
    for source in (frame, tmp_path / "notes.csv"):
        assert read(source) == ([PosEvent("t", "s", "c", "k", 1.5, "SALE", TIME)], [])
