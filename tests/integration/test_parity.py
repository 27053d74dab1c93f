"""One log, every host: the same alerts to the last piece of evidence."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

from data_gen import Simulation
from retail_anomaly.core.codec import encode, topic_of
from tests.golden.cases import Host, Record
from tests.support.runs import alerts_of_raw
from tests.support.usual import weeks
from tests.unit.models import detectors_to_choose


@cache
def simulated_day() -> list[Record]:
    return [(topic_of(event), encode(event)) for event in Simulation(stores=2, seed=11).events()]


# A store for each: trees, a distribution, a forest that classifies, a pipeline with a scaler.
HERE = detectors_to_choose.__name__
RIVER = f"""
detectors:
  refund_deviation: {{enabled: true, learn_days: 5, false_alarms: 0.3}}
  sales_deviation: {{enabled: true, learn_days: 5, false_alarms: 0.05}}
stores:
  trees: {{detectors: {{refund_deviation: {{
    model: river.anomaly.HalfSpaceTrees,
    model_parameters: {{n_trees: 4, height: 4, window_size: 20}},
    scaler: river.preprocessing.MinMaxScaler}}}}}}
  gaussian: {{detectors: {{sales_deviation: {{
    model: river.anomaly.GaussianScorer, model_parameters: {{grace_period: 20}}, false_alarms: 0.2}}}}}}
  forest: {{detectors: {{refund_deviation: {{model: {HERE}.Surprise}}}}}}
  pipeline: {{detectors: {{sales_deviation: {{
    model: {HERE}.scaled_trees, model_parameters: {{n_trees: 2}}}}}}}}
"""


@cache
def four_stores() -> list[Record]:
    events = [
        msgspec.structs.replace(event, store_id=store)
        for event in weeks(days=16, strange=False)
        for store in ("trees", "gaussian", "forest", "pipeline")
    ]
    return [(topic_of(event), encode(event)) for event in events]


def test_models_of_river_give_equal_alerts_in_every_host(host: Host, tmp_path: Path) -> None:
    config = tmp_path / "river.yaml"
    config.write_text(RIVER)
    expected = alerts_of_raw(four_stores(), config)

    alerts = host(four_stores(), config)

    assert {a.key: (a.risk_score, a.evidence) for a in alerts} == {
        a.key: (a.risk_score, a.evidence) for a in expected
    }
    assert {(a.store_id, a.evidence["model"]) for a in alerts if "model" in a.evidence} == {
        ("trees", "river.anomaly.HalfSpaceTrees"),
        ("gaussian", "river.anomaly.GaussianScorer"),
        ("forest", f"{HERE}.Surprise"),
        ("pipeline", f"{HERE}.scaled_trees"),
    }


def test_a_simulated_day_gives_equal_alerts_in_every_host(host: Host) -> None:
    def content(alerts):
        return {a.key: (a.type, a.risk_score, a.event_time, a.message, a.evidence) for a in alerts}

    alerts = host(simulated_day())

    assert content(alerts) == content(alerts_of_raw(simulated_day()))
    assert len({alert.type for alert in alerts}) == 6
