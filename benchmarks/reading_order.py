"""How many incidents each order of reading finds: ``python -m benchmarks.reading_order``.

Months of several stores are simulated and replayed. At the end of each day people read so many cases for each
store and judge their alerts by the truth; every order reads the same number of cases. Single alerts, without
cases, are the order of a plain table of alerts: there a reading is one alert. The priors of the last
order are the precision of each type over the tuning seeds; all figures are of the report seeds. A ratio has a
bootstrap interval over these seeds: each seed is one world.

The worlds come from the simulator, and so does the truth. Whoever reads a real case may be wrong, and takes
longer for one case than for another.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from data_gen import Simulation
from retail_anomaly.cases import Action, Case, Precision, Prior, Triage, prioritised, reading_order
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.evaluate.match import match_pairs
from retail_anomaly.frames.alerts import alerts_frame
from retail_anomaly.frames.incidents import incidents_frame
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import Settings, build_engine

DAY: Final = 86_400_000
RATES: Final = (0.1, 0.25, 0.5)
Order = Callable[[list[Case], Precision], list[Case]]
Priors = Mapping[str, Prior]


@dataclass(frozen=True)
class JudgedWorld:
    """The alerts of one seed, and the incidents that each alert is about."""

    stores: int
    alerts: list[Alert]
    incidents: dict[str, frozenset[int]]


def world_of(
    seed: int, stores: int, days: int, settings: Settings | None = None, **world: Any
) -> JudgedWorld:
    """Simulate a seed and replay it."""
    simulation = Simulation(stores=stores, days=days, seed=seed, **world)
    alerts = list(replay_events(simulation.events(), build_engine(settings or Settings())))
    truth = incidents_frame(simulation.incidents)
    pairs = match_pairs(alerts_frame(alerts), truth)
    pairs = pairs[~truth["distractor"].to_numpy()[pairs["incident"].to_numpy()]]
    about = pairs.groupby("alert_id")["incident"].agg(frozenset)
    return JudgedWorld(stores, sorted(alerts, key=lambda alert: alert.event_time), about.to_dict())


def by_risk(cases: list[Case], _precision: Precision) -> list[Case]:
    """Order cases by the highest risk score that waits in them."""
    return sorted(
        cases,
        key=lambda case: (-max(a.risk_score for a in case.alerts if a.waits), -case.newest_at, case.case_id),
    )


def by_precision(cases: list[Case], precision: Precision) -> list[Case]:
    """Order cases as the board does."""
    return reading_order(prioritised(case, precision) for case in cases)


def by_chance(cases: list[Case], _precision: Precision) -> list[Case]:
    """Order cases at random, the same at each run."""
    return sorted(cases, key=lambda case: Random(case.case_id).random())


def found(world: JudgedWorld, order: Order, rate: float, priors: Priors) -> set[int]:
    """Return the incidents that people find who read `rate` cases a store-day in an order."""
    triage = Triage(memory=None, priors=priors)
    stores: dict[str, StoreMemory] = {}
    cases: dict[str, Case] = {}
    precision = Precision(priors)
    read, seen, owed = set[int](), 0, 0.0
    records = iter(world.alerts)
    alert = next(records, None)
    day = world.alerts[0].event_time // DAY

    def keep(changed: Iterable[Case]) -> None:
        for case in changed:
            for each in cases[case.case_id].alerts if case.case_id in cases else ():
                precision.count(each.type, each.verdict, -1)
            for each in case.alerts:
                precision.count(each.type, each.verdict)
            cases[case.case_id] = case

    while alert is not None:
        day += 1
        while alert is not None and alert.event_time < day * DAY:
            store = stores.get(alert.store_id) or triage.new_store(alert.store_id)
            stores[alert.store_id] = store
            keep(triage.process(alert, store))
            alert = next(records, None)
        owed += rate * world.stores
        waiting = order([case for case in cases.values() if case.state == "open"], precision)
        for case in waiting[: int(owed)]:
            for each in [each for each in case.alerts if each.waits]:
                seen += 1
                right = world.incidents.get(each.alert_id, frozenset())
                read |= right
                verdict = Action(
                    *(f"v-{seen}", day * DAY, "truth", "verdict", case.store_id, "the truth"),
                    alert_id=each.alert_id,
                    verdict="confirmed" if right else "benign",
                )
                keep(triage.process(verdict, stores[case.store_id]))
        owed -= int(owed)  # time that nobody needed today is gone
    return read


def found_singly(world: JudgedWorld, rate: float) -> set[int]:
    """Return the incidents that people find who read single alerts by riskScore, without cases."""
    waiting: dict[str, Alert] = {}
    judged, read, owed = set[str](), set[int](), 0.0
    records = iter(world.alerts)
    alert = next(records, None)
    day = world.alerts[0].event_time // DAY
    while alert is not None:
        day += 1
        while alert is not None and alert.event_time < day * DAY:
            if alert.alert_id not in judged:
                waiting[alert.alert_id] = alert
            alert = next(records, None)
        owed += rate * world.stores
        best = sorted(waiting.values(), key=lambda each: (-each.risk_score, -each.opened_at, each.alert_id))
        for each in best[: int(owed)]:
            read |= world.incidents.get(each.alert_id, frozenset())
            judged.add(each.alert_id)
            del waiting[each.alert_id]
        owed -= int(owed)
    return read


def learned(worlds: Sequence[JudgedWorld]) -> dict[str, Prior]:
    """Return the precision of each type over some worlds, worth five verdicts."""
    right: dict[str, list[bool]] = {}
    for world in worlds:
        for alert in world.alerts:
            if alert.revision == 1:
                right.setdefault(alert.type, []).append(alert.alert_id in world.incidents)
    return {kind: Prior.of_labelled(sum(each), len(each)) for kind, each in right.items()}


def ratio(ours: Sequence[int], theirs: Sequence[int]) -> tuple[float, float, float]:
    """Return the ratio of two sums over seeds, with its 95 % interval."""
    a, b = np.array(ours), np.array(theirs)
    drawn = np.random.default_rng(0).integers(0, len(a), (4_000, len(a)))
    drawn_ratios = a[drawn].sum(axis=1) / np.maximum(b[drawn].sum(axis=1), 1)
    low, high = np.quantile(drawn_ratios, [0.025, 0.975])
    return a.sum() / max(1, b.sum()), float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading_order", description=__doc__)
    parser.add_argument("--stores", type=int, default=6)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--tuning", type=int, nargs="+", default=[101, 102, 103, 104], help="tuning seeds")
    parser.add_argument("--report", type=int, nargs="+", default=list(range(1, 11)), help="report seeds")
    options = parser.parse_args()
    priors = learned([world_of(seed, options.stores, options.days) for seed in options.tuning])
    worlds = [world_of(seed, options.stores, options.days) for seed in options.report]
    orders: dict[str, tuple[Order, Priors]] = {
        "by chance": (by_chance, {}),
        "by riskScore": (by_risk, {}),
        "by precision, 1 of 5 before the first verdict": (by_precision, {}),
        "by precision, priors of the tuning seeds": (by_precision, priors),
    }
    table = Table(
        "cases read a store-day",
        "order",
        "incidents found",
        "against riskScore",
        "against single alerts",
        box=None,
    )
    for rate in RATES:
        counts = {
            name: [len(found(world, order, rate, known)) for world in worlds]
            for name, (order, known) in orders.items()
        }
        counts["single alerts by riskScore"] = [len(found_singly(world, rate)) for world in worlds]
        for name, numbers in counts.items():
            gains = [
                "{:.2f} ({:.2f} to {:.2f})".format(*ratio(numbers, counts[other]))
                for other in ("by riskScore", "single alerts by riskScore")
            ]
            table.add_row(f"{rate}", name, str(sum(numbers)), *gains)
    alerts = sum(alert.revision == 1 for world in worlds for alert in world.alerts)
    there = sum(len(frozenset().union(*world.incidents.values())) for world in worlds)
    Console(width=130).print(table)
    print(
        f"{len(worlds)} seeds of {options.stores} stores and {options.days} days: {alerts:,} alerts, "
        f"{there} incidents behind them"
    )


if __name__ == "__main__":
    main()
