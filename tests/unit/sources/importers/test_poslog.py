"""POSLog files become events as docs/import.md says."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from retail_anomaly.settings import Settings, StoreSettings
from tests.support.poslog import item, link, log, tender, total, transaction
from tests.support.till_export import NOON_MS
from tests.unit.sources.importers.read_poslog import imported, kinds


@pytest.mark.parametrize("version", [2, 6])
@pytest.mark.parametrize("prefix", ["", "arts"])
def test_a_sale_is_read_in_both_dialects(tmp_path, version, prefix):
    sold = transaction(
        "0042", item("apples", 1.26, 0.42, unit=2.99), tender(1.26, "CreditDebit"), version=version
    )

    (event,), report = imported(tmp_path, log(sold, version=version, prefix=prefix))

    assert event == {
        "eventType": "SALE",
        "storeId": "9",
        "cashierId": "c-1",
        "transactionId": "3/42",
        "registerId": "3",
        "businessDate": "2026-03-02",
        "eventTime": NOON_MS,
        "eventId": "3/42/2026-03-02/0",
        "lineNumber": 1,
        "sku": "apples",
        "amount": 1.26,
        "quantity": 0.42,
        "unitPrice": 2.99,
        "entryMethod": "Scanned",
        "tender": "card",
    }
    assert report.unmapped == {
        "Transaction/CurrencyCode": 1,
        "Transaction/RetailTransaction/LineItem/Sale/@ItemType": 1,
        "Transaction/RetailTransaction/LineItem/Sale/Description": 1,
    }


@pytest.mark.parametrize("in_line", [True, False])
def test_a_return_refers_to_its_sale(tmp_path, in_line):
    to = link("0007", register="4", day="2026-02-27", store="9")
    parts = [item("a", 5.0, 1, to, kind="Return")] if in_line else [item("a", 5.0, 1, kind="Return"), to]

    (event,), _ = imported(tmp_path, log(transaction(8, *parts)))

    assert event["eventType"] == "REFUND"
    assert {name: event[name] for name in event if name.startswith("original")} == {
        "originalTransactionId": "4/7",
        "originalRegisterId": "4",
        "originalBusinessDate": "2026-02-27",
        "originalStoreId": "9",
    }


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # The flag stands on the line itself.
        ([item("a", 5.0), item("b", 2.0, void=True, line=2)], ["SALE", "SALE", "LINE_VOID"]),
        ([item("b", 2.0), item("b", 2.0, void=True, line=2), total(2.0)], ["SALE", "SALE", "LINE_VOID"]),
        # A second line takes the first back: it names it, is negative, or the total does not have it.
        (
            [item("b", 2.0), item("b", 2.0, 1, "<ItemLink>1</ItemLink>", void=True, line=2)],
            ["SALE", "LINE_VOID"],
        ),
        ([item("b", 2.0), item("b", -2.0, -1, void=True, line=2)], ["SALE", "LINE_VOID"]),
        ([item("b", 2.0), item("b", 2.0, void=True, line=2), total(0.0)], ["SALE", "LINE_VOID"]),
        # Both are flagged.
        (
            [item("b", 2.0, void=True), item("b", 2.0, 1, "<ItemLink>1</ItemLink>", void=True, line=2)],
            ["SALE", "LINE_VOID"],
        ),
        # The link of a deposit to its bottle names no voided line.
        (
            [item("b", 2.0), item("deposit", 0.25, 1, "<ItemLink>1</ItemLink>", void=True, line=2)],
            ["SALE", "SALE", "LINE_VOID"],
        ),
    ],
)
def test_the_sale_of_a_voided_line_stands_before_it_once(tmp_path, lines, expected):
    events, _ = imported(tmp_path, log(transaction(1, *lines)))

    assert kinds(events) == expected
    assert len({event["eventId"] for event in events}) == len(events)


def test_a_suspended_transaction_counts_when_it_is_resumed(tmp_path):
    events, report = imported(
        tmp_path,
        log(
            transaction(1, item("a", 5.0), status="Suspended"),
            transaction(2, item("b", 5.0), status="Suspended"),
            transaction(3, item("c", 5.0), status="Suspended"),
            transaction(4, item("a", 5.0), item("d", 1.0, line=2), link(1, "Resume"), register="3"),
            transaction(5, tender(5.0), link(2, "Resumed"), end="2026-03-02T13:00:00+01:00"),
        ),
    )

    assert [(event["transactionId"], event["sku"]) for event in events] == [
        ("3/4", "a"),
        ("3/4", "d"),
        ("3/5", "b"),
    ]
    assert report.notes == {"suspended transactions that were not resumed: left out": 1}


def test_a_resumed_transaction_may_keep_its_number(tmp_path):
    events, report = imported(
        tmp_path,
        log(transaction(1, item("a", 5.0), status="Suspended"), transaction(1, item("a", 5.0))),
    )

    assert kinds(events) == ["SALE"]
    assert not report.notes


@pytest.mark.parametrize(
    "cancelled",
    [
        {"flags": 'CancelFlag="true"'},
        {"status": "Cancelled"},
        {"status": "SuspendedDeleted"},
    ],
)
def test_a_cancelled_transaction_counts_not_at_all(tmp_path, cancelled):
    events, report = imported(tmp_path, log(transaction(1, item("a", 5.0), **cancelled)))

    assert events == []
    assert report.notes == {"cancelled transactions: left out": 1}


@pytest.mark.parametrize(
    "void", [{"status": "PostVoided"}, {"status": ""}, {"status": "Voided"}], ids=lambda void: void["status"]
)
def test_a_post_void_is_one_event_with_its_link(tmp_path, void):
    (sale, event), _ = imported(
        tmp_path,
        log(
            transaction(1, item("a", 5.0)),
            transaction(2, item("a", 5.0, void=True), link(1, "Voided", day="2026-03-02"), **void),
        ),
    )

    assert (sale["eventType"], event["eventType"]) == ("SALE", "POST_VOID")
    assert (event["transactionId"], event["originalTransactionId"]) == ("3/2", "3/1")
    assert "sku" not in event


def test_a_transaction_voided_before_its_end_is_a_void_of_its_own(tmp_path):
    (event,), _ = imported(tmp_path, log(transaction(1, item("a", 5.0), status="Voided")))

    assert (event["eventType"], event["transactionId"]) == ("VOID", "3/1")


@pytest.mark.parametrize("element", ["RetailPriceModifier", "PriceModification", "PriceDerivationResult"])
def test_a_changed_price_is_told_with_who_allowed_it(tmp_path, element):
    change = (
        f'<{element} MethodCode="PriceOverride"><SequenceNumber>1</SequenceNumber>'
        "<PreviousPrice>10.00</PreviousPrice><NewPrice>7.50</NewPrice><ReasonCode>Damaged</ReasonCode>"
        f"<OperatorBypassApproval><ApproverID>boss</ApproverID></OperatorBypassApproval></{element}>"
    )

    beside = item("a", 15.0, 2).replace("</LineItem>", f"{change}</LineItem>")
    events, _ = imported(tmp_path, log(transaction(1, item("a", 15.0, 2, change)), transaction(2, beside)))

    for event in events:
        assert (event["listPrice"], event["unitPrice"]) == (10.0, 7.5)
        assert (event["approverId"], event["reasonCode"]) == ("boss", "Damaged")


def test_a_price_that_only_the_line_tells_is_the_line_s(tmp_path):
    change = '<RetailPriceModifier><Amount Action="Subtract">5.00</Amount></RetailPriceModifier>'
    listed = "<RegularSalesUnitPrice>10.00</RegularSalesUnitPrice>"

    (event,), _ = imported(tmp_path, log(transaction(1, item("a", 15.0, 2, listed, change))))

    assert (event["listPrice"], event["unitPrice"]) == (10.0, 7.5)


@pytest.mark.parametrize(
    ("part", "event_type", "amount"),
    [
        ("<ControlTransaction><NoSale/></ControlTransaction>", "NO_SALE", None),
        ("<ControlTransaction><ReasonCode>nosale</ReasonCode></ControlTransaction>", "NO_SALE", None),
        (
            "<TenderControlTransaction><PaidIn><Amount>50.00</Amount></PaidIn></TenderControlTransaction>",
            "PAID_IN",
            50.0,
        ),
        (
            "<TenderControlTransaction><PaidOut><Amount>-20</Amount></PaidOut></TenderControlTransaction>",
            "PAID_OUT",
            20.0,
        ),
    ],
)
def test_drawer_and_cash_are_events(tmp_path, part, event_type, amount):
    (event,), _ = imported(tmp_path, log(transaction(1, part, retail=False)))

    assert (event["eventType"], event.get("amount")) == (event_type, amount)


def test_other_transactions_are_reported_by_path_and_count(tmp_path):
    part = "<ControlTransaction><OperatorSignOn><X/></OperatorSignOn></ControlTransaction>"

    events, report = imported(tmp_path, log(*(transaction(n, part, retail=False) for n in range(3))))

    assert events == []
    assert report.unmapped["Transaction/ControlTransaction/OperatorSignOn"] == 3


def test_an_unknown_status_is_reported_and_not_guessed(tmp_path):
    events, report = imported(tmp_path, log(transaction(1, item("a", 5.0), status="Quoted")))

    assert events == []
    assert report.unmapped["Transaction/RetailTransaction/@TransactionStatus: Quoted"] == 1


def test_training_is_marked_whatever_the_kind(tmp_path):
    flag = 'TrainingModeFlag="true"'
    events, report = imported(
        tmp_path,
        log(
            transaction(1, item("a", 5.0), flags=flag),
            transaction(2, status="Voided", flags=flag),
            transaction(3, "<ControlTransaction><NoSale/></ControlTransaction>", flags=flag, retail=False),
        ),
    )

    assert all(event["training"] for event in events)
    assert report.training == 3


def test_change_is_taken_off_the_cash(tmp_path):
    change = "<TenderChange><Amount>80.00</Amount></TenderChange>"
    paid = transaction(1, item("a", 50.0), tender(100.0, inner=change), tender(30.0, "CreditDebit"))

    (event,), _ = imported(tmp_path, log(paid))

    assert event["tender"] == "card"


@pytest.mark.parametrize(
    ("options", "end", "time"),
    [
        ({}, "2026-03-02T12:00:00Z", NOON_MS + 3_600_000),
        ({}, "2026-03-02T12:00:00", NOON_MS + 3_600_000),
        ({"zone": ZoneInfo("Europe/Berlin")}, "2026-03-02T12:00:00", NOON_MS),
        (
            {"settings": Settings(stores={"9": StoreSettings(time_zone="Europe/Berlin")})},
            "2026-03-02T12:00:00",
            NOON_MS,
        ),
    ],
)
def test_a_time_without_a_zone_is_the_store_s(tmp_path, options, end, time):
    (event,), _ = imported(tmp_path, log(transaction(1, item("a", 5.0), end=end)), **options)

    assert event["eventTime"] == time


def test_events_of_several_files_stand_in_the_order_of_their_times(tmp_path):
    times = ["2026-03-02T12:00:00Z", "2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z"]
    logs = [
        log(*(transaction(n, item("a", 5.0), register=till, end=end) for n, end in enumerate(times)))
        for till in "34"
    ]

    events, _ = imported(tmp_path, *logs)

    found = [event["eventTime"] for event in events]
    assert found == sorted(found)
    assert len(events) == 6


def test_the_token_of_a_card_and_a_customer_come_out(tmp_path):
    card = "<CreditDebit><CardToken>tok-1</CardToken></CreditDebit>"
    customer = "<Customer><CustomerID>k-7</CustomerID></Customer>"

    (event,), _ = imported(tmp_path, log(transaction(1, item("a", 5.0), tender(5.0, inner=card), customer)))

    assert (event["cardToken"], event["customerToken"]) == ("tok-1", "k-7")


def test_a_dialect_of_your_own_names_its_paths(tmp_path):
    dialect = tmp_path / "ours.yaml"
    dialect.write_text(
        "name: ours\nextends: poslog-6\nfields: {cashier: [Clerk/Code]}\nstatuses: {finished: [Paid]}\n"
    )
    text = log(transaction(1, item("a", 5.0), status="Paid", version=6)).replace(
        "<OperatorID>c-1</OperatorID>", "<Clerk><Code>k-7</Code></Clerk>"
    )

    (event,), _ = imported(tmp_path, text, dialect=str(dialect))

    assert event["cashierId"] == "k-7"
