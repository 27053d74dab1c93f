"""Compare the models with River's detectors on the frozen worlds: ``python -m benchmarks.models``."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from benchmarks.model_rivals import METHODS, Scores, Setting
from benchmarks.model_worlds import QUARTER, REFUNDS, SALES, World, frozen, make

DESIGN_SEEDS = (100, 101)
SLOW = ("LocalOutlierFactor",)
"""Not tried on large stores: milliseconds a score."""
PER_DAY = 0.5
"""Alerts a store-day that somebody looks at."""
_REARM = 4
_AFTER = 2 * 3_600_000
"""An episode this long after an incident's end still counts as its own."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("out/models.json"))
    options = parser.parse_args()
    described = frozen()
    figures: dict[str, Any] = {}
    with Pool(options.workers) as pool:
        tuned = pool.starmap(_tuned, [(seed, "medium") for seed in DESIGN_SEEDS])
        chosen = {
            detector: {name: _best(name, detector, tuned) for name in methods}
            for detector, methods in METHODS.items()
        }
        jobs = [
            (seed, volume, chosen)
            for seed in described["incidents"]["seeds"]
            for volume in described["volumes"]
        ]
        worlds = pool.starmap(_compared, jobs, chunksize=1)
        figures["settings"] = chosen
        figures["comparison"] = _comparison(described["volumes"], jobs, worlds)
        _write(figures, options.output)
        parts = [
            (part, seed, volume)
            for part in ("clean", "sustained", "role_change")
            for seed in described[part]["seeds"]
            for volume in described["volumes"]
        ]
        figures["behaviour"] = _behaviour(parts, pool.starmap(_behaved, parts, chunksize=1))
    _write(figures, options.output)
    _show(figures)
    return 0


def _write(figures: dict[str, Any], output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(figures, indent=2) + "\n")


# --- one world ---


def _tuned(seed: int, volume: str) -> dict[str, dict[str, list[float]]]:
    """Return the average precision of every setting on a world of the design."""
    world = make(frozen(), "incidents", seed, volume)
    return {
        detector: {
            name: [_average_precision(detector, world, run(world, setting)) for setting in settings]
            for name, (run, settings) in methods.items()
        }
        for detector, methods in METHODS.items()
    }


def _best(name: str, detector: str, tuned: Sequence[Any]) -> Setting:
    settings = METHODS[detector][name][1]
    means = [float(np.mean([one[detector][name][i] for one in tuned])) for i in range(len(settings))]
    return settings[int(np.argmax(means))]


def _compared(seed: int, volume: str, chosen: dict[str, dict[str, Setting]]) -> dict[str, Any]:
    world = make(frozen(), "incidents", seed, volume)
    found: dict[str, Any] = {}
    for detector, methods in METHODS.items():
        for name, (run, _) in methods.items():
            if name in SLOW and volume == "large":
                continue
            scores = run(world, chosen[detector][name])
            judge = _refund_units if detector == REFUNDS else _sales_units
            found[f"{detector}/{name}"] = {
                "ap": _average_precision(detector, world, scores),
                **judge(world, scores),
            }
    return found


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


