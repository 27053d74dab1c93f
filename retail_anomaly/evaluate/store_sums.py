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
    known = _Known(incidents, columns)
    _add_incidents(columns, known, first["incident"].to_numpy(dtype="int64"))
    _add_alerts(columns, raised)
    _add_read(columns, ks, raised, known, true_pairs)
    detections = _detections(first, incidents, activity)
    return StoreSums(columns.frame(), detections, raised, pairs)


class _Columns:
    """Columns of sums, a row for each store."""

    def __init__(self, stores: Sequence[str], runs: int) -> None:
        self._stores, self._runs = pd.Index(list(stores), dtype=object), runs
        self._columns: dict[str, np.ndarray] = {}

    def rows_of(self, stores: "pd.Series[str]") -> np.ndarray:
        """Return the row of each store."""
        return self._stores.get_indexer(pd.Index(stores, dtype=object))

    def add(self, name: str, rows: np.ndarray, values: np.ndarray | None = None) -> None:
        """Add the sum of values, or their number, of each row for a mean run."""
        self._columns[name] = self._sum(rows, values) / self._runs

    def add_once(self, name: str, rows: np.ndarray, values: np.ndarray | None = None) -> None:
        """Add sums that are the same in every run."""
        self._columns[name] = self._sum(rows, values) / 1

    def _sum(self, rows: np.ndarray, values: np.ndarray | None) -> np.ndarray:
        return np.bincount(rows, values, minlength=len(self._stores))

    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(self._columns, index=self._stores)


class _Known:
    """The known incidents as arrays: row of the store, scenario, loss (0 if unknown), whether it is real."""

    def __init__(self, incidents: pd.DataFrame, columns: _Columns) -> None:
        self.rows = columns.rows_of(incidents["store_id"])
        self.scenarios = incidents["scenario"].to_numpy(dtype=object)
        self.losses = pd.to_numeric(incidents["expected_loss"]).fillna(0.0).to_numpy(dtype="float64")
        self.real = ~np.asarray(distractors(incidents), dtype=bool)


def _add_incidents(columns: _Columns, known: _Known, found: np.ndarray) -> None:
    """Add the real incidents and those found, in all and by scenario."""
    names = dict.fromkeys(known.scenarios[known.real])
    of_names = [("", np.full(len(known.rows), fill_value=True))]
    of_names += [(f":{name}", known.scenarios == name) for name in names]
    for suffix, asked in of_names:
        real, seen = known.real & asked, found[asked[found]]
        columns.add_once(f"incidents{suffix}", known.rows[real])
        columns.add_once(f"loss{suffix}", known.rows[real], known.losses[real])
        columns.add(f"found{suffix}", known.rows[seen])
        columns.add(f"loss_found{suffix}", known.rows[seen], known.losses[seen])


def _add_alerts(columns: _Columns, raised: pd.DataFrame) -> None:
    """Add the alerts and those about an incident, in all and by detector."""
    rows, right = columns.rows_of(raised["store_id"]), raised["true"].to_numpy(dtype=bool)
    detectors = raised["detector"].to_numpy(dtype=object)
    of_detectors = [("", np.full(len(rows), fill_value=True))]
    of_detectors += [(f":{name}", detectors == name) for name in sorted(set(detectors))]
    for suffix, asked in of_detectors:
        columns.add(f"alerts{suffix}", rows[asked])
        columns.add(f"true{suffix}", rows[asked & right])


def _add_read(
    columns: _Columns, ks: Sequence[int], raised: pd.DataFrame, known: _Known, true_pairs: pd.DataFrame
) -> None:
    """Add the k alerts read on each store-day, and the incidents they find."""
    rows, right = columns.rows_of(raised["store_id"]), raised["true"].to_numpy(dtype=bool)
    ranks = raised["rank"].to_numpy()
    # Each incident of a run is found when the first of its alerts is read.
    found = true_pairs.sort_values("rank").drop_duplicates(["run", "incident"])
    incidents, found_at = found["incident"].to_numpy(dtype="int64"), found["rank"].to_numpy()
    for k in ks:
        columns.add(f"read_{k}", rows[ranks < k])
        columns.add(f"true_{k}", rows[(ranks < k) & right])
        seen = incidents[found_at < k]
        columns.add(f"found_{k}", known.rows[seen])
        columns.add(f"loss_found_{k}", known.rows[seen], known.losses[seen])


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
