"""SECURITY_CORRELATION, example by example."""

from __future__ import annotations

from typing import Any

import pytest

from retail_anomaly.contract import Step
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import PosEvent
from tests.support.events import MINUTE, SECOND, T0, gate, refund, sale
from tests.support.runs import alerts_of, engine_of


def alerts(*steps: Step, **parameters: Any) -> list[Alert]:
    return alerts_of(engine_of("security_correlation", **parameters), *steps)


def tv(at: int = 0, number: str = "t-1", **fields: Any) -> PosEvent:
    return sale(at, transaction_id=number, **{"amount": 500.0, **fields})


def test_alarm_after_a_high_sale_is_about_that_sales_cashier():
    (alert,) = alerts(tv(), gate(MINUTE, "g-1"))
    assert (alert.employee_id, alert.risk_score, alert.event_time) == ("c-1", 0.85, T0 + MINUTE)
    assert alert.evidence == {
        "transactionId": "t-1",
        "saleAmount": 500.0,
        "gateId": "gate-1",
        "securityEventId": "g-1",
        "secondsAfterSale": 60.0,
        "otherTransactionIds": [],
    }


@pytest.mark.parametrize(("at", "number"), [(-1, 0), (0, 1), (2 * MINUTE, 1), (2 * MINUTE + 1, 0)])
def test_window_includes_both_its_ends(at, number):
    assert len(alerts(tv(), gate(at))) == number


@pytest.mark.parametrize(("amount", "number"), [(200.0, 1), (200 - 1e-10, 1), (199.99, 0)])
def test_amount_at_the_limit_is_high_rounding_forgiven(amount, number):
    assert len(alerts(tv(amount=amount), gate(1))) == number


def test_security_event_without_alarm_is_no_trigger():
    assert alerts(tv(), gate(1, alarm=False)) == []


def test_refund_is_no_sale():
    assert alerts(refund(amount=500.0), gate(1)) == []


def test_newest_sale_is_matched_and_the_others_are_named():
    (alert,) = alerts(tv(90 * SECOND, "t-2"), tv(10 * SECOND, "t-1"), gate(100 * SECOND))
    assert alert.evidence["transactionId"] == "t-2"
    assert alert.evidence["otherTransactionIds"] == ["t-1"]


def test_of_two_at_the_same_time_the_later_arrival_is_the_newer():
    (alert,) = alerts(tv(0, "t-1"), tv(0, "t-2"), gate(1))
    assert alert.evidence["transactionId"] == "t-2"


def test_matched_line_is_forgotten_and_the_next_alarm_looks_for_another():
    lines = tv(0, "t-1"), tv(SECOND, "t-2"), tv(SECOND, "t-2", sku="sku-2")
    raised = alerts(*lines, *(gate(at * SECOND) for at in (2, 3, 4, 5)))
    assert [alert.evidence["transactionId"] for alert in raised] == ["t-2", "t-1"]


def test_alarm_of_another_store_matches_nothing():
    assert alerts(tv(), gate(1, store="store-2")) == []


def test_alarm_that_comes_before_its_sale_does_not_match_it_later():
    assert alerts(gate(MINUTE), tv()) == []


def test_late_alarm_is_matched_with_the_sale_of_its_own_time():
    (alert,) = alerts(tv(0, "t-1"), tv(10 * MINUTE, "t-2"), gate(MINUTE))
    assert alert.evidence["transactionId"] == "t-1"


def test_risk_is_a_parameter():
    assert alerts(tv(), gate(1), risk=0.1234567)[0].risk_score == 0.123457
