"""What alerts and incidents come to in each store, before any ratio."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retail_anomaly.evaluate.activity import Activity, local_days
from retail_anomaly.evaluate.match import distractors, match_pairs
from retail_anomaly.frames.times import epoch_millis
from retail_anomaly.frames.zones import Zones, zone_of


@dataclass(frozen=True)
class Tally:
    """Sums by store, and how long each found incident took.

    Parameters
    ----------
    counts
        One row a store; a column for each sum. Those of a scenario or a detector end with its name
        after a colon, those of the k alerts read on a store-day with k after an underscore.
    detections
        One row a found incident: ``incident`` (place of its row), ``store_id``, ``scenario``,
        ``minutes``, ``events``.
    alerts
        One row an alert: ``alert_id``, ``store_id``, ``detector``, ``risk_score``, ``true``, ``rank``
        (of its store-day, 0 is read first).
    pairs
        As `match_pairs` returns them, distractors included.
    """

    counts: pd.DataFrame
    detections: pd.DataFrame
    alerts: pd.DataFrame
    pairs: pd.DataFrame


def tally(
    alerts: pd.DataFrame,
    incidents: pd.DataFrame,
    stores: Sequence[str],
    *,
    ks: Sequence[int],
    zones: Zones,
    activity: Activity | None,
    runs: int = 1,
) -> Tally:
    """Count what was found and what was raised, store by store.

    Parameters
    ----------
    alerts
        Alerts; with several runs, each has its ``run``.
    incidents
        The truth.
    stores
        All stores, in the order of the rows.
    ks
        How many alerts are read on a store-day.
    zones
        Time zone of the stores.
    activity
        The store's events, to count those until an incident is found; None: not counted.
    runs
        How many runs the alerts are of; sums are those of a mean run.

    Returns
    -------
    Tally
        Sums by store and the times to detect.
    """
    pairs = match_pairs(alerts, incidents)
    each = _each(alerts, zones)
    true_pairs = pairs[~distractors(incidents)[pairs["incident"]]]
    each["true"] = each["alert_id"].isin(set(true_pairs["alert_id"]))
    true_pairs = true_pairs.merge(each[["alert_id", "run", "rank"]], on="alert_id")
    first = true_pairs.drop_duplicates(["run", "incident"])

    place = {store: index for index, store in enumerate(stores)}
    truth = pd.DataFrame(
        {
            "store": [place[store] for store in incidents["store_id"]],
            "scenario": incidents["scenario"].to_numpy(dtype=object),
            "loss": pd.to_numeric(incidents["expected_loss"]).fillna(0.0).to_numpy(dtype="float64"),
        }
    )
    false = distractors(incidents)
    columns: dict[str, np.ndarray] = {}

    def add(name: str, rows: pd.DataFrame, values: np.ndarray | None = None, share: int = runs) -> None:
        codes = rows["store"].to_numpy(dtype="int64")
        columns[name] = np.bincount(codes, values, minlength=len(stores)) / share

    def add_truth(suffix: str, rows: pd.DataFrame, found: pd.DataFrame) -> None:
        add(f"incidents{suffix}", rows, share=1)
        add(f"loss{suffix}", rows, rows["loss"].to_numpy(), share=1)
        add(f"found{suffix}", found)
        add(f"loss_found{suffix}", found, found["loss"].to_numpy())

    real = truth[~false]
    found = truth.iloc[first["incident"].to_numpy(dtype="int64")]
    add_truth("", real, found)
    for scenario in dict.fromkeys(real["scenario"]):
        add_truth(f":{scenario}", real[real["scenario"] == scenario], found[found["scenario"] == scenario])

    each["store"] = [place[store] for store in each["store_id"]]
    add("alerts", each)
    add("true", each[each["true"]])
    for detector, rows in each.groupby("detector"):
        add(f"alerts:{detector}", rows)
        add(f"true:{detector}", rows[rows["true"]])
    for k in ks:
        read = each[each["rank"] < k]
        add(f"read_{k}", read)
        add(f"true_{k}", read[read["true"]])
        seen = true_pairs[true_pairs["rank"] < k].drop_duplicates(["run", "incident"])
        found = truth.iloc[seen["incident"].to_numpy(dtype="int64")]
        add(f"found_{k}", found)
        add(f"loss_found_{k}", found, found["loss"].to_numpy())
    detections = _detections(first, incidents, activity)
    return Tally(pd.DataFrame(columns, index=list(stores)), detections, each, pairs)


def _each(alerts: pd.DataFrame, zones: Zones) -> pd.DataFrame:
    """Return each alert once, as its last revision has it, with its rank in its store-day."""
    if "run" not in alerts:
        alerts = alerts.assign(run=0)
    last = alerts.sort_values("revision", kind="stable").drop_duplicates("alert_id", keep="last")
    last = last.reset_index(drop=True)  # frames put together may have an index twice
    each = last[["alert_id", "store_id", "detector", "risk_score", "run"]].copy()
    each["opened"] = epoch_millis(last["opened_at"])
    each["day"] = 0
    for store, rows in each.groupby("store_id"):
        each.loc[rows.index, "day"] = local_days(rows["opened"].to_numpy(), zone_of(str(store), zones))
    each = each.sort_values(["risk_score", "opened", "alert_id"], ascending=[False, True, True])
    each["rank"] = each.groupby(["run", "store_id", "day"]).cumcount()
    return each.reset_index(drop=True)


def _detections(first: pd.DataFrame, incidents: pd.DataFrame, activity: Activity | None) -> pd.DataFrame:
    """Return how long each found incident took."""
    rows = first["incident"].to_numpy(dtype="int64")
    started = epoch_millis(incidents["start"])[rows]
    # A till whose clock is slow can date what it rings up before the incident.
    at = np.maximum(first["time"].to_numpy(dtype="int64"), started)
    found = pd.DataFrame(
        {
            "incident": rows,
            "store_id": incidents["store_id"].to_numpy(dtype=object)[rows],
            "scenario": incidents["scenario"].to_numpy(dtype=object)[rows],
            "minutes": (at - started) / 60_000,
            "events": np.nan,
        }
    )
    if activity is not None:
        for store, group in found.groupby("store_id"):
            places = group.index.to_numpy()
            found.loc[places, "events"] = activity.events_between(str(store), started[places], at[places])
    return found
