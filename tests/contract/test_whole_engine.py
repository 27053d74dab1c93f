"""Detectors in one engine: some look at what another has found, and a restart must not come between them."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings

from retail_anomaly.contract import RestartingRun, Run
from retail_anomaly.core.codec import decode
from retail_anomaly.detectors import REGISTRY
from tests.golden import cases
from tests.support.logs import MAX_LATE, logs
from tests.support.runs import engine_of
from tests.support.usual import weeks

SOON: Any = {"refund_deviation": {"false_alarms": 0.3, "learn_days": 2}}


@settings(max_examples=20)
@given(logs("refunds"))
def test_engine_of_all_detectors_survives_a_restart_after_every_event(log):
    def engine():
        return engine_of(*REGISTRY, max_late=MAX_LATE, dedupe_memory=MAX_LATE, **SOON)

    whole, parts = Run(engine()), RestartingRun(engine())
    for event in log:
        assert parts.step(event) == whole.step(event)
        parts.restart()


def test_engine_of_all_detectors_repeats_over_the_golden_events_after_restarts():
    golden = [*(decode(topic, raw) for topic, raw in cases.records("random_2000")), *weeks()]
    rng = Random(2)
    whole, parts = Run(engine_of(*REGISTRY, **SOON)), RestartingRun(engine_of(*REGISTRY, **SOON))
    raised = set()
    for event in golden:
        alerts = whole.step(event)
        assert parts.step(event) == alerts
        raised |= {alert.detector for alert in alerts}
        if rng.random() < 0.02:
            parts.restart()
    assert raised >= {"refund_match", "refund_deviation"}
