"""A detector of River in place of a packaged model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from retail_anomaly import load_settings, replay
from retail_anomaly.cli import main
from retail_anomaly.contract import Run
from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.models.river_judges import REFUND_FEATURES, SALES_FEATURES
from retail_anomaly.settings import SettingsError
from streamer import cli as streamer
from tests.support.events import DAY, HOUR
from tests.support.runs import alerts_of, engine_of
from tests.support.usual import BURST, MONDAY, OUTAGE, STORE, weeks
from tests.unit.models import detectors_to_choose

HERE = detectors_to_choose.__name__
MODELS = ("refund_deviation", "sales_deviation")
GAUSSIAN: dict[str, Any] = {"model": "river.anomaly.GaussianScorer", "model_parameters": {"grace_period": 20}}
TREES: dict[str, Any] = {
    "model": "river.anomaly.HalfSpaceTrees",
    "model_parameters": {"n_trees": 15, "height": 6, "window_size": 100},
    "scaler": "river.preprocessing.MinMaxScaler",
}
SVM = """
detectors:
  refund_deviation:
    enabled: true
    model: river.anomaly.OneClassSVM
    model_parameters: {nu: 0.2}
    scaler: river.preprocessing.StandardScaler
    false_alarms: 0.05
"""


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.jsonl"
    other = [  # another store, so that two processes have something to share
        line.replace(STORE.encode(), b"store-other")
        for line in (b'{"topic": "%b", "value": %b}\n' % (topic_of(e).encode(), encode(e)) for e in weeks(2))
    ]
    own = [b'{"topic": "%b", "value": %b}\n' % (topic_of(e).encode(), encode(e)) for e in weeks()]
    path.write_bytes(b"".join(own + other))
    return path


@pytest.fixture
def config(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "config.yaml"
        path.write_text(text)
        return str(path)

    return write


def days_of(alerts):
    return [(alert.event_time - MONDAY) // DAY for alert in alerts]


def test_gaussian_scorer_finds_the_day_of_many_refunds_and_says_by_what():
    alerts = alerts_of(engine_of("refund_deviation", **GAUSSIAN), *weeks())
    burst = [alert for alert in alerts if days_of([alert]) == [BURST]]
    evidence = burst[-1].evidence
    assert burst[-1].employee_id == "c-1"
    assert evidence["model"] == "river.anomaly.GaussianScorer"
    assert evidence["modelParameters"] == {"grace_period": 20}
    assert evidence["scaler"] is None
    assert tuple(evidence["features"]) == REFUND_FEATURES
    assert evidence["features"]["refunds"] == evidence["observed"] > evidence["expected"]
    assert (evidence["component"], set(evidence["pValues"])) == ("model", {"model"})
    assert burst[-1].risk_score == pytest.approx(1 - evidence["chance"], abs=1e-3)
    assert "chosen model" in burst[-1].message


def test_half_space_trees_behind_a_scaler_find_something_in_sales_and_say_by_what():
    alerts = alerts_of(engine_of("sales_deviation", **TREES, false_alarms=0.02), *weeks())
    evidence = alerts[-1].evidence
    assert (evidence["model"], evidence["scaler"]) == (TREES["model"], TREES["scaler"])
    assert tuple(evidence["features"]) == SALES_FEATURES
    assert evidence["features"]["two_hours"] == evidence["observed"]
    assert evidence["features"]["usual_two_hours"] == pytest.approx(evidence["expected"], abs=1e-3)


def test_outage_is_a_drop_and_its_features_are_those_of_the_quarter():
    alerts = alerts_of(engine_of("sales_deviation", **GAUSSIAN, false_alarms=0.02), *weeks())
    outage = [alert for alert in alerts if days_of([alert]) == [OUTAGE]]
    assert {alert.evidence["direction"] for alert in outage} == {"drop"}
    for alert in outage:
        assert alert.evidence["features"]["time"] == (alert.event_time - MONDAY) % DAY / HOUR - 0.25
        assert alert.evidence["features"]["weekday"] == OUTAGE % 7


@pytest.mark.parametrize(
    ("name", "model", "subjects_a_day"), [("refund_deviation", GAUSSIAN, 3), ("sales_deviation", TREES, 32)]
)
def test_threshold_is_a_false_alarm_rate_whatever_the_detectors_own_scale(name, model, subjects_a_day):
    """Scores are counted for sales, because an episode spans many quarters."""
    days, share = 70, 0.05
    scores: list[float] = []
    engine = engine_of(name, **model, false_alarms=share)
    engine.detectors[0].listener = lambda score: None if score.score is None else scores.append(score.score)
    run = Run(engine)
    subjects = set()
    for event in weeks(days=days, strange=False):
        for alert in run.step(event):
            subjects.add((alert.employee_id, alert.evidence.get("day")))
    if name == "refund_deviation":
        assert len(subjects) <= 2 * share * subjects_a_day * (days - 14)
        assert subjects
    else:
        assert 0.5 * share <= sum(score >= 1 - share for score in scores) / len(scores) <= 2 * share


def test_chosen_by_a_file_it_runs_in_replay_and_two_processes_find_the_same(log, config, capsys):
    path = config(SVM)
    result = replay(str(log), settings=load_settings(path), detectors=["refund_deviation"])
    evidence = result.alerts["evidence"].iloc[-1]
    assert evidence["model"] == "river.anomaly.OneClassSVM"
    assert evidence["scaler"] == "river.preprocessing.StandardScaler"

    assert main(["replay", str(log), "--config", path, "--jobs", "1"]) == 0
    alone = [json.loads(line) | {"detectedAt": 0} for line in capsys.readouterr().out.splitlines()]
    assert main(["replay", str(log), "--config", path, "--jobs", "2"]) == 0
    shared = [json.loads(line) | {"detectedAt": 0} for line in capsys.readouterr().out.splitlines()]
    assert shared == alone
    assert {alert["storeId"] for alert in alone if alert["detector"] == "refund_deviation"} == {
        STORE,
        "store-other",
    }


def test_what_is_no_number_is_no_score_and_teaches_the_rank_nothing():
    alerts = alerts_of(engine_of("refund_deviation", model=f"{HERE}.Refunds", false_alarms=0.2), *weeks())
    assert alerts
    assert all(alert.evidence["features"]["refunds"] != 3 for alert in alerts)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_detector_that_fails_on_data_ends_the_replay_in_one_line(log, config, capsys, jobs):
    path = config(f"detectors: {{refund_deviation: {{enabled: true, model: {HERE}.Breaking}}}}")
    assert main(["replay", str(log), "--config", path, "--jobs", jobs]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"retail-anomaly: {HERE}.Breaking failed on {{'excess': ")
    assert said.endswith("LookupError: no neighbours\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", MODELS)
def test_an_unfit_choice_names_file_line_and_key(config, name):
    path = config(f"detectors:\n  {name}:\n    model: river.anomaly.HalfSpaceTree\n")
    with pytest.raises(SettingsError, match=f":3: detectors.{name}.model: there is no river.anomaly.Half"):
        load_settings(path)
    path = config(
        f"detectors:\n  {name}:\n    model: {TREES['model']}\n    model_parameters: {{n_tree: 1}}\n"
    )
    with pytest.raises(SettingsError, match=f":4: detectors.{name}.model_parameters: TypeError: .*n_tree"):
        load_settings(path)
    path = config(f"detectors:\n  {name}:\n    scaler: {TREES['scaler']}\n")
    with pytest.raises(SettingsError, match=f":3: detectors.{name}.scaler: goes with a model of River"):
        load_settings(path)


def test_parameters_can_come_from_the_environment_and_are_shown(config, capsys, monkeypatch):
    monkeypatch.setenv("RETAIL__DETECTORS__REFUND_DEVIATION__MODEL_PARAMETERS__NU", "0.3")
    assert main(["config", "show", "--config", config(SVM)]) == 0
    rows = dict(line.split("\t", 1) for line in capsys.readouterr().out.splitlines())
    assert rows["detectors.refund_deviation.model_parameters.nu"] == (
        "0.3\tenvironment RETAIL__DETECTORS__REFUND_DEVIATION__MODEL_PARAMETERS__NU"
    )
    assert rows["detectors.refund_deviation.model"].startswith("river.anomaly.OneClassSVM\tfile ")
    assert rows["detectors.sales_deviation.model_parameters"] == "{}\tdefault"


@pytest.mark.usefixtures("restored_log")
def test_the_check_and_the_streamer_accept_it(config, capsys, monkeypatch):
    monkeypatch.setattr("streamer.kafka.topics._TIMEOUT_S", 0.5)
    path = config(SVM)
    assert main(["config", "check", path]) == 0
    assert capsys.readouterr().out == f"{path}: all right\n"
    # It gets as far as looking for Kafka.
    assert streamer.main(["run", "--config", path, "--broker", "no:1"]) == 1
    assert "no:1" in capsys.readouterr().err


def test_packaged_models_name_no_model_in_their_evidence():
    for name in MODELS:
        alerts = alerts_of(engine_of(name), *weeks())
        assert alerts
        assert all("model" not in alert.evidence for alert in alerts)
