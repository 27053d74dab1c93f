"""POSLog from strangers: card numbers, entities, files that are cut off or something else."""

from __future__ import annotations

import json

import pytest

from retail_anomaly.core.errors import UsageError
from retail_anomaly.sources.importers.export_files import ExportError
from tests.support.poslog import item, log, tender, transaction
from tests.unit.sources.importers.read_poslog import imported, kinds

CARD = "4111111111111111"


def test_a_card_number_comes_out_nowhere(tmp_path):
    secret = f"<CreditDebit><PrimaryAccountNumber>{CARD}</PrimaryAccountNumber></CreditDebit><X>{CARD}</X>"
    customer = f"<Customer><CustomerID>{CARD}</CustomerID></Customer>"
    reason = f"<ReasonCode>card {CARD}</ReasonCode>"
    text = log(
        transaction(1, item("a", 5.0, 1, reason), tender(5.0, inner=secret), customer),
        transaction(2, item(CARD, 5.0)),
        transaction(3, item("a", 5.0), status=CARD),
    )

    events, report = imported(tmp_path, text)

    assert kinds(events) == ["SALE"]
    assert CARD not in json.dumps(events)
    assert CARD not in "\n".join(report.lines())
    assert report.unmapped["Transaction: customerToken that is a card number"] == 1


def test_a_file_that_is_cut_off_gives_its_whole_transactions_and_says_so(tmp_path):
    text = log(*(transaction(n, item("a", 5.0)) for n in range(5)))
    cut = text[: text.rindex("<ExtendedAmount>")]

    events, report = imported(tmp_path, cut)

    assert len(events) == 4
    assert [path for path in report.unmapped if "0.xml: cut off or malformed after 4 transactions" in path]


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE POSLog [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE POSLog [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY e "&b;&b;&b;">]>',
        '<!DOCTYPE POSLog [<!ENTITY % e SYSTEM "http://127.0.0.1:1/x">]>',
    ],
)
def test_a_file_with_entities_is_refused(tmp_path, doctype):
    text = log(transaction(1, item("a", 5.0), cashier="&e;"))
    text = text.replace("<POSLog", f"{doctype}<POSLog").replace("&e;", "&e;" if "% e" not in doctype else "x")

    with pytest.raises(ExportError, match="defines entities: refused"):
        imported(tmp_path, text)
    assert not (tmp_path / "events" / "pos-events.jsonl").exists()


def test_a_dtd_is_not_fetched_and_its_entities_are_reported(tmp_path):
    text = log(transaction(1, item("a", 5.0), cashier="c&her;1"))
    text = text.replace("<POSLog", '<!DOCTYPE POSLog SYSTEM "http://127.0.0.1:1/poslog.dtd"><POSLog')

    events, report = imported(tmp_path, text)

    assert len(events) == 1
    assert report.unmapped["Transaction/&entity;"] == 1


def test_elements_in_elements_without_end_are_refused(tmp_path):
    deep = "<a>" * 300 + "</a>" * 300
    texts = [
        log(transaction(1, item("a", 5.0)), deep),
        log(transaction(2, item("a", 5.0)), transaction(3, deep), transaction(4, item("a", 5.0))),
    ]

    events, report = imported(tmp_path, *texts)

    assert [event["transactionId"] for event in events] == ["3/1", "3/2"]
    assert len([path for path in report.unmapped if "cut off or malformed after 1 transactions" in path]) == 2


def test_a_text_is_read_in_all_its_pieces_and_up_to_the_first_element(tmp_path):
    text = (
        log(
            transaction(
                1, item("a<!-- no -->b<![CDATA[<c>]]>&amp;&#100;", 5.0), cashier="c-1<Name>x</Name>y"
            ),
        )
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;amp;&amp;", "&amp;&")
    )

    (event,), _ = imported(tmp_path, text)

    assert (event["sku"], event["cashierId"]) == ("ab<c>&d", "c-1")


def test_a_transaction_may_stand_in_any_element(tmp_path):
    text = log(f"<Batch><Day>{transaction(1, item('a', 5.0))}</Day></Batch>", transaction(2, item("a", 5.0)))

    events, _ = imported(tmp_path, text)

    assert [event["transactionId"] for event in events] == ["3/1", "3/2"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected POSLog, XML with Transaction elements"),
        ("{}", "expected POSLog, XML with Transaction elements"),
        ("<a/>", "expected POSLog, found no Transaction element in it"),
    ],
)
def test_something_else_than_a_poslog_is_one_line(tmp_path, text, said):
    with pytest.raises(ExportError, match=said):
        imported(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\nextends: poslog-9\n", "extends: expected one of poslog-2, poslog-6, got 'poslog-9'"),
        ("extends: poslog-2\nlimes: {}\n", "limes"),
        ("extends: poslog-2\nfields: {store: 7}\n", "fields"),
        ("a: [", "expected YAML"),
        ("[]", "expected an object"),
        ("extends: poslog-2\nlines: {elements: []}\n", "lines.elements: expected one path or more, got none"),
        ("extends: poslog-2\nfields: {status: []}\n", "fields.status: expected one path or more, got none"),
        ("extends: poslog-2\nname: a\nname: b\n", "ours.yaml:3: name is given twice"),
        ("name: \xe4\n", "expected YAML in UTF-8 that can be read"),
    ],
)
def test_a_malformed_dialect_is_one_line(tmp_path, text, said):
    dialect = tmp_path / "ours.yaml"
    dialect.write_text(text, "latin-1")

    with pytest.raises(UsageError, match=said):
        imported(tmp_path, log(transaction(1, item("a", 5.0))), dialect=str(dialect))


@pytest.mark.parametrize(
    ("right", "wrong", "said", "amounts"),
    [
        (">5.0<", ">5,00<", "RetailTransaction/LineItem/Sale: amount is no number", []),
        (">3<", ">3,0<", "RetailTransaction/LineItem/Sale: quantity is no number", [5.0]),
        (">2.0<", ">2,00<", "RetailTransaction/LineItem/Sale: unit_price is no number", [5.0]),
        (
            "<LineItem ",
            "<LineItem VoidFlag='T' ",
            "RetailTransaction/LineItem: voided is neither true nor",
            [5.0],
        ),
        (
            "<Transaction ",
            "<Transaction CancelFlag='J' ",
            "Transaction: cancelled is neither true nor false",
            [5.0],
        ),
        (
            "<Transaction ",
            "<Transaction TrainingModeFlag='on' ",
            "Transaction: training is neither true",
            [5.0],
        ),
    ],
)
def test_a_text_that_is_no_number_and_no_flag_is_said(tmp_path, right, wrong, said, amounts):
    text = log(transaction(1, item("a", 5.0, 3, unit=2.0))).replace(right, wrong)

    events, report = imported(tmp_path, text)

    assert [event["amount"] for event in events] == amounts
    assert [count for path, count in report.unmapped.items() if path.startswith(said)] == [1]


def test_no_price_times_a_quantity_that_is_no_number(tmp_path):
    text = log(transaction(1, item("a", 5.0, 3, unit=2.0))).replace(
        "<ExtendedAmount>5.0</ExtendedAmount>", ""
    )

    events, _ = imported(tmp_path, text.replace(">3<", ">3 pcs<"))

    assert events == []
