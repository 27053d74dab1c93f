"""What the rules about refunds find and cost: ``python -m benchmarks.refund_worlds``.

`match`: `refund_match` with each setting on worlds of its two scenarios, on honest trade, and on honest
trade with everything that only looks unusual. `sale`: `refund_without_sale` with its defaults on honest
stores whose log is longer than its memory. No rule was designed on these seeds.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from data_gen import SCENARIOS, Simulation
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import PosEvent, TillEvent
from retail_anomaly.core.incidents import Incident
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.detector import Duration
from retail_anomaly.detectors import REGISTRY

DAY: Final = 86_400_000
SEEDS: Final = (5101, 5102, 5103, 5104)
HIGH_RISK: Final = 0.9
Parameters = dict[str, Any]

SETTINGS: Final[dict[str, Parameters]] = {
    "defaults": {},
    "quick: 30m": {"quick": Duration(30 * 60_000)},
    "tender_switch: true": {"tender_switch": True},
}
SOUGHT: Final = ("over_refund", "own_sale_reversal")
HONEST: Final = tuple(scenario for scenario in SCENARIOS.values() if scenario.distractor)


def first_alerts(simulation: Simulation, rules: list[tuple[str, Parameters]]) -> Iterator[tuple[int, Alert]]:
    """Replay a world once for several rules; yield the number of the rule and each new alert."""
    detectors = [REGISTRY[name](REGISTRY[name].Parameters(**given), max_late=DAY) for name, given in rules]
    engines = [Engine([detector]) for detector in detectors]
    stores: list[dict[str, StoreMemory]] = [{} for _ in engines]
    for event in simulation.events():
        if isinstance(event, PosEvent | TillEvent):
            for number, engine in enumerate(engines):
                store = stores[number].get(event.store_id)
                if store is None:
                    store = stores[number][event.store_id] = engine.new_store(event.store_id)
                for alert in engine.process(event, store):
                    if alert.revision == 1:
                        yield number, alert


def is_found(incident: Incident, alerts: list[Alert]) -> bool:
    receipts = set(incident.transaction_ids)
    return any(alert.evidence["transactionId"] in receipts for alert in alerts)


def compare_settings(stores: int, days: int) -> None:
    rules = [("refund_match", given) for given in SETTINGS.values()]
    begun, found = Counter[str](), Counter[tuple[int, str]]()
    honest, unusual = Counter[int](), Counter[int]()
    for seed in SEEDS:
        world = partial(Simulation, stores=stores, days=days, seed=seed)
        sought = world(scenarios=[SCENARIOS[name] for name in SOUGHT], distractor_rate=0)
        alerts: list[list[Alert]] = [[] for _ in rules]
        for number, alert in first_alerts(sought, rules):
            alerts[number].append(alert)
        for incident in sought.incidents:
            begun[incident.scenario] += 1
            for number, own in enumerate(alerts):
                found[number, incident.scenario] += is_found(incident, own)
        honest.update(n for n, _ in first_alerts(world(scenarios=[]), rules))
        unusual.update(n for n, _ in first_alerts(world(scenarios=HONEST), rules))
    store_days = stores * days * len(SEEDS)
    print(f"refund_match, {len(SEEDS)} seeds, {stores} stores, {days} days:")
    print(f"| | {' | '.join(SOUGHT)} | honest trade, alerts a store-day | with all honest scenarios |")
    print("| --- | --- | --- | --- | --- |")
    for number, name in enumerate(SETTINGS):
        shares = " | ".join(f"{found[number, s]} of {begun[s]}" for s in SOUGHT)
        costs = f"{honest[number] / store_days:.3f} | {unusual[number] / store_days:.3f}"
        print(f"| `{name}` | {shares} | {costs} |")


def without_sale(stores: int, days: int) -> None:
    simulation = Simulation(stores=stores, days=days, seed=SEEDS[0], scenarios=[])
    begins = 0
    counts = Counter[str]()
    for _, alert in first_alerts(simulation, [("refund_without_sale", {})]):
        begins = begins or alert.event_time - int(alert.evidence["historyDays"] * DAY)
        after = alert.event_time - begins > 90 * DAY
        counts["all"] += 1
        counts["after day 90"] += after
        counts["of high risk"] += after and alert.risk_score >= HIGH_RISK
    late = stores * (days - 90)
    print(f"refund_without_sale, {stores} honest stores, {days} days:")
    print(f"  alerts a store-day                         {counts['all'] / (stores * days):.3f}")
    print(f"  after day 90                               {counts['after day 90'] / late:.3f}")
    print(f"  after day 90, risk {HIGH_RISK} or more             {counts['of high risk'] / late:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refund_worlds", description=__doc__)
    parser.add_argument("parts", nargs="*", default=["match", "sale"], help="match, sale; by default both")
    parser.add_argument("--stores", type=int, default=20, help="honest stores of the part `sale`")
    options = parser.parse_args()
    if "match" in options.parts:
        compare_settings(stores=3, days=60)
    if "sale" in options.parts:
        without_sale(stores=options.stores, days=120)


if __name__ == "__main__":
    main()
