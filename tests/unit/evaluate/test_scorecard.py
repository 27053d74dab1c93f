"""The scorecard: every figure of a small world worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from retail_anomaly.cases import packaged_calibration
from retail_anomaly.core.events import CountEvent, Event
from retail_anomaly.evaluate import Activity, incidents_frame, scorecard
from retail_anomaly.evaluate.references import random_alerts
from retail_anomaly.frames.alerts import alerts_frame
from retail_anomaly.frames.card_rows import row_of
from tests.unit.evaluate.world import (
    EVENTS,
    INCIDENTS,
    MINUTE,
    NOON,
    alert,
    alerts,
    incident,
    refund,
    sale,
)

NONE = alerts().head(0)


@pytest.fixture(scope="module")
def card():
    return scorecard(alerts(), INCIDENTS, activity=Activity.of(EVENTS), ks=(1, 2))


@pytest.mark.parametrize(
    ("measure", "figure"),
    [
        ("recall", 2 / 3),  # i1 and i3 of i1, i2, i3
        ("loss_recall", 160 / 460),
        ("precision", 3 / 5),  # x1, x2 and x4 of five; x5 is about a distractor
        ("alert_rate", 5 / 3),  # one day of a, two of b
        ("loss_per_alert", 160 / 5),
        ("precision_at_1", 2 / 2),  # x1 (0.9) in a, x4 in b, earlier than x5 of the same risk
        ("recall_at_1", 2 / 3),
        ("loss_per_alert_at_1", 160 / 2),
        ("precision_at_2", 2 / 4),  # x3 and x5 as well
        ("recall_at_2", 2 / 3),
        ("loss_per_alert_at_2", 160 / 4),
        ("minutes_median", 4),  # i1 after 4 minutes, i3 after 30: the smaller has half of them
        ("minutes_p90", 30),
        ("events_median", 3),  # after noon: four of a until 12:04; two of b and the count until 12:30
        ("events_p90", 4),
    ],
)
def test_every_figure_by_hand(card, measure, figure):
    assert card.value(measure) == pytest.approx(figure)


def test_the_references(card):
    assert card.value("recall", "Null") == card.value("alert_rate", "Null") == 0
    assert np.isnan(card.value("precision", "Null"))
    assert card.value("recall", "Perfect") == card.value("precision", "Perfect") == 1
    assert card.value("alert_rate", "Perfect") == pytest.approx(3 / 3)
    assert card.value("loss_per_alert", "Perfect") == pytest.approx(460 / 3)
    # i1 and i2 at once, i3 at the count that ends it, a day later.
    assert card.value("minutes_median", "Perfect") == 0
    assert card.value("minutes_p90", "Perfect") == 1_440
    assert card.value("alert_rate", "Random") == pytest.approx(card.value("alert_rate"))
    assert card.notes == ()


def test_by_scenario_detector_store_and_distractor(card):
    own = card.by_scenario.loc["Alerts"]
    assert own[["incidents", "found", "loss", "loss_found"]].to_dict("index") == {
        "skimming": {"incidents": 2, "found": 2, "loss": 160, "loss_found": 160},
        "sweeping": {"incidents": 1, "found": 0, "loss": 300, "loss_found": 0},
    }
    assert own["minutes_p90"].tolist() == [30, pytest.approx(np.nan, nan_ok=True)]
    detectors = card.by_detector[["alerts", "true", "alert_rate", "precision", "incidents"]]
    assert detectors.to_dict("index") == {
        "other": {"alerts": 1, "true": 1, "alert_rate": 1 / 3, "precision": 1, "incidents": 1},
        "rule": {"alerts": 4, "true": 2, "alert_rate": 4 / 3, "precision": 0.5, "incidents": 2},
    }
    assert card.found_by.to_dict("index") == {"skimming": {"other": 1, "rule": 2}}
    stores = card.by_store[["store_days", "alerts", "true", "incidents", "found", "alert_rate"]]
    assert stores.to_dict("list") == {
        "store_days": [1, 2],
        "alerts": [3, 2],
        "true": [2, 1],
        "incidents": [2, 1],
        "found": [1, 1],
        "alert_rate": [3, 1],
    }
    assert card.distractors.to_dict("index") == {"promotion": {"distractors": 1, "drew": 1, "alerts": 1}}


def test_the_curve_leaves_out_what_is_below_each_threshold(card):
    # Nobody labelled an alert of these detectors: the riskier alert is the surer one.
    levels = [packaged_calibration().confidence("rule", {}, risk) for risk in (0.5, 0.7, 0.8, 0.9)]
    assert card.curve.drop(columns="alert_rate").round(6).to_dict("list") == {
        "threshold": [round(level, 6) for level in levels],
        "alerts": [5, 4, 3, 1],
        "precision": [0.6, 0.5, 0.666667, 1.0],
        # i1 stays found down to x1 (0.9), i3 down to x4 (0.8).
        "recall": [0.666667, 0.666667, 0.666667, 0.333333],
        "loss_found": [160, 160, 160, 100],
    }
    assert card.curve["alert_rate"].tolist() == pytest.approx([5 / 3, 4 / 3, 1, 1 / 3])


def test_a_day_is_a_day_of_the_store():
    late = [alert("y1", "a", NOON + 300 * MINUTE, 0.9, {}), alert("y2", "a", NOON + 500 * MINUTE, 0.5, {})]
    truth = incidents_frame([incident("i", "a", NOON, end=NOON + 600 * MINUTE, expectedLoss=1.0)])
    # 17:00 and 20:20 in UTC are 22:30 and 1:50 in Kolkata: one alert is read, or one on each day.
    for zones, read in (("UTC", 1), ("Asia/Kolkata", 2)):
        card = scorecard(alerts_frame(late), truth, store_days={"a": 2}, zones=zones, ks=(1,))
        assert card.value("loss_per_alert_at_1") == 1 / read


def test_store_days_are_local_days_with_events():
    # 14:30 and 15:30 in UTC, with midnight in Tokyo between them.
    events = [sale("a", NOON + 150 * MINUTE), sale("a", NOON + 210 * MINUTE), EVENTS[-1]]
    for zones, days in (("UTC", 1), ("Asia/Tokyo", 2), ({"a": "Asia/Tokyo"}, 2), ({"b": "Asia/Tokyo"}, 1)):
        assert Activity.of(events, zones=zones).store_days.to_dict() == {"a": days}


def test_a_part_of_the_activity():
    whole = Activity.of(EVENTS)
    start, end = (pd.Timestamp(NOON + n * MINUTE, unit="ms", tz="UTC") for n in (0, 10))
    part = whole.between(start, end)
    assert part.store_days.to_dict() == {"a": 1}
    assert len(part.sample) == 6
    assert whole.between(end, end + pd.Timedelta(days=1)).store_days.to_dict() == {"b": 1}


def test_the_sample_is_bounded_and_every_event_has_the_same_chance():
    log = [refund("a", NOON + n, f"t{n}") for n in range(40)]
    drawn = pd.concat([Activity.of(log, seed=seed, sample=10).sample for seed in range(400)])
    assert len(drawn) == 4_000
    shares = drawn["transaction_id"].value_counts(normalize=True)
    assert len(shares) == 40
    # 100 of 4,000 each, give or take 4 standard deviations.
    assert shares.between(1 / 40 - 0.01, 1 / 40 + 0.01).all()


def test_random_alerts_are_about_what_somebody_reads_who_has_none():
    log: list[Event] = [sale("a", NOON, "s"), refund("a", NOON, "r"), CountEvent("a", "k", 3, NOON)]
    drawn = Activity.of(log).sample["transaction_id"]
    assert (len(drawn), drawn.dropna().tolist()) == (2, ["r"])


def test_half_of_the_random_alerts_are_about_refunds_however_many_counts_there_are():
    log: list[Event] = [refund("a", NOON, "r"), *(CountEvent("a", "k", n, NOON) for n in range(50))]
    drawn = random_alerts(Activity.of(log), 400, runs=1, seed=0)
    refunds = sum("transactionId" in evidence for evidence in drawn["evidence"])
    assert 150 < refunds < 250


def test_without_the_log_what_needs_it_is_missing_and_said():
    card = scorecard(alerts(), INCIDENTS)
    assert np.isnan(card.value("alert_rate"))
    assert np.isnan(card.value("events_median"))
    assert card.value("recall") == pytest.approx(2 / 3)
    assert card.value("minutes_median") == 4
    assert "Random" not in card.overall.index.get_level_values("row")
    assert [note.split(":")[0] for note in card.notes] == [
        "Without the log the number of store-days is not known",
        "Without the log there are no random alerts to compare with and no time to detect in events. "
        "Give the events.",
    ]
    given = scorecard(alerts(), INCIDENTS, store_days={"a": 4, "b": 6})
    assert given.value("alert_rate") == 0.5
    assert len(given.notes) == 1


def test_an_alert_before_the_incident_by_a_slow_clock_was_at_once():
    early = [alert("z", "a", NOON - MINUTE, 0.9, {"transactionId": "a9"})]

    card = scorecard(alerts_frame(early), INCIDENTS, activity=Activity.of(EVENTS))
    assert card.value("minutes_median") == card.value("events_median") == 0


@pytest.mark.parametrize("raised", [alerts(), NONE])
@pytest.mark.parametrize("truth", [INCIDENTS, INCIDENTS.iloc[3:], incidents_frame([])])
@pytest.mark.parametrize("activity", [Activity.of(EVENTS), Activity.of([]), None])
def test_nothing_to_score_is_no_error(raised, truth, activity):
    card = scorecard(raised, truth, activity=activity, resamples=50, runs=2)
    assert len(card.tables()) == 4
    assert "<table" in card._repr_html_()
    assert json.loads(card.to_json())["overall"][0]["measure"] == "recall"


def test_the_same_seed_gives_the_same_card_and_another_another():
    activity = Activity.of(EVENTS)

    def csv(seed: int) -> str:
        return scorecard(alerts(), INCIDENTS, activity=activity, seed=seed, resamples=51).to_csv()

    assert csv(1) == csv(1) != csv(2)


def test_one_store_has_no_interval():
    one = alerts().query("store_id == 'a'")
    card = scorecard(one, INCIDENTS.query("store_id == 'a'"), store_days={"a": 2})
    assert row_of(card.overall, "Alerts")[["low", "high"]].isna().to_numpy().all()
    assert card.value("recall") == 0.5


def test_a_bootstrap_over_stores_by_hand():
    """Stores a and b are drawn twice: both (1 in 2), a twice or b twice (1 in 4 each)."""
    card = scorecard(alerts(), INCIDENTS, activity=Activity.of(EVENTS), resamples=4_000)
    intervals = row_of(card.overall, "Alerts")[["low", "high"]].T
    assert intervals["recall"].tolist() == [0.5, 1.0]  # a alone has 1 of 2, b alone 1 of 1
    assert intervals["precision"].tolist() == pytest.approx([1 / 2, 2 / 3])


def test_repeated_rows_of_a_restart_are_one_alert():
    twice = pd.concat([alerts(), alerts()])
    one, other = (scorecard(frame, INCIDENTS, resamples=0).to_csv() for frame in (alerts(), twice))
    assert one == other


def test_what_lacks_a_column_is_named():
    with pytest.raises(ValueError, match="alerts: a column is missing: risk_score"):
        scorecard(alerts().drop(columns="risk_score"), INCIDENTS)
    with pytest.raises(ValueError, match="incidents: columns are missing: start, expected_loss"):
        scorecard(alerts(), INCIDENTS.drop(columns=["start", "expected_loss"]))


def test_random_alerts_find_as_often_as_chance_says():
    """One receipt in four is the incident's, and a run draws two alerts."""

    log = [refund("a", NOON + n, f"t{n % 4}") for n in range(400)]
    truth = incidents_frame([incident("i", "a", NOON, transactionIds=["t0"], expectedLoss=8.0)])
    raised = alerts_frame([alert(f"r{n}", "a", NOON, 0.5, {}) for n in range(2)])
    card = scorecard(raised, truth, activity=Activity.of(log), runs=4_000, resamples=0)
    assert card.value("precision", "Random") == pytest.approx(1 / 4, abs=0.02)
    assert card.value("recall", "Random") == pytest.approx(1 - (3 / 4) ** 2, abs=0.03)
    assert card.value("precision", "Alerts") == 0
