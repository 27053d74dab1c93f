"""Compare the models with other detectors on the frozen worlds: ``python -m benchmarks.models``."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from multiprocessing import Pool
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from benchmarks.model_rivals import METHODS, Scores
from benchmarks.model_tables import tables
from benchmarks.model_worlds import REFUNDS, SALES, World, frozen, make
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.local_time import QUARTER
from retail_anomaly.detectors import REGISTRY

Job = tuple[Any, ...]
"""The arguments of a function that measures."""
DESIGN_SEEDS = (100, 101)
SLOW = ("LocalOutlierFactor",)
"""Tried on small stores only: milliseconds a score."""
PER_DAY = 0.5
"""Alerts a store-day that somebody looks at."""
_REARM = 4
_AFTER = 2 * 3_600_000
"""An episode this long after an incident's end still counts as its own."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--kept", type=Path, default=Path("out/models"), help="folder of earlier measurements"
    )
    parser.add_argument(
        "--again", nargs="*", default=[], metavar="METHOD", help="measure these methods again"
    )
    parser.add_argument("--output", type=Path, default=Path("out/models.json"))
    options = parser.parse_args()
    described = frozen()
    pairs = [(detector, name) for detector, methods in METHODS.items() for name in methods]
    kept = KeptMeasurements(options.kept, options.again)
    figures: dict[str, Any] = {}
    with Pool(options.workers) as pool:
        tuned = kept.measure(pool, _tuned, [(*pair, seed) for seed in DESIGN_SEEDS for pair in pairs])
        chosen = {pair: _best(*pair, tuned) for pair in pairs}
        worlds = kept.measure(
            pool,
            _compared,
            [
                (*pair, seed, volume, chosen[pair])
                for seed in described["incidents"]["seeds"]
                for volume in described["volumes"]
                for pair in pairs
                if not (pair[1] in SLOW and volume != "small")
            ],
        )
        figures["settings"] = {"/".join(pair): dict(setting) for pair, setting in chosen.items()}
        figures["comparison"] = _comparison(described["volumes"], worlds)
        jobs = [
            ("ours", part, seed, volume)
            for part in ("clean", "sustained", "role_change")
            for seed in described[part]["seeds"]
            for volume in described["volumes"]
        ]
        figures["behaviour"] = _behaviour(kept.measure(pool, _behaved, jobs))
    figures["cost"] = {volume: _cost(volume) for volume in described["volumes"]}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(figures, indent=2) + "\n")
    print("\n".join(tables(figures)))
    return 0


class KeptMeasurements:
    """Measurements, one file for each function and its arguments, so that rivals need not run again.

    Parameters
    ----------
    folder
        The folder of the files.
    again
        Methods whose earlier measurements do not count.
    """

    def __init__(self, folder: Path, again: Sequence[str]) -> None:
        self._folder, self._again = folder, again
        folder.mkdir(parents=True, exist_ok=True)

    def measure(self, pool: Any, function: Callable[..., Any], jobs: Sequence[Job]) -> dict[Job, Any]:
        """Return the result of every job; measure those that have no file."""
        tasks = [(function, job, self._file(function, job)) for job in jobs]
        due = [task for task in tasks if not task[2].exists() or any(part in self._again for part in task[1])]
        for number, _ in enumerate(pool.imap_unordered(_run, due), 1):
            print(f"\r{function.__name__}: {number} of {len(due)}", end="", file=sys.stderr, flush=True)
        return {job: json.loads(file.read_text()) for _, job, file in tasks}

    def _file(self, function: Callable[..., Any], job: Job) -> Path:
        words = "-".join(str(part) for part in job if not isinstance(part, tuple))
        return self._folder / f"{function.__name__}-{words.replace(' ', '_')}.json"


def _run(task: tuple[Callable[..., Any], Job, Path]) -> None:
    function, job, file = task
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(function(*job)) + "\n")
    partial.replace(file)


