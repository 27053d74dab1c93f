"""The rules in force are part of the state: they survive what is not committed, and what is."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import msgspec
import pytest

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import POS_EVENTS, TillEvent
from retail_anomaly.replay.rules_log import PlacedChange
from retail_anomaly.rules.changes import RuleChange
from retail_anomaly.settings import Settings, build_engine, rules_of_settings
from streamer.kafka.topic_plan import RULES
from tests.support.brokerless import BrokerlessPipeline
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
