"""REFUND_MISMATCH, example by example."""

from __future__ import annotations

from typing import Any

import pytest

from retail_anomaly.contract import Run, Step
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.durations import Duration
from retail_anomaly.detectors.refund_match import RefundMatchParameters
from tests.support.events import DAY, HOUR, MINUTE, T0, line, refund, sale
from tests.support.runs import alerts_of, engine_of

SOLD: dict[str, Any] = {"transaction_id": "42", "sku": "sku-17", "quantity": 2, "amount": 59.98}
BACK: dict[str, Any] = {"transaction_id": "43", "sku": "sku-17", "original_transaction_id": "42"}
ANNA, CARD = "anna", "k-1"


def alerts(*steps: Step, **parameters: Any) -> list[Alert]:
    return alerts_of(engine_of("refund_match", **parameters), *steps)


def losses(*steps: Step, **parameters: Any) -> list[tuple[list[str], float]]:
    return [(a.evidence["reasons"], a.evidence["loss"]) for a in alerts(*steps, **parameters)]


def undecided(*steps: Step, **parameters: Any) -> dict[str, int]:
    engine = engine_of("refund_match", **parameters)
    Run(engine).alerts(steps)
    return {reason: count for (_, reason), count in engine.undecided.items()}


def test_refund_of_more_than_is_left_says_what_is_not_covered():
    first = refund(HOUR, **BACK, quantity=1, amount=29.99)
    second = refund(2 * HOUR, **BACK | {"transaction_id": "44"}, quantity=3, amount=89.97, cashier_id="c-2")
    (alert,) = alerts(sale(**SOLD), first, second)
    assert alert.message == (
        "Refund of 3 pieces of sku-17 for 89.97: receipt 42 sold 2, of which 1 was refunded before; "
        "59.98 is not covered."
    )
    assert (alert.risk_score, alert.employee_id, alert.event_time) == (0.9, "c-2", T0 + 2 * HOUR)
    assert alert.evidence == {
        "transactionId": "44",
        "originalTransactionId": "42",
        "matchedBy": "reference",
        "reasons": ["OVER_QUANTITY"],
        "loss": 59.98,
        "lines": [
            {
                "sku": "sku-17",
                "quantity": 3,
                "amount": 89.97,
                "sold": 2,
                "refundedBefore": 1,
                "unitPrice": 29.99,
                "reasons": ["OVER_QUANTITY"],
                "loss": 59.98,
            }
        ],
        "saleTime": T0,
        "saleCashierId": "c-1",
    }


@pytest.mark.parametrize(
    ("back", "expected"),
    [
        ({"sku": "sku-9", "amount": 25.0}, [(["OTHER_ARTICLE"], 25.0)]),
        ({"quantity": 2, "amount": 59.98}, []),
        ({"quantity": 2, "amount": 60.57}, []),  # within 1 %
        ({"quantity": 2, "amount": 60.59}, [(["OVER_PRICE"], 0.61)]),
        ({"quantity": 2.001, "amount": 59.98}, []),  # 0.03 is below the floor
        ({"quantity": 4, "amount": 200.0}, [(["OVER_QUANTITY", "OVER_PRICE"], 180.04)]),
        ({"amount": 29.99}, []),  # one piece
        ({"amount": 59.98}, []),  # two pieces
        ({"amount": 89.97}, [(["OVER_QUANTITY"], 29.99)]),  # three pieces
        ({"amount": 75.0}, [(["OVER_QUANTITY"], 15.02)]),  # 2.5 pieces
    ],
)
def test_refund_is_compared_with_what_its_receipt_sold(back, expected):
    found = losses(sale(**SOLD), refund(HOUR, **BACK | back))
    assert [(reasons, round(loss, 2)) for reasons, loss in found] == expected


def test_loss_of_a_line_is_at_most_its_amount():
    sold, back = (
        sale(**SOLD | {"quantity": 1, "amount": 1.0}),
        refund(HOUR, **BACK, quantity=50, amount=500.0),
    )
    ((reasons, loss),) = losses(sold, back)
    assert (reasons, loss) == (["OVER_QUANTITY", "OVER_PRICE"], 500.0)


def test_lines_of_one_refund_are_one_alert_that_is_revised():
    first = refund(HOUR, **BACK, quantity=2, amount=70.0)
    second = refund(HOUR + 1, **BACK | {"sku": "sku-9"}, amount=25.0, cashier_id="c-2")
    before, after = alerts(sale(**SOLD), first, second)
    assert (before.revision, after.revision, after.alert_id) == (1, 2, before.alert_id)
    assert (after.risk_score, after.employee_id) == (0.9, "c-1")
    assert (after.evidence["reasons"], after.evidence["loss"]) == (["OTHER_ARTICLE", "OVER_PRICE"], 35.02)
    assert after.message == (
        "Refund of 1 piece of sku-9 for 25.00: receipt 42 has none of it; 25.00 is not covered, "
        "35.02 with the lines before."
    )


def test_two_refund_receipts_are_two_alerts():
    one = refund(HOUR, **BACK | {"sku": "sku-9"})
    other = refund(HOUR, **BACK | {"sku": "sku-9", "transaction_id": "44"})
    assert len({alert.alert_id for alert in alerts(sale(**SOLD), one, other)}) == 2


