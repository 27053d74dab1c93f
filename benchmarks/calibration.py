"""The confidence of alerts, made and measured: ``python -m benchmarks.calibration``.

Labelled worlds are simulated and replayed with every detector. `fit` fits the packaged curves to the training
seeds and writes them. `report` reads the packaged curves and measures them on the report seeds: how often
reading the first alerts of a store-day is right, in several orders, and whether of the alerts with a
confidence of 0.8 eight in ten are right. No curve was fitted to a report seed.

The worlds are as real logs are: an incident is rare, honest trade that looks unusual is as frequent, and
customers bring back goods of sales from before the log.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.reading_order import JudgedWorld, rare_world
from retail_anomaly import cases, plots
from retail_anomaly.cases import Calibration, ScoreCurve, packaged_calibration
from retail_anomaly.cases.confidence import UNKNOWN
from retail_anomaly.evaluate.calibration import refitted, reliability
from retail_anomaly.frames.alerts import alerts_frame, last_revisions
from retail_anomaly.frames.confidence import with_confidence

TRAINING: Final = (6101, 6102, 6103, 6104, 6105)
REPORT: Final = (6201, 6202, 6203, 6204, 6205, 6206, 6207, 6208, 6209, 6210)
STORES, DAYS = 3, 42
READ: Final = 0.25
"""Alerts that somebody reads, a store-day."""
PACKAGED: Final = Path(cases.__file__).with_name("confidence.json")
_LEVELS: Final = (0.025, 0.975)

BEGIN: Final[Mapping[str, ScoreCurve]] = {
    name: msgspec.structs.replace(UNKNOWN, score=score, scale=scale, by=by, slope=0.0)
    for name, score, scale, by in (
        ("refund_burst", "money", "log", ("offShift",)),
        ("refund_without_sale", "money", "log", ("offShift",)),
        ("refund_match", "loss", "log", ("reasons",)),
        ("security_correlation", "saleAmount", "log", ()),
        ("inventory_shrinkage", "difference", "log", ()),
        ("stock_discrepancy", "missing", "log", ()),
        ("refund_deviation", "chance", "chance", ("component",)),
        ("sales_deviation", "chance", "chance", ("direction", "component")),
    )
}
"""The score and the components of each detector; before any alert, one in five is right."""


@dataclass(frozen=True)
class LabelledAlerts:
    """The alerts of one seed, each once, and whether each is right."""

    alerts: pd.DataFrame
    right: np.ndarray
    store_days: int


def labelled(seed: int, kept: Path) -> LabelledAlerts:
    """Simulate a seed, unless the folder keeps its alerts."""
    file = kept / f"{seed}.json"
    if not file.exists():
        kept.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.encode(rare_world(seed)))
    world = msgspec.json.decode(file.read_bytes(), type=JudgedWorld)
    alerts = last_revisions(alerts_frame(world.alerts))
    return LabelledAlerts(alerts, alerts["alert_id"].isin(set(world.incidents)).to_numpy(), STORES * DAYS)


def fit(worlds: list[LabelledAlerts]) -> Calibration:
    """Fit every curve to all worlds together."""
    alerts = pd.concat([world.alerts for world in worlds], ignore_index=True)
    return refitted(
        Calibration(curves=dict(BEGIN)), alerts, np.concatenate([world.right for world in worlds])
    )


ORDERS: Final[Mapping[str, Callable[[pd.DataFrame], pd.Series]]] = {
    "by confidence": lambda alerts: alerts["confidence"],
    "by expected loss": lambda alerts: alerts["expected_loss"].fillna(0.0),
    "by riskScore": lambda alerts: alerts["risk_score"],
}


def first_read(world: LabelledAlerts, order: Callable[[pd.DataFrame], pd.Series]) -> tuple[float, int]:
    """Return how many of the alerts read first are right, and how many are read.

    Of alerts that the order does not tell apart, any may be read: their mean counts.
    """
    number = int(READ * world.store_days)
    value = order(world.alerts).to_numpy(dtype="float64")
    limit = np.sort(value)[::-1][min(number, len(value)) - 1]
    above, equal = value > limit, value == limit
    return float(world.right[above].sum() + (number - above.sum()) * world.right[equal].mean()), number


def report(worlds: list[LabelledAlerts]) -> None:
    """Print the figures of the packaged curves."""
    read = sum(int(READ * world.store_days) for world in worlds)
    drawn = np.random.default_rng(0).integers(0, len(worlds), (2_000, len(worlds)))

    def share(parts: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
        right, number = np.array(parts, dtype="float64").T
        again = right[drawn].sum(axis=1) / number[drawn].sum(axis=1)
        low, high = np.quantile(again, _LEVELS)
        return right.sum() / number.sum(), float(low), float(high)

    table = Table("order", "read", "right", "95 %", box=None)
    for name, order in ORDERS.items():
        value, low, high = share([first_read(world, order) for world in worlds])
        table.add_row(name, f"{read:,}", f"{value:.2f}", f"{low:.2f} to {high:.2f}")
    value, low, high = share([(float(world.right.sum()), len(world.right)) for world in worlds])
    table.add_row("by chance", f"{read:,}", f"{value:.2f}", f"{low:.2f} to {high:.2f}")
    Console(width=110).print(table)
    confidence = np.concatenate([world.alerts["confidence"] for world in worlds])
    right = np.concatenate([world.right for world in worlds])
    bins = reliability(confidence, right)
    table = Table("confidence", "alerts", "mean confidence", "right", box=None)
    for row in bins.itertuples():
        shares = f"{row.confidence:.2f}", f"{row.right:.2f}"
        table.add_row(f"{row.low:g} to {row.high:g}", f"{row.alerts:,}", *shares)
    Console(width=110).print(table)
    top = sum(first_ties(world) for world in worlds)
    print(
        f"{len(worlds)} seeds, {STORES} stores, {DAYS} days: {len(right):,} alerts, {right.sum():,} right, "
        f"{top} of the {read:,} alerts read first by confidence tie with another"
    )


def first_ties(world: LabelledAlerts) -> int:
    """Return how many of the alerts read first have the confidence of another."""
    first = world.alerts["confidence"].nlargest(int(READ * world.store_days))
    return int(first.duplicated(keep=False).sum())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("parts", nargs="*", default=["fit", "report"], help="fit, report; by default both")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--kept", type=Path, default=Path("out/calibration"), help="folder of simulated alerts"
    )
    parser.add_argument("--figure", type=Path, help="write the reliability curve to this page")
    options = parser.parse_args()
    with Pool(options.workers) as pool:

        def worlds(seeds: tuple[int, ...]) -> list[LabelledAlerts]:
            return pool.starmap(labelled, [(seed, options.kept) for seed in seeds], chunksize=1)

        if "fit" in options.parts:
            found = fit(worlds(TRAINING))
            PACKAGED.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
            packaged_calibration.cache_clear()
        if "report" in options.parts:
            measured = [
                LabelledAlerts(with_confidence(each.alerts), each.right, each.store_days)
                for each in worlds(REPORT)
            ]
            report(measured)
            if options.figure is not None:
                confidence = np.concatenate([each.alerts["confidence"] for each in measured])
                right = np.concatenate([each.right for each in measured])
                plots.reliability(reliability(confidence, right)).write_html(options.figure)


if __name__ == "__main__":
    main()
