"""A simulated day as Kafka records, and the alerts that it must give."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from data_gen import Simulation
from data_gen.world import recorded_at
from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import ALERTS
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import Settings, build_engine
from tests.kafka import Record, consume
from tests.support.waiting import PATIENCE_S

Content = dict[tuple[str, int], dict[str, Any]]

_replayed: dict[int, tuple[Simulation, Content]] = {}


def records(simulation: Simulation) -> list[Record]:
    """Return the events in order of arrival, as a careful producer sends them."""
    return [
        Record(topic_of(event), encode(event), event.store_id.encode(), timestamp=recorded_at(event))
        for event in simulation.events()
    ]


def expected(simulation: Simulation) -> Content:
    """Return the alerts of a replay over the events in order of arrival; a simulation is replayed once."""
    if id(simulation) not in _replayed:
        alerts = replay_events(simulation.events(), build_engine(Settings()))
        # With the simulation itself: no other one can have its id.
        _replayed[id(simulation)] = simulation, by_key(json.loads(encode(alert)) for alert in alerts)
    return _replayed[id(simulation)][1]


def alerts_in(address: str, at_least: int = 0) -> Content:
    """Return the alerts of the topic; those that stand in it twice must be equal."""
    found = consume(address, ALERTS, at_least=at_least, timeout=PATIENCE_S)
    return by_key(json.loads(record.value or b"null") for record in found)


def by_key(alerts: Iterable[dict[str, Any]]) -> Content:
    found: Content = {}
    for alert in alerts:
        del alert["detectedAt"]
        key = alert["alertId"], alert["revision"]
        assert found.setdefault(key, alert) == alert, "one alert, two contents"
    return found
