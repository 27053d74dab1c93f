"""Tuning from end to end, over small logs with a known truth."""

from __future__ import annotations

from typing import Any

import msgspec
import pandas as pd
import pytest

from retail_anomaly.cases import Prior, ScoreCurve
from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.settings import SettingsError, build_engine, load
from retail_anomaly.settings.case_settings import CaseSettings
from retail_anomaly.tune import TuneError, tune
from retail_anomaly.tune.split import HELD_OUT, TUNED
from tests.support.events import DAY, HOUR, MINUTE, gate, sale
from tests.support.tuning import TOO_STRICT, burst, incident_of, only, plain_day, shops

pytestmark = pytest.mark.long

STRICT = only("refund_burst", **TOO_STRICT)
GOOD = only("refund_burst")


def recall(tuning, part, when):
    return tuning.scorecards[part, when].value("recall")


def rate(tuning, part, when):
    return tuning.scorecards[part, when].value("alert_rate")


# --- What is found -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found():
    events, incidents = shops()
    return tune(events, incidents, settings=STRICT, budget=1.0, trials=30, progress=False)


def test_parameters_that_are_too_strict_are_loosened_until_they_find_what_there_is(found):
    assert recall(found, HELD_OUT, "before") == 0
    assert recall(found, HELD_OUT, "after") == 1
    assert rate(found, HELD_OUT, "after") <= 1
    assert found.beats_base
    assert found.settings.detectors == found.tuned.detectors
    tuned = found.settings.detectors.refund_burst
    assert tuned.count <= 3
    assert tuned.amount <= 120
    assert tuned.window >= 6 * MINUTE


def test_only_parameters_with_a_range_change(found):
    assert {path.rsplit(".", 1)[1] for path in found.changes} <= {"count", "amount", "window"}
    assert all(path.startswith("detectors.refund_burst.") for path in found.changes)


def test_written_configuration_is_read_as_it_is_and_means_the_settings(found, tmp_path):
    path = tmp_path / "tuned.yaml"
    path.write_text(found.config, "utf-8")
    loaded = load(path, environ={}).settings
    assert loaded == found.settings
    # Every burst was right, which is worth five verdicts.
    assert loaded.cases.priors["REFUND_BURST"] == Prior.of_labelled(6, 6)
    assert [detector.parameters for detector in build_engine(loaded).detectors] == [
        found.settings.detectors.refund_burst
    ]


def test_configuration_says_on_what_it_stands(found):
    comments = [line for line in found.config.splitlines() if line.startswith("#")]
    text = "\n".join(comments)
    assert "2025-10-10 to 2025-10-12, 6 store-days, 6 incidents" in text
    assert "2025-10-13 to 2025-10-14, 4 store-days, 4 incidents" in text
    assert "beat" in text
    assert "detectors.refund_burst.count: 9 -> " in text


def test_a_noisier_setting_is_not_chosen_where_a_quiet_one_finds_as_much(found):
    # Two refunds of 60 are honest: to alert on them costs a second alert a day.
    assert rate(found, TUNED, "after") == 1


def test_figures_of_the_trials_are_those_of_a_replay(found):
    last = found.frontier.iloc[-1]
    assert last["worth"] == recall(found, TUNED, "after")
    assert last["alert_rate"] == rate(found, TUNED, "after")


def test_where_nothing_beats_the_base_the_base_is_written_and_that_is_said():
    events, incidents = shops()
    tuning = tune(events, incidents, settings=GOOD, budget=1.0, trials=12, progress=False)
    assert recall(tuning, TUNED, "before") == 1
    assert tuning.tuned == GOOD
    assert tuning.settings.detectors == GOOD.detectors
    assert not tuning.beats_base
    assert not tuning.changes
    assert "Tuning found nothing better than the settings it began with, so these are kept." in tuning.config


def test_what_pays_on_the_days_tuned_on_only_is_not_kept():
    """At first pairs of small refunds are the incidents; later they are honest, and there are many."""

    def day(store, number, noon):
        big = burst(store, f"{store}-{number}-big", noon, [120.0] * 3, "c-1")
        pairs = [
            burst(store, f"{store}-{number}-{n}", noon + n * HOUR, [60.0] * 2, f"c-{n}") for n in (2, 3, 4)
        ]
        if number < 3:
            return [*big, *pairs[0]], [incident_of(big), incident_of(pairs[0])]
        return [*big, *(line for pair in pairs for line in pair)], [incident_of(big)]

    events, incidents = shops(day=day)
    tuning = tune(events, incidents, settings=GOOD, budget=2.0, trials=25, progress=False)
    assert recall(tuning, TUNED, "after") > recall(tuning, TUNED, "before")
    assert rate(tuning, HELD_OUT, "after") > 2
    assert not tuning.beats_base
    assert tuning.settings.detectors == GOOD.detectors
    assert "do not beat" in tuning.config
    assert "not kept" in tuning.config


