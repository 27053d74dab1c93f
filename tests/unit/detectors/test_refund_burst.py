"""REFUND_BURST, example by example."""

from __future__ import annotations

from typing import Any

import pytest

from retail_anomaly.contract import Step
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.durations import Duration
from retail_anomaly.core.events import PosEvent
from tests.support.events import HOUR, MINUTE, SECOND, T0, refund, shift
from tests.support.runs import alerts_of, engine_of


def alerts(*steps: Step, **parameters: Any) -> list[Alert]:
    return alerts_of(engine_of("refund_burst", **parameters), *steps)


def refunds(*times: int, **fields: Any) -> list[PosEvent]:
    return [refund(at, transaction_id=f"t-{at}", **fields) for at in times]


def test_third_high_refund_within_the_window_alerts():
    (alert,) = alerts(*refunds(0, MINUTE, 2 * MINUTE))
    assert (alert.event_time, alert.opened_at, alert.revision) == (T0 + 2 * MINUTE, T0 + 2 * MINUTE, 1)
    assert alert.risk_score == 0.88
    assert alert.evidence == {
        "transactionIds": ["t-0", "t-60000", "t-120000"],
        "refundCount": 3,
        "totalRefunds": 3,
        "averageAmount": 120.0,
        "offShift": None,
    }


@pytest.mark.parametrize(("last", "number"), [(10 * MINUTE, 1), (10 * MINUTE + 1, 0)])
def test_window_includes_its_oldest_moment(last, number):
    assert len(alerts(*refunds(0, MINUTE, last))) == number


@pytest.mark.parametrize(("amount", "number"), [(100.0, 1), (100 - 1e-10, 1), (99.99, 0)])
def test_amount_at_the_limit_is_high_rounding_forgiven(amount, number):
    assert len(alerts(*refunds(0, 1, 2, amount=amount))) == number


def test_lines_of_a_receipt_are_one_refund_of_their_sum():
    lines = [refund(at, transaction_id=f"t-{at}", sku=sku, amount=50.0) for at in (0, 1, 2) for sku in "ab"]
    (alert,) = alerts(*lines)
    assert (alert.evidence["refundCount"], alert.evidence["averageAmount"]) == (3, 100.0)


def test_lines_of_a_receipt_by_two_cashiers_are_a_refund_each():
    lines = [
        refund(at, transaction_id=f"t-{at}", cashier_id=c, amount=60.0)
        for at in (0, 1, 2)
        for c in ("c-1", "c-2")
    ]
    assert alerts(*lines) == []


def test_low_refunds_lower_the_mean_and_do_not_count():
    (alert,) = alerts(*refunds(0, amount=0.0), *refunds(1, 2, 3, amount=100.0))
    assert (alert.evidence["refundCount"], alert.evidence["totalRefunds"]) == (3, 4)
    assert alert.risk_score == 0.7 + 0.3 * 75 / 200


def test_other_cashiers_refunds_are_not_of_the_burst():
    assert alerts(*refunds(0, 1), refund(2, cashier_id="c-2")) == []


def test_late_refund_within_the_window_of_the_newest_joins():
    (alert,) = alerts(*refunds(0, 5 * MINUTE, 2 * MINUTE))
    assert alert.event_time == T0 + 2 * MINUTE
    assert alert.evidence["transactionIds"] == ["t-0", "t-120000", "t-300000"]


def test_late_refund_older_than_the_window_of_the_newest_does_not_join():
    assert alerts(*refunds(15 * MINUTE, 14 * MINUTE, 4 * MINUTE, 3 * MINUTE)) == []


# --- Shifts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends", "risk", "off"),
    [(HOUR, 0.88, False), (2, 0.88, False), (1, 1.0, True)],
    ids=["on", "to the end", "off"],
)
def test_refund_off_shift_adds_the_bump(ends, risk, off):
    (alert,) = alerts(shift(-HOUR, ends), *refunds(0, 1, 2))
    assert (alert.risk_score, alert.evidence["offShift"]) == (risk, off)
    assert alert.evidence["shift"] == {"shiftStart": T0 - HOUR, "shiftEnd": T0 + ends, "role": None}


