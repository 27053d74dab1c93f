"""REFUND_WITHOUT_SALE, example by example."""

from __future__ import annotations

from typing import Any

import pytest

from retail_anomaly.contract import Run, Step, TimePasses
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.durations import Duration
from tests.support.events import DAY, HOUR, MINUTE, T0, gate, line, quiet_until, refund, sale, shift
from tests.support.runs import alerts_of, engine_of

GRACE = Duration(HOUR)


def alerts(*steps: Step, **parameters: Any) -> list[Alert]:
    return alerts_of(engine_of("refund_without_sale", **parameters), *steps)


def test_refund_of_something_not_sold_alerts_at_once():
    (alert,) = alerts(refund(amount=20.0))
    assert (alert.risk_score, alert.employee_id, alert.event_time) == (0.2, "c-1", T0)
    assert alert.evidence == {
        "transactionId": "t-1",
        "amount": 20.0,
        "sku": "sku-1",
        "offShift": None,
        "historyDays": 0.0,
    }


@pytest.mark.parametrize(("days", "risk"), [(9, 0.2), (45, 0.5), (90, 1.0), (120, 1.0)])
def test_risk_grows_with_the_history_of_the_store(days, risk):
    (alert,) = alerts(line("NO_SALE"), refund(days * DAY))
    assert (alert.risk_score, alert.evidence["historyDays"]) == (risk, days)


def test_refund_under_the_sales_own_number_is_matched():
    assert alerts(sale(), refund(MINUTE)) == []


def test_refund_that_names_its_sale_is_matched_by_it_alone():
    assert alerts(sale(), refund(MINUTE, transaction_id="r-1", original_transaction_id="t-1")) == []
    (alert,) = alerts(sale(), refund(MINUTE, original_transaction_id="t-0"))
    assert alert.evidence["originalTransactionId"] == "t-0"


def test_sale_of_any_cashier_matches_and_of_another_store_does_not():
    assert alerts(sale(cashier_id="c-9"), refund(MINUTE)) == []
    assert len(alerts(sale(store_id="store-2"), refund(MINUTE))) == 1


@pytest.mark.parametrize(("at", "number"), [(90 * DAY, 0), (90 * DAY + 1, 1)])
def test_sale_is_remembered_up_to_and_with_the_end_of_the_memory(at, number):
    assert len(alerts(sale(), refund(at))) == number


def test_newest_sale_of_the_number_counts():
    assert alerts(sale(DAY), sale(), refund(91 * DAY)) == []


def test_sale_later_than_the_refund_counts():
    assert alerts(sale(HOUR), refund()) == []


def test_sale_processed_after_the_refund_comes_too_late():
    assert len(alerts(refund(), sale())) == 1


def test_receipt_alerts_once_at_its_first_unmatched_line():
    lines = refund(original_transaction_id="t-0"), refund(sku="sku-2"), refund(sku="sku-3", cashier_id="c-2")
    (alert,) = alerts(sale(transaction_id="t-0"), *lines)
    assert alert.evidence["sku"] == "sku-2"


@pytest.mark.parametrize(("at", "number"), [(1, 1), (DAY, 1), (DAY + 1, 2)])
def test_same_number_alerts_again_after_a_day(at, number):
    assert len(alerts(refund(), refund(at))) == number


def test_off_shift_is_told():
    assert alerts(shift(-HOUR, -1), refund())[0].evidence["offShift"] is True
    assert alerts(shift(-HOUR, 0), refund())[0].evidence["offShift"] is False


# --- Grace ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [line("NO_SALE", HOUR), gate(HOUR, alarm=False), TimePasses("store-1", T0 + HOUR)]
)
def test_any_event_or_tick_at_the_end_of_the_grace_releases(kind):
    (alert,) = alerts(refund(), kind, match_grace=GRACE)
    assert (alert.event_time, alert.opened_at) == (T0, T0)


def test_nothing_earlier_releases_and_the_end_of_the_log_does_not():
    assert alerts(refund(), line("NO_SALE", HOUR - 1), gate(HOUR - 1), match_grace=GRACE) == []


def test_event_of_another_store_does_not_release():
    assert alerts(refund(), line("NO_SALE", DAY, store_id="store-2"), match_grace=GRACE) == []


def test_sale_that_comes_within_the_grace_matches():
    assert alerts(refund(), sale(MINUTE), line("NO_SALE", HOUR), match_grace=GRACE) == []


def test_sale_that_came_within_the_grace_is_not_forgotten_over_a_silence():
    """The event that ends the silence looks for the sale before it lets go of it."""
    steps = refund(), sale(1), *quiet_until(10 * DAY)
    assert alerts(*steps, match_grace=GRACE, sale_memory=Duration(HOUR)) == []


def test_first_line_still_unmatched_is_the_one_that_alerts():
    lines = refund(original_transaction_id="t-0"), refund(sku="sku-2")
    (alert,) = alerts(*lines, sale(MINUTE, transaction_id="t-0"), line("NO_SALE", HOUR), match_grace=GRACE)
    assert alert.evidence["sku"] == "sku-2"


def test_off_shift_is_as_known_when_the_refund_came():
    (alert,) = alerts(refund(), shift(-HOUR, -1), line("NO_SALE", HOUR), match_grace=GRACE)
    assert alert.evidence["offShift"] is None


def test_grace_changes_no_alert_id():
    (late,) = alerts(refund(), line("NO_SALE", HOUR), match_grace=GRACE)
    (at_once,) = alerts(refund())
    assert late.alert_id == at_once.alert_id


def test_several_are_released_in_the_order_of_their_times():
    waiting = [refund(at, transaction_id=f"t-{at}") for at in (2, 0, 1)]
    raised = alerts(*waiting, line("NO_SALE", 2 * HOUR), match_grace=GRACE)
    assert [alert.event_time - T0 for alert in raised] == [0, 1, 2]


# --- Warm-up -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "number"), [(0, 0), (DAY, 0), (DAY + 1, 1)])
def test_nothing_alerts_within_the_warm_up_of_the_first_pos_event(at, number):
    assert len(alerts(line("NO_SALE"), refund(at), warm_up=Duration(DAY))) == number


def test_warm_up_is_not_begun_by_other_topics():
    run = Run(engine_of("refund_without_sale", warm_up=Duration(HOUR)))
    run.step(gate())
    run.step(shift(0, HOUR))
    assert run.step(refund(DAY)) == []


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (0, "for r, a sale that is not in this store's log, which begins here."),
        (5 * MINUTE, "for r, a sale that is not in this store's log, which goes back only 5m."),
        (5 * HOUR + 17 * MINUTE, "for r, a sale that is not in this store's log, which goes back only 5h."),
        (29 * DAY + HOUR, "for r, a sale that is not in this store's log, which goes back only 29d."),
        (30 * DAY, "for r, which this store has not sold in the last 30d."),
    ],
)
def test_the_message_claims_no_more_than_the_log_can_know(history: int, said: str) -> None:
    first = sale(transaction_id="other")
    (alert,) = alerts(first, refund(history, transaction_id="r"), sale_memory=Duration(30 * DAY))
    assert alert.message.endswith(said)
