"""What links of refunds to sales add to `refund_deviation`: ``python -m benchmarks.refund_links``.

`refund_match` finds the sale of a refund, and the model counts how refunds stand to it: by the same cashier
within half an hour, cash for a card sale, more than was sold. Each world is replayed with that rule and
without it. The first weeks do not count, since the model learns in them.

The seeds were written down before the first run on them, and nothing was designed or changed on them.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from benchmarks.refund_worlds import DAY, HONEST, SOUGHT
from data_gen import SCENARIOS, Simulation
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import PosEvent, ShiftEvent
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.detectors import REGISTRY

SEEDS: Final = (8831, 8832, 8833, 8834)
LEARNED: Final = 16
"""Days that do not count."""
STORES, DAYS = 3, 56
MODEL: Final = "refund_deviation"
LINEUPS: Final = {"without links": (MODEL,), "with links": ("refund_match", MODEL)}
OWN: Final = tuple(name for name, scenario in SCENARIOS.items() if scenario.detector == MODEL)
WORLDS: Final = (*((name,) for name in SOUGHT), OWN)
"""The scenarios of each world: what the links show has a world to itself."""


def learned_at(world: Simulation) -> int:
    """Return the end of the days that do not count, in epoch milliseconds."""
    return int(datetime(*world.start.timetuple()[:3], tzinfo=UTC).timestamp() * 1_000) + LEARNED * DAY


def alerts_of(world: Simulation) -> dict[str, list[Alert]]:
    """Return the model's alerts by lineup, in their last revision, those of the first weeks apart."""
    since = learned_at(world)
    engines = {
        name: Engine([REGISTRY[each](REGISTRY[each].Parameters(), max_late=DAY) for each in lineup])
        for name, lineup in LINEUPS.items()
    }
    stores: dict[str, dict[str, StoreMemory]] = {name: {} for name in engines}
    alerts: dict[str, dict[str, Alert]] = {name: {} for name in engines}
    for event in world.events():
        if isinstance(event, PosEvent | ShiftEvent):
            for name, engine in engines.items():
                store = stores[name].get(event.store_id)
                if store is None:
                    store = stores[name][event.store_id] = engine.new_store(event.store_id)
                for alert in engine.process(event, store):
                    if alert.type == "REFUND_DEVIATION" and alert.event_time >= since:
                        alerts[name][alert.alert_id] = alert
    return {name: list(found.values()) for name, found in alerts.items()}


def compare(seeds: Sequence[int]) -> None:
    """Print the incidents found and the honest alerts, with the links and without."""
    begun, found = Counter[str](), Counter[tuple[str, str]]()
    honest, unusual = Counter[str](), Counter[str]()
    for seed in seeds:
        world = partial(Simulation, stores=STORES, days=DAYS, seed=seed)
        for sought in WORLDS:
            sold = world(scenarios=[SCENARIOS[name] for name in sought], distractor_rate=0)
            for name, alerts in alerts_of(sold).items():
                seen = {receipt for alert in alerts for receipt in alert.evidence["transactionIds"]}
                for incident in sold.incidents:
                    if incident.start >= learned_at(sold):
                        begun[incident.scenario] += name == "with links"
                        found[name, incident.scenario] += not seen.isdisjoint(incident.transaction_ids)
        honest.update({name: len(alerts) for name, alerts in alerts_of(world(scenarios=[])).items()})
        unusual.update({name: len(alerts) for name, alerts in alerts_of(world(scenarios=HONEST)).items()})
    store_days = STORES * (DAYS - LEARNED) * len(seeds)
    print(f"refund_deviation, {len(seeds)} seeds, {STORES} stores, days {LEARNED} to {DAYS}:")
    print("| | without links | with links |\n| --- | --- | --- |")
    for scenario in (*SOUGHT, *OWN):
        shares = (f"{found[name, scenario]} of {begun[scenario]}" for name in LINEUPS)
        print(f"| `{scenario}` | {' | '.join(shares)} |")
    for what, counts in {"honest trade": honest, "with all honest scenarios": unusual}.items():
        rates = (f"{counts[name] / store_days:.3f}" for name in LINEUPS)
        print(f"| {what}, alerts a store-day | {' | '.join(rates)} |")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refund_links", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS, help="the seeds of the worlds")
    compare(parser.parse_args().seeds)


if __name__ == "__main__":
    main()