def test_off_shift_is_decided_when_the_refund_is_processed():
    before = shift(-2 * HOUR, -HOUR)
    covering = shift(-HOUR, HOUR)
    assert alerts(before, *refunds(0), covering, *refunds(1, 2))[0].evidence["offShift"] is True
    assert alerts(*refunds(0), before, covering, *refunds(1, 2))[0].evidence["offShift"] is False
    assert alerts(*refunds(0, 1, 2), before)[0].evidence["offShift"] is None


def test_bump_ends_when_the_refund_off_shift_has_left_the_window():
    on_shift_from = shift(MINUTE, 2 * HOUR)
    (alert,) = alerts(on_shift_from, *refunds(0, 11 * MINUTE, 12 * MINUTE, 13 * MINUTE))
    assert alert.evidence["offShift"] is False


# --- Episodes ------------------------------------------------------------------------------------


def test_worse_burst_is_a_revision_of_the_same_alert():
    first, second = alerts(*refunds(0, 1, 2, 3))
    assert second.alert_id == first.alert_id
    assert (first.revision, second.revision) == (1, 2)
    assert (second.event_time, second.opened_at) == (T0 + 3, T0 + 2)
    assert second.evidence["refundCount"] == 4


@pytest.mark.parametrize(("revise_by", "risks"), [(0.05, [0.85, 0.9]), (0.05 + 1e-6, [0.85])])
def test_risk_that_rises_by_the_step_is_worth_a_revision(revise_by, risks):
    """A second line makes the last of three refunds one of 200: only the mean rises, 100 to 133.333333."""
    steps = [
        *refunds(0, 1, amount=100.0),
        *refunds(2, amount=100.0),
        refund(2, transaction_id="t-2", amount=100.0),
    ]
    assert [a.risk_score for a in alerts(*steps, revise_by=revise_by)] == risks


def test_risk_of_1_is_said_once():
    assert [a.risk_score for a in alerts(*refunds(0, 1, 2, 3, 4, 5, 6))] == [0.88, 1.0]


def test_steady_refunds_do_not_flap():
    """One high refund every five minutes: three in the window at every moment."""
    opened = [a.opened_at - T0 for a in alerts(*refunds(*range(0, HOUR, 5 * MINUTE)))]
    assert opened == [10 * MINUTE, 25 * MINUTE, 40 * MINUTE, 55 * MINUTE]


@pytest.mark.parametrize(("last", "ids"), [(12 * MINUTE, 1), (12 * MINUTE + 1, 2)])
def test_episode_ends_when_the_newest_refund_is_more_than_a_window_after_its_opening(last, ids):
    times = [0, MINUTE, 2 * MINUTE, 8 * MINUTE, 9 * MINUTE, 10 * MINUTE, 11 * MINUTE, last]
    assert len({a.alert_id for a in alerts(*refunds(*times))}) == ids


def test_episode_ends_when_too_few_high_refunds_are_left():
    times = [0, MINUTE, 2 * MINUTE, 11 * MINUTE + 1, 11 * MINUTE + 2]
    raised = alerts(*refunds(*times))
    assert [(a.opened_at - T0, a.revision) for a in raised] == [(2 * MINUTE, 1), (11 * MINUTE + 2, 1)]


def test_count_of_1_alerts_at_the_first():
    (alert,) = alerts(refund(), count=1, window=Duration(SECOND))
    assert alert.evidence["refundCount"] == 1


@pytest.mark.parametrize(
    "impossible", [{"count": 0}, {"amount": 0.0}, {"window": Duration(0)}, {"revise_by": -1.0}]
)
def test_impossible_parameters_are_refused_when_made(impossible):
    with pytest.raises(ValueError, match=next(iter(impossible))):
        engine_of("refund_burst", **impossible)
