from __future__ import annotations

import copy
import math

import pytest
from river import checks, compose

from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.local_time import QUARTER
from retail_anomaly.models.estimators import RefundEstimator, SalesEstimator
from tests.support.events import DAY, HOUR
from tests.support.usual import MONDAY, OUTAGE, weeks

ESTIMATORS = [RefundEstimator(), SalesEstimator()]


def lines():
    return [
        {
            "time": event.event_time,
            "cashier": event.cashier_id,
            "kind": event.event_type,
            "sku": event.sku,
            "amount": event.amount,
            "receipt": event.transaction_id,
            "original": event.original_transaction_id,
            "tender": event.tender,
        }
        for event in weeks()
        if isinstance(event, PosEvent)
    ]


def labelled(estimator):
    """Return lines and which of them are strange, to replace the credit cards of River's own data set."""
    after = MONDAY + OUTAGE * DAY + 14 * HOUR
    return [
        (
            line,
            line["receipt"].startswith("x-")
            if isinstance(estimator, RefundEstimator)
            else after <= line["time"] < after + QUARTER,  # the first sales after two silent hours
        )
        for line in lines()
    ]


def river_checks():
    """All of River's checks of an anomaly detector; none is left out."""
    for estimator in ESTIMATORS:
        for check in checks.yield_checks(estimator):
            yield pytest.param(estimator, check, id=f"{type(estimator).__name__}-{check.__name__}")


@pytest.mark.parametrize(("estimator", "check"), list(river_checks()))
def test_river_check_passes(estimator, check):
    if "dataset" in getattr(check, "keywords", {}):
        check.func(estimator.clone(), dataset=labelled(estimator))
    else:
        check(estimator.clone())


def test_no_check_is_skipped_by_the_estimators_themselves():
    assert [estimator._unit_test_skips() for estimator in ESTIMATORS] == [set(), set()]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_scoring_changes_nothing(estimator):
    model = estimator.clone()
    twin = estimator.clone()
    for number, line in enumerate(lines()):
        if number % 97 == 0:
            before = copy.deepcopy(line)
            model.score_one(line)
            assert line == before
        model.learn_one(line)
        twin.learn_one(line)
    last = lines()[-1]
    assert model.score_one(last) == twin.score_one(last)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize(
    "nonsense",
    [
        {"amount": math.nan},
        {"amount": math.inf},
        {"amount": -5.0},
        {"quantity": 0},
        {"quantity": math.nan},
        {"quantity": None},
        {"time": 0},
        {"time": 10**15},
        {"time": math.nan},
        {"cashier": None, "sku": None},
        {"amount": 1e300},
    ],
    ids=str,
)
def test_nonsense_scores_in_range_and_the_model_recovers(estimator, nonsense):
    model = estimator.clone()
    every = lines()
    for number, line in enumerate(every):
        if number == len(every) // 2:
            for _ in range(3):
                assert 0 <= model.score_one(line | nonsense) <= 1
                model.learn_one(line | nonsense)
        model.learn_one(line)
    honest = estimator.clone()
    for line in every:
        honest.learn_one(line)
    assert model.score_one(every[-1]) == pytest.approx(honest.score_one(every[-1]), abs=0.2)


def test_a_pipeline_takes_it():
    pipeline = compose.Pipeline(compose.Discard("tender"), RefundEstimator())
    for line in lines():
        assert 0 <= pipeline.score_one(line) <= 1
        pipeline.learn_one(line)