def _comparison(volumes: Sequence[str], jobs: Sequence[Any], worlds: Sequence[Any]) -> list[dict[str, Any]]:
    rows = []
    for detector, methods in METHODS.items():
        for volume in volumes:
            for name in methods:
                if name in SLOW and volume == "large":
                    continue
                own = [
                    world[f"{detector}/{name}"]
                    for job, world in zip(jobs, worlds, strict=True)
                    if job[1] == volume
                ]
                measure = _measure_refunds if detector == REFUNDS else _measure_sales
                rows.append(
                    {"detector": detector, "volume": volume, "method": name, **_with_interval(own, measure)}
                )
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
    """Measure among the cashier days that are looked at, the highest half a store-day of all worlds."""
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
    """Measure at the limit that gives half an episode a store-day over all worlds."""
    days = sum(world["days"] for world in worlds)
    if "tally" not in worlds[0]:
        values = np.unique([q[2] for world in worlds for q in world["quarters"]])
        low, high = 0, len(values) - 1  # the lowest limit with few enough episodes
        while low < high:
            middle = (low + high) // 2
            number = sum(len(_episodes(world["quarters"], values[middle])) for world in worlds)
            low, high = (low, middle) if number <= PER_DAY * days else (middle + 1, high)
        for world in worlds:
            world["tally"] = _tally(world, float(values[low]))
    tallies = [world["tally"] for world in worlds]
    found: dict[str, list[float]] = {}
    known: Counter[str] = Counter()
    for tally in tallies:
        known.update(tally["known"])
        for kind, minutes in tally["found"].items():
            found.setdefault(kind, []).extend(minutes)
    return {
        "ap": round(float(np.nanmean([world["ap"] for world in worlds])), 3),
        "recall": round(sum(map(len, found.values())) / max(known.total(), 1), 3),
        "precision": round(sum(t["right"] for t in tallies) / max(sum(t["episodes"] for t in tallies), 1), 3),
        "positives": known.total(),
        "by_scenario": {k: round(len(found.get(k, [])) / n, 2) for k, n in sorted(known.items())},
        "minutes": {k: round(float(np.median(v))) for k, v in sorted(found.items())},
    }


def _tally(world: dict[str, Any], limit: float) -> dict[str, Any]:
    """Count a world's episodes, those that meet an incident, and the minutes until each incident is met."""
    episodes = _episodes(world["quarters"], limit)
    found: dict[int, float] = {}
    right = 0
    for start, _ in episodes:
        own = [
            index
            for index, (begin, end, _) in enumerate(world["incidents"])
            if begin < start and start - QUARTER <= end + _AFTER
        ]
        right += bool(own)
        for index in own:
            found.setdefault(index, (start - world["incidents"][index][0]) / 60_000)
    minutes: dict[str, list[float]] = {}
    for index, value in found.items():
        minutes.setdefault(world["incidents"][index][2], []).append(value)
    known = Counter(kind for _, _, kind in world["incidents"])
    return {"episodes": len(episodes), "right": right, "found": minutes, "known": known}


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


def _behaved(part: str, seed: int, volume: str) -> dict[str, Any]:
    world = make(frozen(), part, seed, volume)
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


def _behaviour(parts: Sequence[Any], results: Sequence[Any]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for volume in dict.fromkeys(part[2] for part in parts):
        own = [(part[0], result) for part, result in zip(parts, results, strict=True) if part[2] == volume]
        rows: dict[str, Any] = {}
        for kind in ("refunds", "sales"):
            scores = np.array([s for part, result in own if part == "clean" for s in result[kind]])
            # Either side of the sales may alert: twice the nominal share is what is promised.
            sides = 1 if kind == "refunds" else 2
            rows[f"false {kind} at .01, realised over nominal"] = round(
                float((scores >= 2).mean()) / 0.01 / sides, 2
            )
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


def _show(figures: dict[str, Any]) -> None:
    for detector in METHODS:
        print(f"\n{detector}\n\n| volume | method | AP | recall | precision | by scenario | minutes |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for row in figures["comparison"]:
            if row["detector"] == detector:
                cells = [f"{row[n]:.2f} ({row[n + '_interval'][0]:.2f}-{row[n + '_interval'][1]:.2f})"
                         for n in ("ap", "recall", "precision")]  # fmt: skip
                by = (
                    ", ".join(f"{k} {v}" for k, v in row["by_scenario"].items())
                    if row["method"] == "ours"
                    else ""
                )
                minutes = ", ".join(f"{k} {v}" for k, v in row.get("minutes", {}).items())
                minutes = minutes if row["method"] == "ours" else ""
                print(f"| {row['volume']} | {row['method']} | {' | '.join(cells)} | {by} | {minutes} |")
    print(json.dumps(figures["behaviour"], indent=1))
    print(json.dumps(figures["settings"]))


if __name__ == "__main__":
    sys.exit(main())
