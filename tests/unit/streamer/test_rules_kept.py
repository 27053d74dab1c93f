"""The rules in force are part of the state: they survive what is not committed, and what is."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import msgspec
import pytest

from retail_anomaly.contract import Run
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import POS_EVENTS, TillEvent
from retail_anomaly.replay.rules_log import PlacedChange
from retail_anomaly.rules import Rule, detector_class
from retail_anomaly.rules.changes import RuleChange
from retail_anomaly.rules.rule_detector import RuleDetector
from retail_anomaly.settings import Settings, build_engine, rules_of_settings, with_rules
from streamer.kafka.topic_plan import RULES
from streamer.observe.metrics import Metrics
from tests.support.brokerless import BrokerlessPipeline
from tests.support.events import DAY, MINUTE, T0
from tests.support.rule_changes import BETWEEN, content_of, replayed, rule_changes, till_events


@pytest.mark.parametrize("most_live", [3, 1_000], ids=["stores are read from disk again", "all in memory"])
def test_crashes_between_random_changes_and_events_change_no_alert(tmp_path: Path, most_live: int) -> None:
    rng = Random(most_live)
    events, made = till_events(1_500, rng), rule_changes(rng)
    placed: list[tuple[int, TillEvent | RuleChange]] = [(event.event_time, event) for event in events]
    placed += [(rng.choice(events).event_time - rng.randrange(1, BETWEEN), next(made)) for _ in range(120)]
    placed.sort(key=lambda each: each[0])
    settings = Settings()
    live: list[Alert] = []
    shadow: list[Alert] = []
    committed = at = 0

    while at < len(placed):
        pipeline = BrokerlessPipeline(
            build_engine(settings), tmp_path, rules=rules_of_settings(settings), most_live=most_live
        )
        at = committed
        for _ in range(rng.randrange(1, 300)):
            if at == len(placed):
                break
            time, value = placed[at]
            if isinstance(value, TillEvent):
                pipeline.send(POS_EVENTS, encode(value), value.store_id.encode(), time)
            else:
                pipeline.send(RULES, msgspec.json.encode(value), value.rule_id.encode(), time)
            at += 1
            if rng.random() < 0.02:
                pipeline.commit()
                committed = at
        live += pipeline.alerts
        shadow += pipeline.shadow_alerts
        pipeline.close()  # without a commit

    log = [
        PlacedChange(time, json.loads(msgspec.json.encode(value)))
        for time, value in placed
        if isinstance(value, RuleChange)
    ]
    assert (content_of(live), content_of(shadow)) == replayed(events, log)
    assert min(len(content_of(live)), len(content_of(shadow))) > 50


COUNTED = {"id": "opened", "events": {"e": {"eventType": "NO_SALE"}}, "window": "1h"}


def test_alerts_in_the_shadow_are_counted_apart(tmp_path: Path) -> None:
    rule = {**COUNTED, "by": ["cashierId"], "when": {"count": "e", "gte": 2}}
    settings = with_rules(Settings(), [rule, {**rule, "id": "loud", "status": "live"}])
    metrics = Metrics("run", "g")
    pipeline = BrokerlessPipeline(
        build_engine(settings), tmp_path, rules=rules_of_settings(settings), metrics=metrics
    )

    for minute in (0, 1):
        event = TillEvent("store-1", "c-1", "NO_SALE", T0 + minute * MINUTE)
        pipeline.send(POS_EVENTS, encode(event), b"store-1", event.event_time)
    pipeline.close()

    count = metrics.registry.get_sample_value
    assert [alert.type for alert in pipeline.alerts] == ["LOUD"]
    assert count("retail_shadow_alerts_total", {"type": "OPENED"}) == 1
    assert count("retail_shadow_alerts_total", {"type": "LOUD"}) is None
    assert count("retail_rule_alerts_total", {"rule": "opened", "version": "1", "status": "shadow"}) == 1


def test_alerts_are_counted_by_the_version_of_their_rule_up_to_a_limit() -> None:
    metrics = Metrics("run", "g")
    rule = Rule.load({**COUNTED, "by": ["cashierId"], "when": {"count": "e", "gte": 1}, "status": "live"})
    engine = Engine([detector_class(rule)(RuleDetector.Parameters(), DAY)])
    (alert,) = Run(engine).alerts([TillEvent("store-1", "c-1", "NO_SALE", T0)])

    for version in range(1_100):
        metrics.raised(msgspec.structs.replace(alert, evidence={**alert.evidence, "version": version}))

    count = metrics.registry.get_sample_value
    labels = {"rule": "opened", "status": "live"}
    assert count("retail_rule_alerts_total", {**labels, "version": "999"}) == 1
    assert count("retail_rule_alerts_total", {**labels, "version": "1000"}) is None
    assert count("retail_rule_alerts_total", {"rule": "", "version": "", "status": "live"}) == 100
