"""STOCK_DISCREPANCY, example by example."""

from __future__ import annotations

from typing import Any

import pytest

from retail_anomaly.contract import Step
from retail_anomaly.core.alerts import Alert
from tests.support.events import HOUR, count, refund, sale
from tests.support.runs import alerts_of, engine_of


def alerts(*steps: Step, **parameters: Any) -> list[Alert]:
    return alerts_of(engine_of("stock_discrepancy", **parameters), *steps)


def test_less_than_the_previous_count_and_the_tills_explain_alerts_about_the_manager():
    (alert,) = alerts(count(0, 50), sale(1, quantity=10), refund(2, quantity=3), count(3, 36))
    assert (alert.type, alert.employee_id, alert.risk_score) == ("STOCK_DISCREPANCY", "m-1", 0.7)
    assert alert.evidence == {
        "sku": "sku-1",
        "previousCount": 50,
        "sold": 10,
        "refunded": 3,
        "moved": 0,
        "expected": 43,
        "counted": 36,
        "missing": 7,
    }


def test_first_count_has_nothing_to_be_compared_with():
    assert alerts(sale(quantity=100), count(1, 0)) == []


@pytest.mark.parametrize(("counted", "risks"), [(46, []), (45, [0.5]), (40, [1.0]), (0, [1.0]), (90, [])])
def test_risk_rises_from_the_threshold_to_twice_it(counted, risks):
    assert [alert.risk_score for alert in alerts(count(0, 50), count(1, counted))] == risks


def test_every_count_starts_anew_from_itself():
    steps = count(0, 50), sale(1, quantity=10), count(2, 40), count(3, 36)
    assert alerts(*steps) == []
    assert alerts(*steps, count(4, 31))[0].evidence["previousCount"] == 36


def test_count_that_alerted_is_believed_by_the_next():
    assert len(alerts(count(0, 50), count(1, 40), count(2, 40))) == 1


def test_skus_are_counted_apart():
    assert alerts(count(0, 50), count(1, 0, sku="sku-2")) == []


def test_order_of_processing_decides_not_time():
    late = sale(-HOUR, quantity=10)
    assert alerts(count(0, 50), late, count(1, 40)) == []
    assert len(alerts(late, count(0, 50), count(1, 40))) == 1


def test_more_sold_than_there_was_is_no_discrepancy():
    assert alerts(count(0, 5), sale(1, quantity=20), count(2, 0)) == []


@pytest.mark.parametrize(
    ("before", "counted", "said"),
    [
        (
            6,
            1,
            "1 piece of sku-1 is counted where 6 were expected after 0 sold and 0 refunded: 5 are missing.",
        ),
        (
            1,
            0,
            "0 pieces of sku-1 are counted where 1 was expected after 0 sold and 0 refunded: 1 is missing.",
        ),
        (
            1.5,
            0.5,
            "0.5 pieces of sku-1 are counted where 1.5 were expected after 0 sold and 0 refunded: 1 is",
        ),
    ],
)
def test_one_piece_is_said_as_one(before, counted, said):
    (alert,) = alerts(count(0, before), count(1, counted), threshold=1)
    assert alert.message.startswith(said)
