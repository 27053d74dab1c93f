"""The frames of a scorecard: its figures overall, by scenario, by detector and by store."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from retail_anomaly.evaluate.match import distractors
from retail_anomaly.evaluate.measures import Resampling, quantiles_of
from retail_anomaly.evaluate.store_sums import StoreSums

# Each measure is the ratio of two sums.
_RATIOS: Final = {
    "recall": ("found", "incidents"),
    "loss_recall": ("loss_found", "loss"),
    "precision": ("true", "alerts"),
    "alert_rate": ("alerts", "store_days"),
    "loss_per_alert": ("loss_found", "alerts"),
}
_RATIOS_AT: Final = {
    "precision_at": ("true", "read"),
    "recall_at": ("found", "incidents"),
    "loss_per_alert_at": ("loss_found", "read"),
}
_LEVELS: Final = {"median": 0.5, "p90": 0.9}


def overall_measures(sums: StoreSums, drawn: Resampling, ks: Sequence[int]) -> pd.DataFrame:
    """Return the measures over all stores, see `Scorecard.overall`."""
    ratios = dict(_RATIOS)
    for k in ks:
        for name, (upper, lower) in _RATIOS_AT.items():
            ratios[f"{name}_{k}"] = f"{upper}_{k}", lower if lower == "incidents" else f"{lower}_{k}"
    frames = [drawn.ratios(sums.counts, ratios)]
    stores = sums.detections["store_id"].to_numpy(dtype=object)
    for unit in ("minutes", "events"):
        levels = {f"{unit}_{name}": level for name, level in _LEVELS.items()}
        frames.append(drawn.quantiles(sums.detections[unit].to_numpy(), stores, levels))
    return pd.concat(frames)


def scenario_figures(sums: StoreSums, drawn: Resampling) -> pd.DataFrame:
    """Return the figures of each scenario, see `Scorecard.by_scenario`."""
    names = [
        name.removeprefix("incidents:") for name in map(str, sums.counts) if name.startswith("incidents:")
    ]
    total = sums.counts.sum()
    frame = pd.DataFrame(
        {
            column: [total[f"{column}:{name}"] for name in names]
            for column in ("incidents", "found", "loss", "loss_found")
        },
        index=names,
        dtype="float64",
    )
    recall = drawn.ratios(sums.counts, {name: (f"found:{name}", f"incidents:{name}") for name in names})
    frame[["recall", "low", "high"]] = recall[["estimate", "low", "high"]]
    groups = dict(list(sums.detections.groupby("scenario")))
    for unit in ("minutes", "events"):
        levels = {f"{unit}_{name}": level for name, level in _LEVELS.items()}
        for name in names:
            values = groups.get(name, sums.detections.head(0))[unit].to_numpy(dtype="float64")
            frame.loc[name, list(levels)] = quantiles_of(values, levels)
    return frame


def detector_figures(sums: StoreSums, incidents: pd.DataFrame, drawn: Resampling) -> pd.DataFrame:
    """Return the figures of each detector, see `Scorecard.by_detector`."""
    names = sorted(sums.alerts["detector"].unique())
    total = sums.counts.sum()
    frame = pd.DataFrame(
        {column: [total[f"{column}:{name}"] for name in names] for column in ("alerts", "true")},
        index=pd.Index(names, name="detector"),
    ).astype("int64")
    for measure, upper, lower in (
        ("alert_rate", "alerts:{}", "store_days"),
        ("precision", "true:{}", "alerts:{}"),
    ):
        ratios = {name: (upper.format(name), lower.format(name)) for name in names}
        found = drawn.ratios(sums.counts, ratios)
        frame[[measure, f"{measure}_low", f"{measure}_high"]] = found[["estimate", "low", "high"]]
    frame["incidents"] = incidents_by_detector(sums, incidents).sum().reindex(names).fillna(0).astype("int64")
    return frame


def store_figures(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the figures of each store, see `Scorecard.by_store`."""
    frame = counts[["store_days", "alerts", "true", "incidents", "found"]].copy()
    frame.index.name = "store_id"
    with np.errstate(divide="ignore", invalid="ignore"):
        for name in ("alert_rate", "precision", "recall"):
            upper, lower = _RATIOS[name]
            frame[name] = (frame[upper] / frame[lower]).where(frame[lower] > 0)
    return frame


def incidents_by_detector(sums: StoreSums, incidents: pd.DataFrame) -> pd.DataFrame:
    """Count the incidents of each scenario that each detector found."""
    pairs = sums.pairs[~distractors(incidents)[sums.pairs["incident"]]]
    pairs = pairs.merge(sums.alerts[["alert_id", "detector"]], on="alert_id")
    pairs = pairs.drop_duplicates(["incident", "detector"])
    scenarios = incidents["scenario"].to_numpy(dtype=object)[pairs["incident"].to_numpy(dtype="int64")]
    return pd.crosstab(
        pd.Series(scenarios, name="scenario", dtype="object"),
        pd.Series(pairs["detector"].to_numpy(dtype=object), name="detector", dtype="object"),
    )


def distractor_counts(sums: StoreSums, incidents: pd.DataFrame) -> pd.DataFrame:
    """Count the distractors of each scenario, and the alerts that they drew."""
    false = distractors(incidents)
    pairs = sums.pairs[false[sums.pairs["incident"]]]
    # Leave out alerts that are about an incident as well: the distractor did not draw them.
    pairs = pairs[~pairs["alert_id"].isin(set(sums.alerts.loc[sums.alerts["true"], "alert_id"]))]
    scenarios = incidents["scenario"].to_numpy(dtype=object)
    drew = pairs.assign(scenario=scenarios[pairs["incident"].to_numpy(dtype="int64")]).groupby("scenario")
    counts = pd.Series(scenarios[false], dtype="object").value_counts(sort=False).rename("distractors")
    frame = pd.DataFrame(
        {"distractors": counts, "drew": drew["incident"].nunique(), "alerts": drew["alert_id"].nunique()}
    )
    return frame.fillna(0).astype("int64").rename_axis("scenario")
