"""The processor time that the models add to the rules.

They work at refunds and at the end of quarters of an hour, so their share depends on how much a store sells.
The benchmark replays simulated weeks of small and large stores, decoded beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial

from benchmarks.figures import Figure, medians
from data_gen import Simulation
from data_gen.world import VOLUMES
from retail_anomaly.core.events import Event, PosEvent
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import Settings, build_engine

RULES = tuple(build_engine(Settings()).config_hashes)
DAYS = 28


def figures(*, repeat: int) -> Iterator[Figure]:
    """Measure a store of each volume, then the average over all their events."""
    rules = both = lines = 0.0
    for volume in VOLUMES:
        events = list(Simulation(stores=1, days=DAYS, seed=7, volumes=(volume,)).events())
        count = sum(isinstance(event, PosEvent) for event in events)
        if not lines:
            _spent(events, tuple(REGISTRY))  # warms up
        costs = medians(
            repeat, rules=partial(_spent, events, RULES), both=partial(_spent, events, tuple(REGISTRY))
        )
        rules, both, lines = rules + costs["rules"]["us"], both + costs["both"]["us"], lines + count
        yield _figure(f"a {volume} store", costs["rules"]["us"] / count, costs["both"]["us"] / count)
    yield _figure("all three", rules / lines, both / lines)
    yield Figure("replay", "both models alone, all three", "CPU us a POS event", (both - rules) / lines)


def _figure(store: str, rules: float, both: float) -> Figure:
    return Figure(
        "replay", f"rules and models, {store}; floor: five rules", "CPU us a POS event", both, rules
    )


def _spent(events: Sequence[Event], detectors: Sequence[str]) -> dict[str, float]:
    """Return the microseconds that a replay of decoded events takes."""
    engine = build_engine(Settings(), detectors)
    began = time.process_time()
    for _ in replay_events(events, engine):
        pass
    return {"us": (time.process_time() - began) * 1e6}