def test_customer_then_card_then_own_number_find_the_receipt():
    sold = sale(**SOLD, customer_token=ANNA, card_token=CARD)
    for fields, by in (
        ({"customer_token": ANNA}, "customer"),
        ({"card_token": CARD}, "card"),
        ({"transaction_id": "42"}, "number"),
    ):
        own = {"sku": "sku-17", "transaction_id": "43", "quantity": 2, "amount": 80.0} | fields
        (alert,) = alerts(sold, refund(HOUR, **own))
        assert alert.evidence["matchedBy"] == by


def test_receipt_of_the_customer_that_has_some_left_comes_before_a_newer_one():
    old = sale(**SOLD, customer_token=ANNA)
    new = sale(DAY, **SOLD | {"transaction_id": "50"}, customer_token=ANNA)
    back = {"sku": "sku-17", "quantity": 2, "amount": 59.98, "customer_token": ANNA}
    assert losses(old, new, *(refund(2 * DAY, transaction_id=str(n), **back) for n in (60, 61, 62))) == [
        (["OVER_QUANTITY"], 59.98)
    ]


def test_bare_number_of_several_receipts_none_of_which_has_the_article_decides_nothing():
    steps = sale(**SOLD), sale(2 * DAY, **SOLD), refund(3 * DAY, **BACK | {"sku": "sku-9"})
    assert alerts(*steps) == []
    assert undecided(*steps) == {"several receipts": 1}


@pytest.mark.parametrize(
    ("parameters", "sold", "back", "reason"),
    [
        ({"tender_switch": True}, {"tender": "CARD"}, {"tender": "Cash"}, ["TENDER"]),
        ({"tender_switch": True}, {}, {"tender": "cash"}, None),
        ({"tender_switch": True}, {"tender": "card"}, {}, None),
        ({}, {"tender": "card"}, {"tender": "cash"}, None),
        ({"return_window": Duration(HOUR - 1)}, {}, {}, ["TOO_OLD"]),
        ({"return_window": Duration(HOUR)}, {}, {}, None),
        ({"quick": Duration(HOUR)}, {}, {}, ["QUICK"]),
        ({"quick": Duration(HOUR)}, {}, {"cashier_id": "c-2"}, None),
        ({"quick": Duration(HOUR - 1)}, {}, {}, None),
    ],
)
def test_what_you_can_switch_on(parameters, sold, back, reason):
    steps = sale(**SOLD | sold), refund(HOUR, **BACK, quantity=2, amount=59.98, **back)
    assert losses(*steps, **parameters) == ([(reason, 59.98)] if reason else [])


def test_each_thing_you_switch_on_has_words_of_its_own():
    rule: dict[str, Any] = {"tender_switch": True, "quick": Duration(HOUR), "return_window": Duration(MINUTE)}
    back = refund(HOUR, **BACK, quantity=2, amount=59.98, tender="cash")
    (alert,) = alerts(sale(**SOLD, tender="card"), back, **rule)
    assert alert.message == (
        "Refund of 2 pieces of sku-17 for 59.98: receipt 42 was paid by card, not in cash and is 1h old and "
        "was rung by the same cashier 1h before; 59.98 is in question."
    )


def test_exempt_article_and_refund_of_another_store_are_passed_over():
    bag = refund(HOUR, **BACK | {"sku": "bag"})
    elsewhere = refund(HOUR, **BACK | {"sku": "sku-9"}, original_store_id="store-2")
    assert undecided(sale(**SOLD), bag, elsewhere, exempt_skus=("bag",)) == {"other store": 1}


def test_refund_without_a_receipt_is_counted_and_left_to_the_other_rule():
    assert undecided(sale(**SOLD), refund(HOUR, original_transaction_id="7")) == {"young log": 1}
    assert undecided(sale(**SOLD), refund(90 * DAY, original_transaction_id="7")) == {"no receipt": 1}
    late = refund(90 * DAY + 1, **BACK)
    assert undecided(sale(**SOLD), late) == {"memory passed": 1}


def test_sale_of_the_same_receipt_is_an_exchange():
    assert undecided(sale(**SOLD), refund(**SOLD)) == {"young log": 1}
    assert undecided(sale(**SOLD), refund(30 * MINUTE, **SOLD, line_number=2)) == {"young log": 1}
    assert undecided(sale(**SOLD), refund(30 * MINUTE + 1, **SOLD, line_number=2)) == {}


def test_refund_taken_back_gives_back_what_it_took():
    back = refund(HOUR, **BACK, quantity=2, amount=59.98)
    void = line("LINE_VOID", 2 * HOUR, **SOLD | {"transaction_id": "43", "quantity": 1})
    again = refund(3 * HOUR, **BACK | {"transaction_id": "44"}, quantity=2, amount=59.98)
    assert losses(sale(**SOLD), back, void, again) == [(["OVER_QUANTITY"], 29.99)]


def test_sale_taken_back_is_not_there_to_refund():
    void = line("LINE_VOID", MINUTE, **SOLD | {"quantity": 1})
    assert losses(sale(**SOLD), void, refund(HOUR, **BACK, quantity=2, amount=59.98)) == [
        (["OVER_QUANTITY"], 29.99)
    ]


def test_return_window_that_the_memory_does_not_reach_is_refused():
    with pytest.raises(ValueError, match="return_window: expected a duration below sale_memory"):
        RefundMatchParameters(return_window=Duration(90 * DAY))


def test_price_of_next_to_nothing_stops_nothing():
    assert losses(sale(**SOLD | {"amount": 1e-300}), refund(HOUR, **BACK, amount=1e300)) == [
        (["OVER_QUANTITY", "OVER_PRICE"], 1e300)
    ]
