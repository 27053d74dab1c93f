"""How many incidents each order of reading finds: ``python -m benchmarks.reading_order``.

Two kinds of worlds are simulated and replayed: one with rare incidents and every detector, and one with
frequent incidents and the detectors that are on by default. At the end of each day people read so many cases
for each store and judge their alerts by the truth; every order reads the same number of cases. Single alerts,
without cases, are the order of a plain table of alerts: there a reading is one alert. The priors of one order
are the precision of each type over the tuning seeds; all figures are of the report seeds. A ratio has a
bootstrap interval over these seeds: each seed is one world.

The worlds come from the simulator, and so does the truth. Whoever reads a real case may be wrong, and takes
longer for one case than for another.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from data_gen import Simulation
from retail_anomaly.cases import (
    Action,
    Calibration,
    Case,
    Precision,
    Prior,
    Triage,
    packaged_calibration,
    prioritised,
    reading_order,
)
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.evaluate.match import match_pairs
from retail_anomaly.frames.alerts import alerts_frame
from retail_anomaly.frames.incidents import incidents_frame
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import Settings, build_engine, with_parameters

DAY: Final = 86_400_000
RATES: Final = (0.1, 0.25, 0.5)
TUNING: Final = (201, 202, 203)
REPORT: Final = tuple(range(8101, 8111))
BY_RISK: Final = "by riskScore"
SINGLE: Final = "single alerts by riskScore"
HEAD: Final = (
    "read a store-day",
    "order",
    "incidents found",
    "against cases by riskScore",
    "against single alerts",
)
_PAGE: Final = """<!-- Written by `python -m benchmarks.reading_order --output PAGE`; do not edit. -->
# The reading order, measured

```sh
python -m benchmarks.reading_order --output docs/reading-order.md
```