@pytest.mark.parametrize(("later", "how"), [(0, "they keep the budget."), (2, "nearer to the budget")])
def test_where_the_base_is_over_the_budget_what_is_not_or_less_so_is_better(later, how):
    def day(store, number, noon):
        bad = burst(store, f"{store}-{number}-bad", noon, [400.0] * 3, "c-1")
        honest = [burst(store, f"{store}-{number}-{n}", noon, [100.0] * 3, f"c-{n}") for n in (2, 3, 4)]
        if number >= 3:
            honest += [
                burst(store, f"{store}-{number}-x{n}", noon, [400.0] * 3, f"c-{n}")
                for n in range(8, 8 + later)
            ]
        return [*bad, *(line for lines in honest for line in lines)], [incident_of(bad)]

    events, incidents = shops(day=day)
    tuning = tune(events, incidents, settings=GOOD, budget=1.0, trials=30, progress=False)
    assert recall(tuning, HELD_OUT, "after") == recall(tuning, HELD_OUT, "before") == 1
    assert (rate(tuning, HELD_OUT, "before"), rate(tuning, HELD_OUT, "after")) == (4 + later, 1 + later)
    assert tuning.beats_base
    assert how in tuning.verdict


def test_held_out_days_take_no_part_in_the_choice(found):
    events, incidents = shops()
    cut = found.truth.days.cuts["store-1"]
    late = incidents["end"] >= pd.Timestamp(cut, unit="ms", tz="UTC")
    # Other incidents there, and one event fewer: nothing of it may be seen.
    other = incidents[~late | (incidents.index == incidents.index[-1])]
    fewer: list[Any] = events
    fewer = [event for event in fewer if event.event_time < cut or "honest" not in event.transaction_id]
    tuning = tune(fewer, other, settings=STRICT, budget=1.0, trials=30, progress=False)
    assert tuning.tuned == found.tuned
    pd.testing.assert_frame_equal(tuning.trials, found.trials)


def test_loss_is_wanted_where_the_objective_says_so():
    """The budget pays for one of two kinds of incidents: the frequent small one, or the rare dear one."""

    def day(store, number, noon):
        small = [burst(store, f"{store}-{number}-{n}", noon + n * HOUR, [30.0] * 2, "c-1") for n in (1, 2)]
        dear = sale(noon, store_id=store, transaction_id=f"{store}-{number}-tv", amount=900.0)
        alarm = gate(noon + MINUTE, f"{store}-{number}", store=store)
        truth = [*map(incident_of, small), incident_of([dear], scenario="theft", employeeId=None)]
        return [dear, alarm, *(line for pair in small for line in pair)], truth

    events, incidents = shops(day=day)
    settings = only("refund_burst", "security_correlation", **TOO_STRICT)
    most = tune(events, incidents, settings=settings, budget=2.0, trials=20, progress=False)
    dearest = tune(
        events, incidents, settings=settings, budget=2.0, trials=20, objective="loss", progress=False
    )
    # The two small ones a day take the whole budget.
    assert most.scorecards[TUNED, "after"].value("recall") == pytest.approx(2 / 3)
    assert most.scorecards[TUNED, "after"].value("loss_recall") == pytest.approx(120 / 1020)
    assert dearest.scorecards[TUNED, "after"].value("recall") == pytest.approx(1 / 3)
    assert dearest.scorecards[TUNED, "after"].value("loss_recall") == pytest.approx(900 / 1020)


def test_detectors_that_are_not_tuned_run_as_they_are_and_count():
    events, incidents = shops()
    settings = only("refund_burst", "refund_without_sale", **TOO_STRICT)
    # Five refunds a day without a sale.
    tuning = tune(
        events,
        incidents,
        settings=settings,
        budget=6.0,
        trials=25,
        detectors=["refund_burst"],
        progress=False,
    )
    assert tuning.tuned.detectors.refund_without_sale == settings.detectors.refund_without_sale
    assert (tuning.trials["alert_rate"] >= 5).all()


