"""SHRINKAGE, example by example."""

from __future__ import annotations

from typing import Any

import pytest

from retail_anomaly.contract import Step
from retail_anomaly.core.alerts import Alert
from tests.support.events import HOUR, count, refund, sale
from tests.support.runs import alerts_of, engine_of


def alerts(*steps: Step, **parameters: Any) -> list[Alert]:
    return alerts_of(engine_of("inventory_shrinkage", **parameters), *steps)


def test_more_sold_than_counted_alerts_about_the_manager():
    (alert,) = alerts(sale(quantity=30), count(1, 20))
    assert (alert.type, alert.employee_id, alert.risk_score) == ("SHRINKAGE", "m-1", 1.0)
    assert alert.evidence == {"sku": "sku-1", "sold": 30, "received": 0, "counted": 20, "difference": 10}


@pytest.mark.parametrize(("sold", "risks"), [(4, []), (5, [0.5]), (7, [0.7]), (10, [1.0]), (50, [1.0])])
def test_risk_rises_from_the_threshold_to_twice_it(sold, risks):
    assert [alert.risk_score for alert in alerts(sale(quantity=sold), count(1, 0))] == risks


def test_risk_is_rounded_to_six_places():
    assert alerts(sale(quantity=4), count(1, 0), threshold=3)[0].risk_score == 0.666667


def test_every_count_starts_anew_even_one_that_raises_nothing():
    assert alerts(sale(quantity=6), count(1, 3), sale(2, quantity=4), count(3, 0)) == []


def test_skus_are_counted_apart():
    assert alerts(sale(quantity=30), count(1, 0, sku="sku-2")) == []


def test_order_of_processing_decides_not_time():
    late = sale(-HOUR, quantity=10)
    assert len(alerts(count(0, 5), late, count(1, 0))) == 1
    assert alerts(late, count(0, 9), count(1, 0)) == []


def test_refunds_do_not_count():
    assert len(alerts(sale(quantity=5), refund(1, quantity=5), count(2, 0))) == 1


def test_count_without_manager_is_about_nobody():
    assert alerts(sale(quantity=9), count(1, 0, manager=None))[0].employee_id is None


@pytest.mark.parametrize(
    ("sold", "counted", "said"),
    [
        (
            1,
            0,
            "1 piece of sku-1 was sold since the last count, but only 0 are counted: 1 piece is unexplained.",
        ),
        (6, 1, "6 pieces of sku-1 were sold since the last count, but only 1 is counted: 5 pieces are unexp"),
    ],
)
def test_one_piece_is_said_as_one(sold, counted, said):
    (alert,) = alerts(sale(quantity=sold), count(1, counted), threshold=1)
    assert alert.message.startswith(said)