Worlds are simulated, replayed, and read day by day. Readers know the truth, and every order reads the same
number of cases; of single alerts, as a table without cases shows them, the same number of alerts. The figures
are of seeds that nothing was fitted to; the ratios have 95 % bootstrap intervals over the seeds. The truth is
the simulator's. Somebody who reads a real case may be wrong, and takes longer for one case than for
another."""
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


def usual_world(seed: int) -> JudgedWorld:
    """Return a month of six stores with the detectors that are on by default; incidents are frequent."""
    return world_of(seed, 6, 30)


def rare_world(seed: int) -> JudgedWorld:
    """Return six weeks of three stores with every detector: an incident is rare, as in real logs.

    Honest trade that looks unusual is as frequent as incidents, and customers bring back goods of sales from
    before the log.
    """
    settings = Settings()
    every = {
        name: msgspec.structs.replace(parameters, enabled=True)
        for name, parameters in settings.detectors.items()
    }
    return world_of(seed, 3, 42, with_parameters(settings, every), incident_rate=0.02, earlier=True)


def by_risk(cases: list[Case], _precision: Precision) -> list[Case]:
    """Order the open cases by the highest risk score that waits in them."""
    return sorted(
        (case for case in cases if case.state == "open"),
        key=lambda case: (-max(a.risk_score for a in case.alerts if a.waits), -case.newest_at, case.case_id),
    )


def by_precision(cases: list[Case], precision: Precision) -> list[Case]:
    """Order the open cases as the board does."""
    return reading_order(prioritised(case, precision) if case.state == "open" else case for case in cases)


def by_chance(cases: list[Case], _precision: Precision) -> list[Case]:
    """Order the open cases at random, the same at each run."""
    return sorted(
        (case for case in cases if case.state == "open"), key=lambda case: Random(case.case_id).random()
    )


def by_truth(cases: list[Case], world: JudgedWorld, read: set[int], number: int) -> list[Case]:
    """Return the open cases that show most incidents which nobody has read of."""
    waiting, chosen, known = [case for case in cases if case.state == "open"], [], set(read)

    def shown(case: Case) -> set[int]:
        return {
            each for alert in case.alerts if alert.waits for each in world.incidents.get(alert.alert_id, ())
        }

    while waiting and len(chosen) < number:
        chosen.append(max(waiting, key=lambda case: (len(shown(case) - known), case.newest_at)))
        waiting.remove(chosen[-1])
        known |= shown(chosen[-1])
    return chosen


def found(
    world: JudgedWorld, order: Order | None, rate: float, priors: Priors, calibration: Calibration
) -> set[int]:
    """Return the incidents that people find who read `rate` cases a store-day in an order.

    None is the order of somebody who knows the truth, and reads what finds most.
    """
    triage = Triage(memory=None, priors=priors, calibration=calibration)
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
                precision.count(each.type, each.verdict, -1, confidence=each.confidence)
            for each in case.alerts:
                precision.count(each.type, each.verdict, confidence=each.confidence)
            cases[case.case_id] = case

    while alert is not None:
        day += 1
        while alert is not None and alert.event_time < day * DAY:
            store = stores.get(alert.store_id) or triage.new_store(alert.store_id)
            stores[alert.store_id] = store
            keep(triage.process(alert, store))
            alert = next(records, None)
        owed += rate * world.stores
        every = list(cases.values())
        waiting = order(every, precision) if order else by_truth(every, world, read, int(owed))
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


WORLDS: Final[Mapping[str, Callable[[int], JudgedWorld]]] = {
    "rare": rare_world,
    "frequent": usual_world,
}


_TITLES: Final = {
    "rare": "Rare incidents, every detector: 3 stores, 42 days",
    "frequent": "Frequent incidents, the detectors that are on by default: 6 stores, 30 days",
}


def incidents_found(world: JudgedWorld, priors: Priors) -> dict[str, list[int]]:
    """Return for each order how many incidents people find, at each rate of reading."""
    unsure = Calibration()
    orders: dict[str, tuple[Order | None, Priors, Calibration]] = {
        "by chance": (by_chance, {}, unsure),
        BY_RISK: (by_risk, {}, unsure),
        "as the board, without confidence": (by_precision, {}, unsure),
        "as the board, priors of the tuning seeds": (by_precision, priors, unsure),
        "as the board": (by_precision, {}, packaged_calibration()),
        "by the truth: no order finds more": (None, {}, unsure),
    }
    counts = {
        name: [len(found(world, order, rate, known, curves)) for rate in RATES]
        for name, (order, known, curves) in orders.items()
    }
    return {**counts, SINGLE: [len(found_singly(world, rate)) for rate in RATES]}


def compared(counts: Sequence[Mapping[str, Sequence[int]]]) -> Iterator[list[str]]:
    """Yield the rows of the table: for each rate and order the incidents of all worlds, and two ratios."""
    for place, rate in enumerate(RATES):
        for name in counts[0]:
            numbers = [each[name][place] for each in counts]
            gains = [
                "{:.2f} ({:.2f} to {:.2f})".format(*ratio(numbers, [each[other][place] for each in counts]))
                for other in (BY_RISK, SINGLE)
            ]
            yield [f"{rate}", name, f"{sum(numbers):,}", *gains]


def _kept(make: Callable[[int], JudgedWorld], seed: int, folder: Path | None) -> JudgedWorld:
    """Make a world, unless the folder keeps it."""
    if folder is None:
        return make(seed)
    file = folder / f"{make.__name__}-{seed}.json"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.encode(make(seed)))
    return msgspec.json.decode(file.read_bytes(), type=JudgedWorld)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading_order", description=__doc__)
    parser.add_argument("--tuning", type=int, nargs="+", default=list(TUNING), help="tuning seeds")
    parser.add_argument("--report", type=int, nargs="+", default=list(REPORT), help="report seeds")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--only", choices=list(WORLDS), help="one kind of world")
    parser.add_argument("--kept", type=Path, help="a folder that keeps the worlds for another run")
    parser.add_argument("--output", type=Path, help="write the tables to this page, in Markdown")
    options = parser.parse_args()
    console, parts = Console(width=140), [_PAGE]
    for title, make in WORLDS.items():
        if options.only not in (None, title):
            continue
        with Pool(options.jobs) as pool:
            world = partial(_kept, make, folder=options.kept)
            priors = learned(pool.map(world, options.tuning, chunksize=1))
            worlds = pool.map(world, options.report, chunksize=1)
            counts = pool.map(partial(incidents_found, priors=priors), worlds, chunksize=1)
        rows = list(compared(counts))
        table = Table(*HEAD, box=None, title=_TITLES[title])
        for row in rows:
            table.add_row(*row)
        console.print(table)
        alerts = sum(alert.revision == 1 for world in worlds for alert in world.alerts)
        there = sum(len(frozenset().union(*world.incidents.values())) for world in worlds)
        said = f"{len(worlds)} seeds: {alerts:,} alerts, {there:,} incidents behind them."
        print(said)
        lines = [" | ".join(row).join(("| ", " |")) for row in [list(HEAD), ["---"] * len(HEAD), *rows]]
        parts.append("\n".join([f"## {_TITLES[title]}", "", said, "", *lines]))
    if options.output:
        options.output.write_text("\n\n".join(parts) + "\n", "utf-8")


if __name__ == "__main__":
    main()