def test_a_detector_of_which_the_incidents_say_nothing_stays_as_it_is():
    def day(store, number, noon):
        events, truth = plain_day(store, number, noon)
        dear = sale(noon + 4 * HOUR, store_id=store, transaction_id=f"{store}-{number}-tv", amount=900.0)
        return [*events, dear, gate(noon + 4 * HOUR + MINUTE, f"{store}-{number}", store=store)], truth

    events, incidents = shops(day=day)
    settings = only("refund_burst", "security_correlation", **TOO_STRICT)
    tuning = tune(events, incidents, settings=settings, budget=2.0, trials=25, progress=False)
    assert tuning.tuned.detectors.security_correlation == settings.detectors.security_correlation
    assert recall(tuning, HELD_OUT, "after") == 1
    # Where its alerts are in the way of others that find something, it has to be quieter.
    tight = tune(events, incidents, settings=settings, budget=1.0, trials=25, progress=False)
    assert tight.tuned.detectors.security_correlation != settings.detectors.security_correlation
    assert recall(tight, HELD_OUT, "after") == 1
    assert rate(tight, HELD_OUT, "after") <= 1


# --- The same again ------------------------------------------------------------------------------


def test_same_seed_finds_the_same_and_another_seed_tries_other_values(found):
    events, incidents = shops()
    again = tune(events, incidents, settings=STRICT, budget=1.0, trials=30, progress=False)
    pd.testing.assert_frame_equal(again.trials, found.trials)
    assert again.config == found.config
    other = tune(events, incidents, settings=STRICT, budget=1.0, trials=3, seed=1, progress=False)
    assert not other.trials.equals(found.trials.head(3))


def test_two_processes_find_what_one_does(found, tmp_path):
    events, incidents = shops()
    log = tmp_path / "events.jsonl"
    log.write_bytes(
        b"".join(b'{"topic":"%b","value":%b}\n' % (topic_of(e).encode(), encode(e)) for e in events)
    )
    both = tune(str(log), incidents, settings=STRICT, budget=1.0, trials=30, jobs=2, progress=False)
    pd.testing.assert_frame_equal(both.trials, found.trials)
    assert both.config == found.config


def test_a_resumed_study_finds_what_an_uninterrupted_one_does(found, tmp_path):
    events, incidents = shops()
    study = tmp_path / "tuning.study"
    first = tune(events, incidents, settings=STRICT, budget=1.0, trials=7, study=study, progress=False)
    assert len(first.trials) == 7
    size = study.stat().st_size
    resumed = tune(events, incidents, settings=STRICT, budget=1.0, trials=30, study=study, progress=False)
    assert study.stat().st_size > size
    pd.testing.assert_frame_equal(resumed.trials, found.trials)
    assert resumed.config == found.config


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("budget", {"budget": 2.0}),
        ("objective", {"objective": "loss"}),
        ("split", {"split": 0.4}),
        ("configuration", {"settings": GOOD}),
    ],
)
def test_a_study_of_something_else_is_refused(name, change, tmp_path):
    events, incidents = shops()
    asked = {"settings": STRICT, "budget": 1.0, "trials": 1, "study": tmp_path / "s", "progress": False}
    tune(events, incidents, **asked)
    with pytest.raises(TuneError, match=f"s: the trials in it are of another .*{name}") as refused:
        tune(events, incidents, **{**asked, **change})
    assert "\n" not in str(refused.value)


def test_a_study_of_another_log_or_other_incidents_is_refused(tmp_path):
    events, incidents = shops()
    asked = {"settings": STRICT, "trials": 1, "study": tmp_path / "s", "progress": False}
    tune(events, incidents, **asked)
    dearer = [*events[:-1], msgspec.structs.replace(events[-1], amount=1.0)]
    with pytest.raises(TuneError, match="of another log"):
        tune(dearer, incidents, **asked)
    with pytest.raises(TuneError, match="of another list of incidents"):
        tune(events, incidents.iloc[1:], **asked)


