"""What the rules about refunds find and cost: ``python -m benchmarks.refund_worlds``.

`match`: `refund_match` with each setting on worlds of its two scenarios, on honest trade, and on honest
trade with everything that only looks unusual. `sale`: `refund_without_sale` with its defaults on honest
stores whose log is longer than its memory, and why the sales of its alerts are not known.

The seeds were written down before the first run on them, and nothing was designed or changed on them.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from data_gen import SCENARIOS, Simulation
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import Event, PosEvent, TillEvent
from retail_anomaly.core.incidents import Incident
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.detector import Duration
from retail_anomaly.detectors import REGISTRY

DAY: Final = 86_400_000
MEMORY: Final = 90 * DAY
SEEDS: Final = (8801, 8802, 8803, 8804)
SEED_OF_SALES: Final = 8811
HIGH_RISK: Final = 0.9
Parameters = dict[str, Any]

SETTINGS: Final[dict[str, Parameters]] = {
    "defaults": {},
    "quick: 30m": {"quick": Duration(30 * 60_000)},
    "tender_switch: true": {"tender_switch": True},
}
SOUGHT: Final = ("over_refund", "own_sale_reversal")
HONEST: Final = tuple(scenario for scenario in SCENARIOS.values() if scenario.distractor)


def first_alerts(events: Iterable[Event], rules: list[tuple[str, Parameters]]) -> Iterator[tuple[int, Alert]]:
    """Replay a world once for several rules; yield the number of the rule and each new alert."""
    detectors = [REGISTRY[name](REGISTRY[name].Parameters(**given), max_late=DAY) for name, given in rules]
    engines = [Engine([detector]) for detector in detectors]
    stores: list[dict[str, StoreMemory]] = [{} for _ in engines]
    for event in events:
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
        for number, alert in first_alerts(sought.events(), rules):
            alerts[number].append(alert)
        for incident in sought.incidents:
            begun[incident.scenario] += 1
            for number, own in enumerate(alerts):
                found[number, incident.scenario] += is_found(incident, own)
        honest.update(n for n, _ in first_alerts(world(scenarios=[]).events(), rules))
        unusual.update(n for n, _ in first_alerts(world(scenarios=HONEST).events(), rules))
    store_days = stores * days * len(SEEDS)
    print(f"refund_match, {len(SEEDS)} seeds, {stores} stores, {days} days:")
    print(f"| | {' | '.join(SOUGHT)} | honest trade, alerts a store-day | with all honest scenarios |")
    print("| --- | --- | --- | --- | --- |")
    for number, name in enumerate(SETTINGS):
        shares = " | ".join(f"{found[number, s]} of {begun[s]}" for s in SOUGHT)
        costs = f"{honest[number] / store_days:.3f} | {unusual[number] / store_days:.3f}"
        print(f"| `{name}` | {shares} | {costs} |")


def without_sale(stores: int, days: int, seed: int, *, earlier: bool) -> None:
    simulation = Simulation(stores=stores, days=days, seed=seed, scenarios=[], earlier=earlier)
    since = datetime(*simulation.start.timetuple()[:3], tzinfo=UTC).timestamp() * 1_000 + MEMORY
    refunds, counts, why = Counter[bool](), Counter[str](), Counter[str]()
    sold: dict[tuple[str, str], int] = {}

    def noted() -> Iterator[Event]:
        for event in simulation.events():
            if isinstance(event, PosEvent) and event.event_type == "SALE":
                sold[event.store_id, event.transaction_id] = event.event_time
            elif isinstance(event, PosEvent) and event.event_type == "REFUND":
                refunds[event.event_time > since] += 1
            yield event

    for _, alert in first_alerts(noted(), [("refund_without_sale", {})]):
        counts["all"] += 1
        if alert.event_time > since:
            counts["late"] += 1
            if alert.risk_score >= HIGH_RISK:
                counts["high"] += 1
                why[why_unknown(alert, sold)] += 1
    late = stores * (days - MEMORY // DAY)
    kind = "with" if earlier else "without"
    print(f"refund_without_sale, seed {seed}, {stores} honest stores, {days} days, {kind} earlier sales:")
    print(f"  alerts a store-day                         {counts['all'] / (stores * days):.3f}")
    print(f"  after day 90                               {counts['late'] / late:.3f}")
    print(f"  after day 90, risk {HIGH_RISK} or more             {counts['high'] / late:.3f}")
    for reason, count in why.most_common():
        print(f"    {reason:<40} {count / late:.3f}")
    print(f"  refund lines after day 90, a store-day     {refunds[True] / late:.3f}")


def why_unknown(alert: Alert, sold: Mapping[tuple[str, str], int]) -> str:
    """Say why an honest refund has no sale that the rule knows."""
    named = alert.evidence.get("originalTransactionId")
    at = sold.get((alert.store_id, named or alert.evidence["transactionId"]))
    if at is not None:
        return "sold longer ago than the memory" if alert.event_time - at > MEMORY else "sold within it"
    return "sold before the log begins" if named else "no receipt"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refund_worlds", description=__doc__)
    parser.add_argument("parts", nargs="*", default=["match", "sale"], help="match, sale; by default both")
    parser.add_argument("--stores", type=int, default=20, help="honest stores of the part `sale`")
    parser.add_argument("--days", type=int, default=120, help="their days")
    parser.add_argument("--seed", type=int, default=SEED_OF_SALES, help="their seed")
    parser.add_argument("--earlier", action="store_true", help="goods sold before the log come back too")
    options = parser.parse_args()
    if "match" in options.parts:
        compare_settings(stores=3, days=60)
    if "sale" in options.parts:
        without_sale(options.stores, options.days, options.seed, earlier=options.earlier)


if __name__ == "__main__":
    main()
