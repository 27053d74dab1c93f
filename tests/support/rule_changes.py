"""Random events of tills, and random changes of rules about them, some of them bad."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import TillEvent
from retail_anomaly.replay import Replay
from retail_anomaly.replay.rules_log import PlacedChange, RunningRules
from retail_anomaly.rules.changes import RuleChange
from retail_anomaly.settings import Settings, build_engine, rules_of_settings
from tests.support.simulated import Content, by_key

START = 1_760_000_000_000
BETWEEN = 10_000
"""Milliseconds between two events: a change has a place of its own."""
CONDITIONS: list[dict[str, Any]] = [
    {"when": {"count": "drawer", "gte": 2}},
    {"when": {"sum": "paid.amount", "gte": 50}},
    {"when": {"sequence": ["drawer", "paid"]}},
]


def till_events(count: int, rng: Random) -> list[TillEvent]:
    return [
        TillEvent(
            f"store-{rng.randrange(9)}",
            f"c-{rng.randrange(3)}",
            rng.choice(["NO_SALE", "PAID_OUT", "CASH_COUNT"]),
            START + BETWEEN * number,
            event_id=f"e-{number}",
            amount=float(rng.randrange(1, 40)),
        )
        for number in range(count)
    ]


def rule_changes(rng: Random) -> Iterator[RuleChange]:
    """Yield changes without an end."""
    versions = dict.fromkeys("abc", 0)
    while True:
        name = rng.choice("abc")
        if rng.random() < 0.4:
            action: Any = rng.choice(["promote", "promote", "shadow", "off"])
            yield RuleChange(action, "kim", START, id=name)
            continue
        # An older version is refused, and so is other content under the same one.
        versions[name] = max(0, versions[name] + rng.choice([1, 1, 1, 0, -1]))
        rule = {
            "id": name,
            "version": versions[name],
            "status": rng.choice(["live", "live", "shadow"]),
            "events": {"drawer": {"eventType": "NO_SALE"}, "paid": {"eventType": "PAID_OUT"}},
            "by": ["cashierId"],
            "window": rng.choice(["10m", "10m", "30m"]),
            **CONDITIONS["abc".index(name)],
        }
        if rule["status"] == "shadow" and rng.random() < 0.5:
            del rule["status"]  # which is the default
        yield RuleChange("push", "kim", START, rule=rule)


def replayed(events: Sequence[TillEvent], log: Sequence[PlacedChange]) -> tuple[Content, Content]:
    """Return the alerts of a replay with a log of changes, and those in the shadow."""
    settings, shadow = Settings(), list[Alert]()
    run = Replay(build_engine(settings), shadow.append, RunningRules(rules_of_settings(settings), log))
    live = list(run.alerts(events))
    return content_of(live), content_of(shadow)


def content_of(alerts: Sequence[Alert]) -> Content:
    return by_key(json.loads(encode(alert)) for alert in alerts)