# --- costs ---


def _cost(volume: str) -> dict[str, float]:
    """Return the processor time of a POS event in microseconds, of the engine alone and of each model."""
    world = _world("incidents", DESIGN_SEEDS[0], volume)
    events = [event for event in world.events if isinstance(event, PosEvent)]
    alone = _time_of([], events)
    return {
        "the engine alone": alone,
        **{name: _time_of([name], events) - alone for name in METHODS},
        "both models": _time_of(list(METHODS), events) - alone,
        "events": len(events),
    }


def _time_of(names: Sequence[str], events: Sequence[PosEvent]) -> float:
    times = []
    for _ in range(3):
        engine = Engine([REGISTRY[name](REGISTRY[name].Parameters(), 86_400_000) for name in names])
        store = engine.new_store(events[0].store_id)
        began = process_time()
        for event in events:
            engine.process(event, store)
        times.append(process_time() - began)
    return min(times) / len(events) * 1e6


# --- one world ---


@lru_cache(maxsize=1)
def _world(part: str, seed: int, volume: str) -> World:
    """Simulate a world once for the methods that follow each other on it."""
    return make(frozen(), part, seed, volume)


def _tuned(detector: str, name: str, seed: int) -> list[float]:
    """Return the average precision of every setting on a world of the design."""
    world = _world("incidents", seed, "small" if name in SLOW else "medium")
    run, settings = METHODS[detector][name]
    return [_average_precision(detector, world, run(world, setting)) for setting in settings]


def _best(detector: str, name: str, tuned: dict[Job, list[float]]) -> tuple[tuple[str, Any], ...]:
    settings = METHODS[detector][name][1]
    means = np.mean([tuned[detector, name, seed] for seed in DESIGN_SEEDS], axis=0)
    return tuple(settings[int(np.argmax(means))].items())


def _compared(
    detector: str, name: str, seed: int, volume: str, setting: tuple[tuple[str, Any], ...]
) -> dict[str, Any]:
    world = _world("incidents", seed, volume)
    scores = METHODS[detector][name][0](world, dict(setting))
    judge = _refund_units if detector == REFUNDS else _sales_units
    return {"ap": _average_precision(detector, world, scores), **judge(world, scores)}


def _labelled(detector: str, world: World, scores: Scores) -> tuple[list[float], list[bool]]:
    if detector == REFUNDS:
        keys = world.cashier_days
        return [scores.get(key, -math.inf) for key in keys], [key in world.guilty for key in keys]
    quarters = [q for q in world.quarters if q.day >= world.first]
    incidents = _sales_incidents(world)
    return (
        [scores.get(q.end, 0.0) for q in quarters],
        [any(i.start < q.end and q.end - QUARTER <= i.end for i in incidents) for q in quarters],
    )


def _average_precision(detector: str, world: World, scores: Scores) -> float:
    values, labels = _labelled(detector, world, scores)
    if not any(labels):
        return math.nan
    return float(average_precision_score(labels, np.nan_to_num(values, neginf=-1e9)))


def _refund_units(world: World, scores: Scores) -> dict[str, Any]:
    values, labels = _labelled(REFUNDS, world, scores)
    kinds = [world.guilty.get(key) for key in world.cashier_days]
    return {
        "days": world.days,
        "units": [[v, int(y), k] for v, y, k in zip(values, labels, kinds, strict=True)],
    }


def _sales_incidents(world: World) -> list[Any]:
    return [i for i in world.incidents if i.detector == SALES and not i.distractor]


def _sales_units(world: World, scores: Scores) -> dict[str, Any]:
    quarters = [[q.end, q.day, scores.get(q.end, 0.0)] for q in world.quarters if q.day >= world.first]
    incidents = [[i.start, i.end, i.scenario] for i in _sales_incidents(world)]
    return {"days": world.days, "quarters": quarters, "incidents": incidents}


# --- all worlds ---


