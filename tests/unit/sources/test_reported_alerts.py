"""Logs that raised the wrong alerts once, each beside others of its kind.

A row is a log, a file that was reported or lines of our own, with the settings and the alerts that are right.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import pytest

import retail_anomaly as ra
from retail_anomaly.core.events import Event, ShiftEvent
from tests.support.events import DAY, HOUR, MINUTE, SECOND, T0, count, gate, line, refund, sale

INPUTS: Final = Path(__file__).parent / "inputs"
GATE, WITHOUT, MATCH, BURST = "security_correlation", "refund_without_sale", "refund_match", "refund_burst"
SHRINKAGE = "inventory_shrinkage"
TOKEN: Final = "u"  # noqa: S105 - a customer's, no secret


class Row(NamedTuple):
    """A log, the detector that is asked, how many alerts are right, and the settings."""

    log: str | list[Event]
    asked: str
    alerts: int
    settings: Mapping[str, Any] = MappingProxyType({})
    risk: float | None = None
    """The risk of the last revision."""


def lines(kind: str, number: int, apart: int = 0, **fields: Any) -> list[Event]:
    return [line(kind, n * apart, sku=f"k{n}", **fields) for n in range(number)]


def alarms(*seconds: int) -> list[Event]:
    return [gate(second * SECOND) for second in seconds]


def sold_and_refunded(number: str, at: int, **fields: Any) -> list[Event]:
    return [
        sale(at, transaction_id=f"a{number}", **fields),
        refund(at + 30 * SECOND, transaction_id=f"r{number}", original_transaction_id=f"a{number}", **fields),
    ]


def moved_shift(*shifts: ShiftEvent, cashier: str = "c-1") -> list[Event]:
    """Return shifts, and three refunds an hour after the first of them was to begin."""
    return [
        *shifts,
        *(refund(HOUR + n * MINUTE, transaction_id=f"r{n}", cashier_id=cashier) for n in range(3)),
    ]


def planned(start: int, end: int, shift_id: str | None, cancelled: bool = False) -> ShiftEvent:
    return ShiftEvent("c-1", "store-1", T0 + start, T0 + end, None, shift_id=shift_id, cancelled=cancelled)


BY_REGISTER, BY_DAY = {"numbered_by": "register"}, {"numbered_by": "register_day"}
YEAR_2099 = 4_093_664_000_000 - T0
DEAR: dict[str, Any] = {"amount": 250.0}

ROWS = {
    # Many lines of one receipt and many alarms are one alert.
    "storm: the report": Row("alarm_storm_one_receipt.jsonl", GATE, 1),
    "storm: lines of their own seconds": Row(
        [*lines("SALE", 6, SECOND, **DEAR), *alarms(10, 20, 30, 40)], GATE, 1
    ),
    "storm: two receipts": Row(
        [
            *lines("SALE", 3, **DEAR),
            *lines("SALE", 3, SECOND, transaction_id="t-2", **DEAR),
            *alarms(10, 20, 30),
        ],
        GATE,
        2,
    ),
    "storm: one number of two registers": Row(
        [
            *lines("SALE", 2, register_id="1", **DEAR),
            *lines("SALE", 2, register_id="2", **DEAR),
            *alarms(5, 10, 15),
        ],
        GATE,
        2,
        BY_REGISTER,
    ),
    "storm: the receipt goes on after the alarm": Row(
        [*lines("SALE", 2, **DEAR), gate(5 * SECOND), sale(8 * SECOND, sku="k9", **DEAR), gate(9 * SECOND)],
        GATE,
        2,
    ),
    # An exchange is no sale of its own, in whatever order its lines come.
    "exchange: the refund line first": Row("exchange_refund_line_first.jsonl", WITHOUT, 1),
    "exchange: the sale line first": Row("exchange_sale_line_first.jsonl", WITHOUT, 1),
    "exchange: three lines": Row([sale(sku="a"), refund(), sale(sku="b")], WITHOUT, 1),
    "exchange: numbered lines minutes apart": Row(
        [sale(line_number=1), refund(5 * MINUTE, line_number=2)], WITHOUT, 1
    ),
    "exchange: numbered lines, the refund first": Row(
        [refund(line_number=1), sale(5 * MINUTE, line_number=2)], WITHOUT, 1
    ),
    "exchange: a number that the refund bears again is its sale": Row([sale(), refund(MINUTE)], WITHOUT, 0),
    "exchange: it names a sale": Row(
        [
            sale(transaction_id="a"),
            sale(HOUR),
            refund(HOUR, original_transaction_id="a"),
        ],
        WITHOUT,
        0,
    ),
    # The lines of a receipt are one refund.
    "receipt: the report": Row("receipt_lines_each_own_second.jsonl", BURST, 1),
    "receipt: nine small receipts": Row(
        [refund(n * SECOND, transaction_id=f"r{n}", amount=40.0) for n in range(9)], BURST, 0
    ),
    "receipt: two of many lines": Row(
        [
            *lines("REFUND", 5, SECOND, transaction_id="r1", amount=40.0),
            *lines("REFUND", 5, SECOND, transaction_id="r2", amount=40.0),
        ],
        BURST,
        0,
    ),
    "receipt: lines of three mixed": Row(
        [
            refund(n * SECOND, transaction_id=f"r{n % 3}", sku=f"k{n}", amount=40.0) for n in range(9)
        ],
        BURST,
        1,
    ),
    "receipt: the same number on three registers": Row(
        [refund(n * SECOND, register_id=str(n % 3), sku=f"k{n}", amount=40.0) for n in range(9)],
        BURST,
        1,
        BY_REGISTER,
    ),
    # A number that repeats names the receipt of its register and day.
    "number: daily, by store": Row("receipt_number_restarts_daily.jsonl", WITHOUT, 0),
    "number: daily, by day": Row("receipt_number_restarts_daily.jsonl", WITHOUT, 1, BY_DAY),
    "number: daily, no mismatch by day": Row("receipt_number_restarts_daily.jsonl", MATCH, 0, BY_DAY),
    "number: shared, by store": Row("receipt_number_shared_by_tills.jsonl", WITHOUT, 0),
    "number: shared, by register": Row("receipt_number_shared_by_tills.jsonl", WITHOUT, 1, BY_REGISTER),
    "number: shared, no mismatch by register": Row(
        "receipt_number_shared_by_tills.jsonl", MATCH, 0, BY_REGISTER
    ),
    "number: the register is named": Row(
        [
            sale(register_id="1"),
            refund(
                MINUTE,
                transaction_id="r",
                register_id="2",
                original_transaction_id="t-1",
                original_register_id="1",
            ),
        ],
        WITHOUT,
        0,
        BY_REGISTER,
    ),
    "number: another register is named": Row(
        [
            sale(register_id="1"),
            refund(
                MINUTE,
                transaction_id="r",
                register_id="1",
                original_transaction_id="t-1",
                original_register_id="2",
            ),
        ],
        WITHOUT,
        1,
        BY_REGISTER,
    ),
    "number: the day is named": Row(
        [
            sale(register_id="1", business_date="2025-10-09"),
            sale(DAY, register_id="1", business_date="2025-10-10", sku="other"),
            refund(
                DAY + HOUR,
                transaction_id="r",
                register_id="1",
                original_transaction_id="t-1",
                original_business_date="2025-10-09",
            ),
        ],
        MATCH,
        0,
        BY_DAY,
    ),
    # Ids that each till counts for itself.
    "event id: by store a refund is lost": Row("event_id_per_till_counter.jsonl", WITHOUT, 0),
    "event id: by register": Row("event_id_per_till_counter.jsonl", WITHOUT, 1, BY_REGISTER),
    "event id: by register and day": Row("event_id_per_till_counter.jsonl", WITHOUT, 1, BY_DAY),
    "event id: twice at one register": Row(
        [
            sale(event_id="1", register_id="1", transaction_id="a"),
            refund(MINUTE, event_id="1", register_id="1"),
        ],
        WITHOUT,
        0,
        BY_REGISTER,
    ),
    "event id: of a sale and of a gate": Row(
        [sale(event_id="1", **DEAR), gate(5 * SECOND, "1")], GATE, 1, BY_REGISTER
    ),
    "event id: without a register": Row(
        [sale(event_id="1", transaction_id="a"), refund(MINUTE, event_id="1")], WITHOUT, 0, BY_REGISTER
    ),
    # A refund of more, or of other goods, than the receipt holds.
    "mismatch: more than was sold": Row("refund_more_than_sold.jsonl", MATCH, 1),
    "mismatch: another article": Row("refund_other_sku_of_receipt.jsonl", MATCH, 1),
    "mismatch: all of it, in two parts": Row(
        [
            sale(quantity=3, amount=30.0),
            *(
                refund(
                    n * MINUTE,
                    transaction_id=f"r{n}",
                    original_transaction_id="t-1",
                    quantity=n,
                    amount=n * 10.0,
                )
                for n in (1, 2)
            ),
        ],
        MATCH,
        0,
    ),
    "mismatch: the same piece twice": Row(
        [
            sale(),
            *(
                refund(n * MINUTE, transaction_id=f"r{n}", original_transaction_id="t-1")
                for n in (1, 2)
            ),
        ],
        MATCH,
        1,
    ),
    "mismatch: weighed goods, a little less": Row(
        [
            sale(quantity=0.482, amount=3.2),
            refund(MINUTE, transaction_id="r", original_transaction_id="t-1", quantity=0.4, amount=2.66),
        ],
        MATCH,
        0,
    ),
    "mismatch: weighed goods, much more": Row(
        [
            sale(quantity=0.482, amount=3.2),
            refund(MINUTE, transaction_id="r", original_transaction_id="t-1", quantity=4.82, amount=32.0),
        ],
        MATCH,
        1,
    ),
    "mismatch: dearer than it was": Row(
        [sale(amount=5.0), refund(MINUTE, transaction_id="r", original_transaction_id="t-1", amount=9.0)],
        MATCH,
        1,
    ),
    "mismatch: another article, but a token says where it was bought": Row(
        [
            sale(transaction_id="a", customer_token=TOKEN),
            sale(MINUTE, transaction_id="b", sku="other", customer_token=TOKEN),
            refund(2 * MINUTE, transaction_id="r", customer_token=TOKEN),
        ],
        MATCH,
        0,
    ),
    # What was taken back was not sold.
    "void: the report": Row("void_after_sale_shrinkage.jsonl", SHRINKAGE, 0),
    "void: of some pieces": Row(
        [
            sale(quantity=30),
            line("LINE_VOID", MINUTE, quantity=26),
            count(HOUR, 0),
        ],
        SHRINKAGE,
        0,
    ),
    "void: by a receipt that names it": Row(
        [
            sale(quantity=30),
            line("POST_VOID", MINUTE, transaction_id="v", original_transaction_id="t-1"),
            count(HOUR, 20),
        ],
        SHRINKAGE,
        0,
    ),
    "void: of another receipt": Row(
        [
            sale(quantity=30),
            sale(SECOND, transaction_id="t-2"),
            line("VOID", MINUTE, transaction_id="t-2"),
            count(HOUR, 20),
        ],
        SHRINKAGE,
        1,
    ),
    "void: after the count": Row(
        [sale(quantity=30), count(HOUR, 20), line("VOID", 2 * HOUR)], SHRINKAGE, 1
    ),
    "void: the report about the gate": Row("voided_high_sale_gate.jsonl", GATE, 0),
    "void: by a receipt that names it, at the gate": Row(
        [
            sale(**DEAR),
            line("POST_VOID", SECOND, transaction_id="v", original_transaction_id="t-1"),
            gate(5 * SECOND),
        ],
        GATE,
        0,
    ),
    "void: of the dear line, at the gate": Row(
        [sale(**DEAR), sale(sku="gum", amount=1.0), line("LINE_VOID", SECOND), gate(5 * SECOND)], GATE, 0
    ),
    "void: of another line, at the gate": Row(
        [sale(**DEAR), sale(sku="gum", amount=1.0), line("LINE_VOID", SECOND, sku="gum"), gate(5 * SECOND)],
        GATE,
        1,
    ),
    "void: after the alarm": Row([sale(**DEAR), gate(5 * SECOND), line("VOID", MINUTE)], GATE, 1),
    # A return in another store than that of the sale.
    "other store: unsaid, a young log": Row("return_in_other_store.jsonl", WITHOUT, 1, risk=0.2),
    "other store: said": Row(
        [refund(original_transaction_id="a", original_store_id="store-2")], WITHOUT, 0
    ),
    "other store: said, for the ledger": Row(
        [sale(), refund(MINUTE, original_transaction_id="t-1", sku="x", original_store_id="store-2")],
        MATCH,
        0,
    ),
    "other store: it is this one": Row(
        [refund(original_transaction_id="a", original_store_id="store-1")], WITHOUT, 1
    ),
    # A shift that was moved counts where it was moved to.
    "shift: the report, without ids": Row("shift_moved_later.jsonl", BURST, 1, risk=0.925),
    "shift: moved": Row(
        moved_shift(planned(0, 4 * HOUR, "1"), planned(2 * HOUR, 6 * HOUR, "1")), BURST, 1, risk=1.0
    ),
    "shift: another one beside it": Row(
        moved_shift(planned(0, 4 * HOUR, "1"), planned(2 * HOUR, 6 * HOUR, "2")), BURST, 1, risk=0.88
    ),
    "shift: cancelled": Row(
        moved_shift(planned(0, 4 * HOUR, "1"), planned(0, 4 * HOUR, "1", cancelled=True)), BURST, 1, risk=1.0
    ),
    "shift: moved in another store": Row(
        moved_shift(
            planned(0, 4 * HOUR, "1"),
            ShiftEvent("c-1", "store-2", T0 + 2 * HOUR, T0 + 6 * HOUR, None, shift_id="1"),
        ),
        BURST,
        1,
        risk=0.88,
    ),
    # One till whose clock is wrong.
    "clock: the report": Row("till_clock_2099.jsonl", WITHOUT, 0),
    "clock: of a second till": Row(
        [
            *sold_and_refunded("0", 0, register_id="1"),
            sale(YEAR_2099, transaction_id="x", register_id="2"),
            *sold_and_refunded("1", MINUTE, register_id="1"),
        ],
        WITHOUT,
        0,
    ),
    "clock: three days fast": Row(
        [
            *sold_and_refunded("0", 0),
            sale(3 * DAY, transaction_id="x"),
            *sold_and_refunded("1", MINUTE),
        ],
        WITHOUT,
        0,
    ),
    "clock: a repeated refund counts once": Row(
        [
            sale(),
            sale(YEAR_2099, transaction_id="x"),
            *(refund(MINUTE, transaction_id="r", event_id="e") for _ in range(3)),
        ],
        WITHOUT,
        1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_log_raises_what_a_person_expects(row, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("".join(f"{key}: {value}\n" for key, value in row.settings.items()))
    log = INPUTS / row.log if isinstance(row.log, str) else row.log
    result = ra.replay(log, settings=ra.load_settings(config), detectors=[row.asked])
    assert result.bad_lines == 0
    assert result.alerts["alert_id"].nunique() == row.alerts, list(result.alerts["message"])
    if row.risk is not None:
        assert result.alerts["risk_score"].iloc[-1] == row.risk


def test_one_receipt_is_never_among_the_others_of_its_own_alert():
    (evidence,) = ra.replay(INPUTS / "alarm_storm_one_receipt.jsonl").alerts["evidence"]
    assert evidence["otherTransactionIds"] == []


@pytest.mark.parametrize("name", ["exchange_refund_line_first.jsonl", "exchange_sale_line_first.jsonl"])
def test_the_remarks_do_not_hang_on_the_order_of_an_exchange(name):
    assert "none of the refunds (1) names a sale" in " ".join(ra.load(INPUTS / name).summary.remarks)


@pytest.mark.parametrize("number", [1, 2, 7])
def test_each_refund_that_cannot_be_judged_is_counted_once(number):
    refunds = [refund(n * HOUR, transaction_id=f"r{n}") for n in range(number)]
    undecided = ra.replay(refunds, detectors=[MATCH]).undecided
    assert undecided == {(MATCH, "young log"): number}
    other = [refund(n * HOUR, transaction_id=f"r{n}", original_store_id="s-9") for n in range(number)]
    assert ra.replay(other, detectors=[MATCH]).undecided == {(MATCH, "other store"): number}