# --- What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budget": 0.0}, "--budget"),
        ({"budget": float("nan")}, "--budget"),
        ({"trials": 0}, "--trials"),
        ({"split": 1.0}, "--split"),
        ({"jobs": 0}, "--jobs"),
        ({"jobs": 2}, "give files, or jobs=1"),
        ({"detectors": ["stock_discrepancy"]}, "stock_discrepancy is not enabled"),
        ({"detectors": []}, "no enabled detector"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(change, message):
    events, incidents = shops()
    with pytest.raises(TuneError, match=message) as refused:
        tune(events, incidents, **{"settings": STRICT, "progress": False, **change})
    assert "\n" not in str(refused.value)


def test_unknown_detector_is_refused():
    with pytest.raises(SettingsError, match="unknown detector 'x'"):
        tune(*shops(), detectors=["x"])


def test_a_least_confidence_quiets_detectors_that_are_not_tuned():
    events, incidents = shops()
    settings = only("refund_burst", "refund_without_sale")
    options: dict[str, Any] = {
        "settings": settings, "detectors": ["refund_burst"], "trials": 3, "progress": False,
    }  # fmt: skip

    tuning = tune(events, incidents, budget=1.0, **options)

    assert rate(tuning, TUNED, "before") == 6
    assert rate(tuning, TUNED, "after") == rate(tuning, HELD_OUT, "after") == 1
    assert recall(tuning, HELD_OUT, "after") == 1
    assert 0 < tuning.settings.min_confidence < 1
    assert tuning.beats_base


def test_a_budget_that_nothing_keeps_is_refused_with_what_would_do():
    events, incidents = shops()
    settings = only("refund_burst", "refund_without_sale")
    # No least confidence quiets a detector whose alerts are all taken for right.
    sure = CaseSettings(confidence={"refund_without_sale": ScoreCurve(intercept=9.0)})
    message = r"\(refund_without_sale\) raise 5\.00 alerts a store-day, more than the budget of 0.5"
    with pytest.raises(TuneError, match=message):
        tune(
            events,
            incidents,
            settings=msgspec.structs.replace(settings, cases=sure),
            detectors=["refund_burst"],
            budget=0.5,
            trials=1,
            progress=False,
        )


def test_a_detector_is_switched_off_where_nothing_else_keeps_the_budget():
    events, incidents = shops()
    settings = only("refund_burst", "refund_without_sale")
    tuning = tune(events, incidents, settings=settings, budget=1.0, trials=12, progress=False)
    assert rate(tuning, TUNED, "after") <= 1
    assert recall(tuning, TUNED, "after") == 1
    assert tuning.changes["detectors.refund_without_sale.enabled"] == (True, False)
    assert "refund_without_sale.enabled: True -> False" in "\n".join(tuning.lines())
    assert tuning.beats_base
    assert not tuning.settings.detectors.refund_without_sale.enabled


def test_a_single_day_is_too_little():
    with pytest.raises(TuneError, match="1 day"):
        tune(*shops(days=1), settings=GOOD, progress=False)


def test_a_part_without_incidents_is_refused():
    events, incidents = shops()
    with pytest.raises(TuneError, match="held out, 2025-10-13 to 2025-10-14: more days, or another --split"):
        tune(events, incidents.iloc[:4], settings=GOOD, progress=False)
    with pytest.raises(TuneError, match="is this the truth of this log"):
        tune(events, incidents.assign(store_id="elsewhere"), settings=GOOD, progress=False)


# --- What belongs where --------------------------------------------------------------------------


def test_incidents_of_other_stores_and_times_are_left_out_and_counted():
    events, incidents = shops()
    other = incidents.head(2).assign(
        store_id=["store-1", "elsewhere"],
        start=pd.Timestamp("2030-01-01", tz="UTC"),
        end=pd.Timestamp("2030-01-01", tz="UTC"),
    )
    tuning = tune(events, pd.concat([incidents, other]), settings=GOOD, trials=1, progress=False)
    assert tuning.truth.incidents_left_out == 2
    assert recall(tuning, HELD_OUT, "before") == 1
    assert "Left out: 2 incidents of other stores or times." in tuning.lines()


def test_distractors_are_nothing_to_be_found():
    events, incidents = shops()
    honest = incidents.head(1).assign(
        transaction_ids=pd.Series([["store-1-0-honest-0", "store-1-0-honest-1"]]),
        employee_id="c-2",
        distractor=True,
    )
    every = pd.concat([incidents.assign(distractor=False), honest], ignore_index=True)
    tuning = tune(events, every, settings=GOOD, budget=2.0, trials=25, progress=False)
    assert recall(tuning, TUNED, "after") == 1
    assert tuning.settings.detectors == GOOD.detectors


def test_an_incident_that_goes_on_over_the_cut_is_held_out():
    def day(store, number, noon):
        events, truth = plain_day(store, number, noon)
        if number == 2:
            more = burst(store, f"{store}-more", noon + 2 * DAY, [120.0] * 3, "c-1")
            truth = [incident_of([*events[5:8], *more], scenario="slow")]
            return [*events, *more], truth
        return events, truth

    events, incidents = shops(day=day)
    tuning = tune(events, incidents, settings=GOOD, budget=3.0, trials=1, progress=False)
    assert "slow" in set(tuning.truth.incidents[HELD_OUT]["scenario"])
    assert "slow" not in set(tuning.truth.incidents[TUNED]["scenario"])