def _comparison(volumes: Sequence[str], worlds: dict[Job, Any]) -> list[dict[str, Any]]:
    rows = []
    for detector, methods in METHODS.items():
        measure = _measure_refunds if detector == REFUNDS else _measure_sales
        for volume in volumes:
            for name in methods:
                own = [
                    world for job, world in worlds.items() if (*job[:2], job[3]) == (detector, name, volume)
                ]
                if own:
                    figures = _with_interval(own, measure)
                    rows.append({"detector": detector, "volume": volume, "method": name, **figures})
    return rows


def _with_interval(worlds: Sequence[Any], measure: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """Measure all worlds, and each figure's 95 % interval by drawing worlds anew 200 times."""
    whole = measure(worlds)
    rng = np.random.default_rng(1)
    drawn = [measure([worlds[i] for i in rng.integers(len(worlds), size=len(worlds))]) for _ in range(200)]
    for name in ("ap", "recall", "precision"):
        values = [one[name] for one in drawn]
        whole[f"{name}_interval"] = [round(float(v), 3) for v in np.nanquantile(values, (0.025, 0.975))]
    return whole


def _measure_refunds(worlds: Sequence[Any]) -> dict[str, Any]:
    """Measure the cashier days with the highest scores: half of one for each store-day of all worlds."""
    units = [unit for world in worlds for unit in world["units"]]
    looked_at = int(PER_DAY * sum(world["days"] for world in worlds))
    ranked = sorted(units, key=lambda unit: -unit[0])[:looked_at]
    positive = sum(unit[1] for unit in units)
    hits = sum(unit[1] for unit in ranked)
    kinds = sorted({unit[2] for unit in units if unit[2]})
    return {
        "ap": round(float(np.nanmean([world["ap"] for world in worlds])), 3),
        "recall": round(hits / max(positive, 1), 3),
        "precision": round(hits / max(looked_at, 1), 3),
        "positives": positive,
        "by_scenario": {
            kind: round(sum(u[2] == kind for u in ranked) / sum(u[2] == kind for u in units), 2)
            for kind in kinds
        },
    }


def _measure_sales(worlds: Sequence[Any]) -> dict[str, Any]:
    """Measure at the limit that gives half an episode for each store-day of all worlds."""
    days = sum(world["days"] for world in worlds)
    if "outcome" not in worlds[0]:
        values = np.unique([q[2] for world in worlds for q in world["quarters"]])
        low, high = 0, len(values) - 1  # the lowest limit with few enough episodes
        while low < high:
            middle = (low + high) // 2
            number = sum(len(_episodes(world["quarters"], values[middle])) for world in worlds)
            low, high = (low, middle) if number <= PER_DAY * days else (middle + 1, high)
        for world in worlds:
            world["outcome"] = _outcome(world, float(values[low]))
    outcomes = [world["outcome"] for world in worlds]
    minutes_by_kind: dict[str, list[float]] = {}
    known: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for outcome in outcomes:
        known.update(outcome["known"])
        within.update(outcome["within"])
        for kind, minutes in outcome["minutes"].items():
            minutes_by_kind.setdefault(kind, []).extend(minutes)
    return {
        "ap": round(float(np.nanmean([world["ap"] for world in worlds])), 3),
        "recall": round(sum(map(len, minutes_by_kind.values())) / max(known.total(), 1), 3),
        "precision": round(
            sum(outcome["right"] for outcome in outcomes)
            / max(sum(outcome["episodes"] for outcome in outcomes), 1),
            3,
        ),
        "positives": known.total(),
        "by_scenario": {k: round(len(minutes_by_kind.get(k, [])) / n, 2) for k, n in sorted(known.items())},
        "within": {k: round(within[k] / n, 2) for k, n in sorted(known.items())},
        "minutes": {k: round(float(np.median(v))) for k, v in sorted(minutes_by_kind.items())},
    }


def _outcome(world: dict[str, Any], limit: float) -> dict[str, Any]:
    """Count a world's episodes, those that meet an incident, and the minutes until each incident is met."""
    episodes = _episodes(world["quarters"], limit)
    minutes_until: dict[int, float] = {}
    right = 0
    for start, _ in episodes:
        own = [
            index
            for index, (begin, end, _) in enumerate(world["incidents"])
            if begin < start and start - QUARTER <= end + _AFTER
        ]
        right += bool(own)
        for index in own:
            minutes_until.setdefault(index, (start - world["incidents"][index][0]) / 60_000)
    minutes: dict[str, list[float]] = {}
    for index, value in minutes_until.items():
        minutes.setdefault(world["incidents"][index][2], []).append(value)
    known = Counter(kind for _, _, kind in world["incidents"])
    # What begins while an episode is open has none of its own.
    within = Counter(
        kind
        for index, (begin, _, kind) in enumerate(world["incidents"])
        if index not in minutes_until and any(start <= begin < end for start, end in episodes)
    )
    return {"episodes": len(episodes), "right": right, "minutes": minutes, "known": known, "within": within}


def _episodes(quarters: Iterable[Sequence[float]], limit: float) -> list[list[float]]:
    """Return beginnings and ends; quarters of one day that are an hour apart at most are one episode."""
    episodes: list[list[float]] = []
    last_day = 0.0
    for end, day, score in quarters:
        if score < limit:
            continue
        if episodes and day == last_day and end - episodes[-1][1] <= _REARM * QUARTER:
            episodes[-1][1] = end
        else:
            episodes.append([end, end])
        last_day = day
    return episodes


# --- how the models behave ---


def _behaved(_: str, part: str, seed: int, volume: str) -> dict[str, Any]:
    world = _world(part, seed, volume)
    refunds = METHODS[REFUNDS]["ours"][0](world, {})
    if part == "clean":
        sales = METHODS[SALES]["ours"][0](world, {})
        trading = {q.end for q in world.quarters if q.day >= world.first}
        return {
            "refunds": [refunds.get(key, 0.0) for key in world.cashier_days],
            "sales": [score for end, score in sales.items() if end in trading],
        }
    named = {i.employee_id for i in world.incidents}
    return {
        "days": {
            day - world.first: refunds[cashier, day]
            for cashier, day in world.cashier_days
            if cashier in named and (cashier, day) in refunds
            and (part != "sustained" or (cashier, day) in world.guilty)
        }
    }  # fmt: skip


def _behaviour(results: dict[Job, Any]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for volume in dict.fromkeys(job[3] for job in results):
        own = [(job[1], result) for job, result in results.items() if job[3] == volume]
        rows: dict[str, Any] = {}
        # At one in a hundred, and at the detectors' own limits.
        for kind, limits in (("refunds", (0.01, 0.02)), ("sales", (0.01, 0.002))):
            scores = np.array([s for part, result in own if part == "clean" for s in result[kind]])
            # Either side of the sales may alert: the promise is twice the nominal share.
            sides = 1 if kind == "refunds" else 2
            for limit in limits:
                share = float((scores >= -math.log10(limit)).mean())
                rows[f"false {kind} at {limit}, realised over nominal"] = round(share / limit / sides, 2)
        for part in ("sustained", "role_change"):
            for limit in (0.05, 0.02):
                flags = [
                    (int(day), score >= -math.log10(limit))
                    for p, result in own
                    if p == part
                    for day, score in result["days"].items()
                ]
                spans = ((0, 5), (5, 10), (10, 17), (17, 24), (24, 42))
                rows[f"{part}: flagged at {limit}, by days"] = {
                    f"{a}-{b - 1}": round(float(np.mean([flag for d, flag in flags if a <= d < b] or [0])), 2)
                    for a, b in spans
                }
        figures[volume] = rows
    return figures


if __name__ == "__main__":
    sys.exit(main())
