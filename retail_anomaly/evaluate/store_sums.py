"""Sums of alerts and incidents by store, from which the scorecard takes its ratios."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retail_anomaly.evaluate.activity import Activity
from retail_anomaly.evaluate.match import distractors, match_pairs
from retail_anomaly.frames.confidence import confidence_of
from retail_anomaly.frames.shown_times import Zones, zone_of
from retail_anomaly.frames.store_calendar import local_days
from retail_anomaly.frames.times import epoch_millis


@dataclass(frozen=True)
class StoreSums:
    """Sums by store, and the time to detect of each found incident.

    Parameters
    ----------
    counts
        One row a store; a column for each sum. Those of a scenario or a detector end with its name
        after a colon, those of the k alerts read on a store-day with k after an underscore.
    detections
        One row a found incident: ``incident`` (place of its row), ``store_id``, ``scenario``,
        ``minutes``, ``events``.
    alerts
        One row an alert: ``alert_id``, ``store_id``, ``detector``, ``confidence``, ``true``, ``rank``
        (of its store-day, 0 is read first).
    pairs
        As `match_pairs` returns them, distractors included.
    """

    counts: pd.DataFrame
    detections: pd.DataFrame
    alerts: pd.DataFrame
    pairs: pd.DataFrame


def sum_by_store(
    alerts: pd.DataFrame,
    incidents: pd.DataFrame,
    stores: Sequence[str],
    *,
    ks: Sequence[int],
    zones: Zones,
    activity: Activity | None,
    runs: int = 1,
) -> StoreSums:
    """Count alerts and found incidents, store by store.

    Parameters
    ----------
    alerts
        Alerts; with several runs, each has its ``run``.
    incidents
        The known incidents and distractors.
    stores
        All stores, in the order of the rows.
    ks
        The numbers of alerts read on a store-day.
    zones
        Time zone of the stores.
    activity
        The store's events, to count those until an incident is found; None: they are not counted.
    runs
        The number of runs in the alerts; the sums are those of a mean run.

    Returns
    -------
    StoreSums
        Sums by store and the times to detect.
    """
    pairs = match_pairs(alerts, incidents)
    raised = _ranked(alerts, zones)
    true_pairs = pairs[~distractors(incidents)[pairs["incident"]]]
    raised["true"] = raised["alert_id"].isin(set(true_pairs["alert_id"]))
    true_pairs = true_pairs.merge(raised[["alert_id", "run", "rank"]], on="alert_id")
    first = true_pairs.drop_duplicates(["run", "incident"])
    columns = _Columns(stores, runs)
    _add_incidents(columns, incidents, first)
    _add_alerts(columns, raised)
    for k in ks:
        _add_read(columns, k, raised, incidents, true_pairs)
    detections = _detections(first, incidents, activity)
    return StoreSums(columns.frame(), detections, raised, pairs)


class _Columns:
    """Columns of sums, a row for each store."""

    def __init__(self, stores: Sequence[str], runs: int) -> None:
        self._stores, self._runs = list(stores), runs
        self._place = {store: index for index, store in enumerate(stores)}
        self._columns: dict[str, np.ndarray] = {}

    def add(self, name: str, stores: "pd.Series[str]", values: np.ndarray | None = None) -> None:
        """Add the sum of values, or the number of rows, for a mean run."""
        self._columns[name] = self._sum(stores, values) / self._runs

    def add_once(self, name: str, stores: "pd.Series[str]", values: np.ndarray | None = None) -> None:
        """Add sums that are the same in every run."""
        self._columns[name] = self._sum(stores, values) / 1

    def _sum(self, stores: "pd.Series[str]", values: np.ndarray | None) -> np.ndarray:
        codes = stores.map(self._place).to_numpy(dtype="int64")
        return np.bincount(codes, values, minlength=len(self._stores))

    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(self._columns, index=self._stores)


def _add_incidents(columns: _Columns, incidents: pd.DataFrame, first: pd.DataFrame) -> None:
    """Add the real incidents and those found, in all and by scenario."""
    known = _known(incidents)
    real, found = known[~distractors(incidents)], known.iloc[first["incident"].to_numpy(dtype="int64")]
    scenarios = [("", real, found)]
    for name in dict.fromkeys(real["scenario"]):
        of_scenario = real[real["scenario"] == name], found[found["scenario"] == name]
        scenarios.append((f":{name}", *of_scenario))
    for suffix, all_rows, found_rows in scenarios:
        columns.add_once(f"incidents{suffix}", all_rows["store_id"])
        columns.add_once(f"loss{suffix}", all_rows["store_id"], all_rows["loss"].to_numpy())
        columns.add(f"found{suffix}", found_rows["store_id"])
        columns.add(f"loss_found{suffix}", found_rows["store_id"], found_rows["loss"].to_numpy())


def _add_alerts(columns: _Columns, raised: pd.DataFrame) -> None:
    """Add the alerts and those about an incident, in all and by detector."""
    detectors = [("", raised), *((f":{name}", rows) for name, rows in raised.groupby("detector"))]
    for suffix, rows in detectors:
        columns.add(f"alerts{suffix}", rows["store_id"])
        columns.add(f"true{suffix}", rows.loc[rows["true"], "store_id"])


def _add_read(
    columns: _Columns, k: int, raised: pd.DataFrame, incidents: pd.DataFrame, true_pairs: pd.DataFrame
) -> None:
    """Add the k alerts read on each store-day, and the incidents they find."""
    read = raised[raised["rank"] < k]
    columns.add(f"read_{k}", read["store_id"])
    columns.add(f"true_{k}", read.loc[read["true"], "store_id"])
    seen = true_pairs[true_pairs["rank"] < k].drop_duplicates(["run", "incident"])
    found = _known(incidents).iloc[seen["incident"].to_numpy(dtype="int64")]
    columns.add(f"found_{k}", found["store_id"])
    columns.add(f"loss_found_{k}", found["store_id"], found["loss"].to_numpy())


def _known(incidents: pd.DataFrame) -> pd.DataFrame:
    """Return store, scenario and loss of each incident; an unknown loss is 0."""
    known = incidents[["store_id", "scenario"]].reset_index(drop=True)
    return known.assign(loss=pd.to_numeric(incidents["expected_loss"]).fillna(0.0).to_numpy(dtype="float64"))


def _ranked(alerts: pd.DataFrame, zones: Zones) -> pd.DataFrame:
    """Return each alert once, as its last revision has it, with its rank in its store-day."""
    if "run" not in alerts:
        alerts = alerts.assign(run=0)
    last = alerts.sort_values("revision", kind="stable").drop_duplicates("alert_id", keep="last")
    last = confidence_of(last.reset_index(drop=True))  # frames put together may have an index twice
    ranked = last[["alert_id", "store_id", "detector", "confidence", "run"]].copy()
    ranked["opened"] = epoch_millis(last["opened_at"])
    ranked["day"] = 0
    for store, rows in ranked.groupby("store_id"):
        ranked.loc[rows.index, "day"] = local_days(rows["opened"].to_numpy(), zone_of(str(store), zones))
    ranked = ranked.sort_values(["confidence", "opened", "alert_id"], ascending=[False, True, True])
    ranked["rank"] = ranked.groupby(["run", "store_id", "day"]).cumcount()
    return ranked.reset_index(drop=True)


def _detections(first: pd.DataFrame, incidents: pd.DataFrame, activity: Activity | None) -> pd.DataFrame:
    """Return the time to detect of each found incident."""
    rows = first["incident"].to_numpy(dtype="int64")
    started = epoch_millis(incidents["start"])[rows]
    # A till whose clock is slow can date a line before the incident's start.
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
