"""Inputs that went wrong once: each gives the value that a person expects, or says how to mend it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly.cli import main
from retail_anomaly.core.events import PosEvent

INPUTS = Path(__file__).parent / "inputs"
LINE: dict[str, Any] = {"transactionId": "t1", "storeId": "s", "cashierId": "c", "sku": "k", "amount": "9.5",
                        "eventType": "SALE", "eventTime": 1_769_940_000_000}  # fmt: skip


def all_of(events) -> list[Any]:
    """Return the events, of whatever type."""
    return list(events)


def loaded(name, **how):
    """Return the amounts of the events, the place of the first unreadable row, and the remarks."""
    events = ra.load(INPUTS / name, **how)
    amounts = [event.amount for event in all_of(events) if isinstance(event, PosEvent)]
    found = events.summary
    return amounts, found.unreadable, found.first_unreadable or "", " ".join(found.remarks)


def test_an_open_quote_costs_its_own_row_and_says_its_line():
    amounts, unreadable, first, _ = loaded("unclosed_quote.csv")
    assert (amounts, unreadable) == ([120.0, 120.0, 5.0], 2)
    assert "unclosed_quote.csv:2: row: a quote opens a cell" in first
    amounts, unreadable, first, _ = loaded("unclosed_quote_at_end.csv")
    assert (sorted(amounts), unreadable) == ([5.0, 120.0, 120.0, 120.0], 1)
    assert "unclosed_quote_at_end.csv:5: row: " in first


def test_a_broken_row_is_no_failure_unless_it_is_strict(capsys, tmp_path):
    path = str(INPUTS / "unclosed_quote_at_end.csv")
    output = ["--output", str(tmp_path / "alerts.jsonl")]
    assert main(["replay", path, *output]) == 0
    assert main(["replay", path, "--strict", *output]) == 1
    assert "unclosed_quote_at_end.csv:5: row: a quote opens a cell" in capsys.readouterr().err


def test_a_semicolon_and_a_decimal_comma_are_found_out_and_said():
    amounts, unreadable, _, remarks = loaded("semicolon_decimal_comma.csv")
    assert (amounts, unreadable) == ([120.0] * 3, 0)
    assert "a semicolon between its cells" in remarks
    assert "a decimal comma" in remarks


def test_an_amount_with_two_readings_is_refused_with_both():
    with pytest.raises(ra.SourceError) as caught:
        ra.replay(INPUTS / "thousands_dot.csv")
    assert 'it is 1.12 with `decimal: "."` in a mapping, and 1120 with `decimal: ","`' in str(caught.value)
    assert loaded("thousands_dot.csv", mapping={"decimal": ","})[0] == [1120.0] * 3
    assert loaded("thousands_dot.csv", mapping={"decimal": "."})[0] == [1.12] * 3
    assert loaded("thousands_dot.csv", mapping={"thousands": "."})[0] == [1120.0] * 3


def test_another_encoding_is_found_out_and_said():
    events = ra.load(INPUTS / "latin1.csv")
    assert {event.sku for event in all_of(events) if isinstance(event, PosEvent)} == {"caf\u00e9"}
    assert "is not UTF-8 and was read as cp1252" in events.summary.remarks[0]


def test_dates_of_america_are_refused_with_the_lines_that_would_do():
    with pytest.raises(
        ra.SourceError, match=r"`dates: \[MM/DD/YYYY HH:mm\]` or `dates: \[DD/MM/YYYY HH:mm\]`"
    ):
        ra.replay(INPUTS / "us_dates.csv")
    events = ra.load(INPUTS / "us_dates.csv", mapping={"dates": "MM/DD/YYYY HH:mm"})
    assert all_of(events)[0].event_time == 1_759_999_800_000  # 2025-10-09 08:50 UTC


def test_negative_amounts_are_dead_letters_that_name_the_option_and_refunds_with_it():
    amounts, unreadable, first, _ = loaded("negative_amount_refund.jsonl")
    assert (amounts, unreadable) == ([90.0], 2)
    assert first.endswith("a mapping with `negative: refund` reads it as a refund")
    events = all_of(ra.load(INPUTS / "negative_amount_refund.jsonl", mapping={"negative": "refund"}))
    assert [(event.event_type, event.amount) for event in all_of(events)] == [
        ("SALE", 90.0),
        ("REFUND", 90.0),
        ("REFUND", 90.0),
    ]


def test_types_that_no_rule_looks_at_are_named_and_a_mapping_maps_them():
    _, _, _, remarks = loaded("event_type_synonyms.jsonl")
    assert "no rule looks at these event types: 'RETURN' (2), ' REFUND ' (1)" in remarks
    assert "if one is a sale or a refund, say so in a mapping: `types: {RETURN: ...}`" in remarks
    mapping = {"types": {"Return": "REFUND", "Refund": "REFUND"}}
    events = ra.load(INPUTS / "event_type_synonyms.jsonl", mapping=mapping)
    assert {event.event_type for event in all_of(events)} == {"REFUND"}


def test_a_date_without_a_time_is_the_stores_midnight():
    assert all_of(ra.load(INPUTS / "pq_date32.parquet"))[0].event_time == 1_759_968_000_000
    berlin = ra.load(INPUTS / "pq_date32.parquet", zones="Europe/Berlin")
    assert all_of(berlin)[0].event_time == 1_759_960_800_000


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("receipt_number_shared_by_tills.jsonl", "`numbered_by: register`"),
        ("receipt_number_restarts_daily.jsonl", "`numbered_by: register_day`"),
        ("event_id_per_till_counter.jsonl", "1 event repeats an event id of its store and changes"),
    ],
)
def test_numbers_that_repeat_across_registers_are_said(name, said):
    assert said in loaded(name)[3]


def test_refunds_that_all_lack_a_sale_are_said_once(capsys):
    assert main(["replay", str(INPUTS / "padded_cells.csv")]) == 0
    said = capsys.readouterr().err
    assert (
        said.count(
            "none of the refunds (3) names a sale: refund_without_sale alerts on every refund that it judges"
        )
        == 1
    )
    assert main(["replay", "--strict", str(INPUTS / "padded_cells.csv")]) == 1


def test_a_cashier_of_a_constant_is_nobody():
    frame = [
        {"transactionId": f"r{n}", "storeId": "s", "sku": "k", "amount": 120.0, "eventType": "REFUND",
         "eventTime": 1_760_000_000_000 + n}
        for n in range(3)
    ]  # fmt: skip
    events = ra.load(frame, constants={"cashierId": "unknown"})
    for jobs in (1, 2):
        result = ra.replay(events, jobs=jobs)
        assert set(result.alerts["type"]) == {"REFUND_WITHOUT_SALE"}
        assert result.alerts["employee_id"].isna().all()
        assert result.alerts["message"].str.startswith("An unnamed cashier refunded").all()
        assert any("3 events have the cashier 'unknown' of a constant" in remark for remark in result.remarks)
    known = ra.replay([{**row, "cashierId": "c-1"} for row in frame])
    assert "REFUND_BURST" in set(known.alerts["type"])


def test_a_rule_by_cashier_skips_nobody_and_one_by_store_does_not():
    rows = [
        {"transactionId": f"r{n}", "storeId": "s", "sku": "k", "amount": 1.0, "eventType": "REFUND",
         "eventTime": 1_760_000_000_000 + n}
        for n in range(3)
    ]  # fmt: skip
    rule = {
        "id": "many",
        "version": 1,
        "status": "live",
        "message": "{value} refunds",
        "window": "8h",
        "events": {"refund": {"eventType": "REFUND"}},
        "when": {"count": "refund", "gte": 3},
        "risk": 0.5,
    }
    rules = [rule, {**rule, "id": "by_cashier", "by": ["cashierId"]}]
    nobody = ra.replay(rows, constants={"cashierId": "unknown"}, rules=rules)
    assert {"MANY"} <= set(nobody.alerts["type"])
    assert "BY_CASHIER" not in set(nobody.alerts["type"])
    somebody = ra.replay([{**row, "cashierId": "c"} for row in rows], rules=rules)
    assert {"MANY", "BY_CASHIER"} <= set(somebody.alerts["type"])


def test_each_reported_input_is_read_by_a_test():
    tests = Path(__file__).parents[2]
    written = "".join(path.read_text("utf-8") for path in tests.rglob("test_*.py"))
    unread = [path.name for path in INPUTS.iterdir() if path.name not in written and path.stem not in written]
    assert not unread


def test_the_recipe_on_a_real_shop_names_first_what_an_analyst_reads(tmp_path, capsys):
    data = Path(__file__).parents[3] / "notebooks" / "data"
    log, mapping = tmp_path / "shop.parquet", str(data / "online_retail.yaml")
    pd.read_parquet(data / "online_retail_2011_10.parquet").head(20_000).to_parquet(log)
    alerts = tmp_path / "alerts.jsonl"
    assert main(["replay", str(log), "--mapping", mapping, "--output", str(alerts)]) == 0
    said = capsys.readouterr().err.splitlines()[:5]
    assert said[0].startswith("20,000 events of ")
    read_first = [re.fullmatch(r"  read first: (.*) \(confidence ([\d.]+)\)", line) for line in said[1:4]]
    shares = [float(found[2]) for found in read_first if found]
    assert len(shares) == 3
    assert shares == sorted(shares, reverse=True)
    assert said[1].startswith(
        "  read first: Refund of 1 piece of M for 120.00: receipt 569389 has it at 101.67 each;"
    )
    assert said[2].startswith(
        "  read first: An unnamed cashier refunded 5942.57 for C570025, a sale that is not in this store's"
    )
    assert said[4].startswith("no rule looks at these event types: 'STOCK_ADJUST'")


def test_alerts_about_codes_that_are_no_articles_name_the_setting_that_passes_them_over(tmp_path, capsys):
    time = 1_760_000_000_000
    rows = [
        {"storeId": "s", "cashierId": "c", "sku": sku, "transactionId": f"{sku}{number}", "amount": 9.5}
        | {"eventType": "REFUND", "eventTime": time + number * 3_600_000}
        for number in range(25)
        for sku in (("M", "k") if number < 3 else ("M",))
    ]
    log, config = tmp_path / "till.csv", tmp_path / "shop.yaml"
    pd.DataFrame(rows).to_csv(log, index=False)
    config.write_text(
        "detectors: {refund_without_sale: {exempt_skus: [M]}, refund_match: {exempt_skus: [M]}}"
    )
    assert main(["replay", str(log), "--output", str(tmp_path / "a.jsonl")]) == 0
    assert "many alerts are about refunds of M (25): if these are codes" in capsys.readouterr().err
    assert main(["replay", str(log), "--config", str(config), "--output", str(tmp_path / "b.jsonl")]) == 0
    assert "many alerts" not in capsys.readouterr().err
    assert {row["sku"] for row in map(_evidence, (tmp_path / "b.jsonl").read_text().splitlines())} == {"k"}


def _evidence(line: str) -> dict[str, object]:
    return json.loads(line)["evidence"]


def test_a_zero_before_another_number_of_a_field_is_said(tmp_path):
    lines = [
        {**LINE, "amount": None, "Debit": debit, "Credit": credit}
        for debit, credit in (("0.00", "9.50"), ("3", ""))
    ]
    mapping = {"columns": {"amount": ["Debit", "Credit"]}}
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    for source in (lines, pd.DataFrame(lines), tmp_path / "a.jsonl"):
        events = ra.load(source, topic="pos-events", mapping=mapping)
        assert [event.amount for event in events if isinstance(event, PosEvent)] == [0.0, 3.0]
        (said,) = [note for note in events.notes if "beside" in note]
        assert said.startswith(
            "1 row of Debit holds 0 for amount beside another number in Credit, such as 9.5"
        )


@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        (["\u20ac9.50", "$9.50", "9.50"], "such as \u20ac9.50 and $9.50: "),
        (["9.50 EUR", "9.50 CHF"], "such as 9.50 EUR and 9.50 CHF: "),
        (["\u20ac9.50", "EUR 9.50", "9.50\u20ac", "-9.50"], None),
    ],
)
def test_amounts_in_several_currencies_are_said(amounts, said):
    events = ra.load([{**LINE, "amount": amount} for amount in amounts], mapping={"negative": "refund"})
    assert len(list(events)) == len(amounts)
    assert [said in note for note in events.notes if "currencies" in note] == ([] if said is None else [True])


@pytest.mark.parametrize("name", ["Quantity", "QUANTITY", "_quantity"])
def test_a_column_that_is_named_as_a_field_but_for_its_capitals_is_said(name):
    rows = [{**LINE, name: 3, "note": "x"}]
    (said,) = [note for note in ra.load(rows).notes if "not read" in note]
    assert (
        said
        == f"the list: the column {name} is not read; a mapping with `columns: {{quantity: {name}}}` reads it"
    )
    assert ra.load(rows, mapping={"columns": {"quantity": name}}).notes == []
    assert ra.load([{**rows[0], "quantity": 3}]).notes == []
