"""The scorecard: what alerts are worth, beside none, random and perfect ones."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from retail_anomaly.core.markup import html_paragraph
from retail_anomaly.evaluate.activity import Activity
from retail_anomaly.evaluate.match import distractors, match_incidents
from retail_anomaly.evaluate.measures import Resampling, quantiles_of
from retail_anomaly.evaluate.references import ALERT_COLUMNS, perfect_alerts, random_alerts
from retail_anomaly.evaluate.tally import Tally, tally
from retail_anomaly.evaluate.words import (
    detectors_table,
    distractors_table,
    measures_table,
    scenarios_table,
)
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.frames.words import natural_order
from retail_anomaly.frames.zones import Zones

ROWS: Final = ("Alerts", "Null", "Random", "Perfect")
_INCIDENTS: Final = ("scenario", "store_id", "start", "end", "transaction_ids", "expected_loss")
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
_NO_STORE_DAYS: Final = (
    "Without the log the number of store-days is not known: there is no alert rate. Give the events."
)
_NO_ACTIVITY: Final = (
    "Without the log there are no random alerts to compare with and no time to detect in events. "
    "Give the events."
)


@dataclass(frozen=True)
class Scorecard:
    """What alerts are worth, as DataFrames; a notebook shows them as tables.

    Rows are ``Alerts`` (those that were scored), ``Null`` (no alerts), ``Random`` (as many, about
    random receipt lines and counts of the log, the mean of several drawings) and ``Perfect`` (one for
    each incident, at the first event that could show it). Intervals ``low`` to ``high`` hold 95 % of
    what drawing the stores again gives; with one store there are none. What cannot be told is NaN.

    Parameters
    ----------
    overall
        Index ``row``, ``measure``; columns ``estimate``, ``low``, ``high``. The measures:

        ``recall``
            Share of the incidents that were found.
        ``loss_recall``
            Share of their expected loss.
        ``precision``
            Share of the alerts that are about an incident.
        ``alert_rate``
            Alerts per store-day: a local day on which the store had events.
        ``loss_per_alert``
            Expected loss found for each alert that is read, all of them being read.
        ``precision_at_K``, ``recall_at_K``, ``loss_per_alert_at_K``
            The same when only the K alerts of the highest risk of each store-day are read; of equal
            risk the earlier one first. A day with fewer alerts has fewer to read.
        ``minutes_median``, ``minutes_p90``, ``events_median``, ``events_p90``
            Time to detect, of the incidents that were found: from the incident's start to the first
            alert about it, in minutes and in events of that store.
    by_scenario
        Index ``row``, ``scenario``; ``incidents``, ``found``, ``loss``, ``loss_found``, then
        ``recall``, ``low``, ``high`` and the times to detect.
    by_detector
        Index ``detector``; ``alerts``, ``true``, ``alert_rate`` and ``precision`` with their
        intervals, and ``incidents``: how many it found.
    by_store
        Index ``store_id``; ``store_days``, ``alerts``, ``true``, ``alert_rate``, ``precision``,
        ``incidents``, ``found``, ``recall``.
    found_by
        How many incidents of each scenario (index) each detector (columns) found.
    distractors
        Index ``scenario``: how many distractors there were (``distractors``), how many of them drew an
        alert (``drew``) and how many alerts that were (``alerts``).
    curve
        By threshold of risk, ascending: ``threshold``, ``alerts``, ``alert_rate``, ``precision``,
        ``recall``, ``loss_found`` of the alerts whose risk reaches it.
    incidents
        As `match_incidents` returns them.
    ks
        The numbers of alerts read on a store-day.
    notes
        What could not be told, and why.
    """

    overall: pd.DataFrame
    by_scenario: pd.DataFrame
    by_detector: pd.DataFrame
    by_store: pd.DataFrame
    found_by: pd.DataFrame
    distractors: pd.DataFrame
    curve: pd.DataFrame
    incidents: pd.DataFrame
    ks: tuple[int, ...]
    notes: tuple[str, ...]

    def value(self, measure: str, row: str = "Alerts") -> float:
        """Return one figure of `overall`.

        Raises
        ------
        KeyError
            There is no such measure or row.
        """
        return float(self.overall["estimate"][row, measure])

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Return the figures as tables of texts: measures, scenarios, detectors, distractors.

        Examples
        --------
        >>> from retail_anomaly.evaluate import incidents_frame
        >>> from retail_anomaly.frames.alerts import example_alerts
        >>> card = scorecard(example_alerts(), incidents_frame([]), store_days={"store-1": 4})
        >>> card.tables()[2].iloc[0].to_dict()
        {'Detector': 'Inventory shrinkage', 'Alerts': '1', 'Per store-day': '0.25', '95 % interval': '-',
         'Right': '0.0 %', 'Incidents found': '0'}
        """
        return (
            measures_table(self.overall),
            scenarios_table(self.by_scenario),
            detectors_table(self.by_detector),
            distractors_table(self.distractors),
        )

    def to_csv(self) -> str:
        """Return the figures as one table: ``row``, ``scenario`` (or none), ``measure``, the figures."""
        recall = self.by_scenario[["recall", "low", "high"]].rename(columns={"recall": "estimate"})
        recall = recall.reset_index().assign(measure="recall")
        both = pd.concat([self.overall.reset_index(), recall], ignore_index=True)
        return both[["row", "scenario", "measure", "estimate", "low", "high"]].to_csv(index=False)

    def to_json(self) -> str:
        """Return all figures as JSON: a list of records for each frame; what is not known is null."""
        frames = {
            "overall": self.overall.reset_index(),
            "byScenario": self.by_scenario.reset_index(),
            "byDetector": self.by_detector.reset_index(),
            "byStore": self.by_store.reset_index(),
            "foundBy": self.found_by.reset_index(),
            "distractors": self.distractors.reset_index(),
            "curve": self.curve,
        }
        parts = [f'"{name}":{frame.to_json(orient="records")}' for name, frame in frames.items()]
        notes = json.dumps(self.notes)
        return "{" + ",\n".join([*parts, f'"notes":{notes}']) + "}\n"

    def _repr_html_(self) -> str:
        parts = [rows.to_html(index=False) for rows in self.tables() if len(rows)]
        return "\n".join([*parts, *map(html_paragraph, self.notes)])


def scorecard(  # noqa: PLR0913 - by name only
    alerts: pd.DataFrame,
    incidents: pd.DataFrame,
    *,
    activity: Activity | None = None,
    store_days: Mapping[str, int] | None = None,
    zones: Zones | None = None,
    ks: Sequence[int] = (1, 2, 3, 5),
    resamples: int = 1_000,
    runs: int = 20,
    seed: int = 0,
) -> Scorecard:
    """Score alerts against incidents.

    Parameters
    ----------
    alerts
        Alerts, as `replay` or `read_alerts` returns them. Revisions of an alert are one alert, with
        the risk of the last.
    incidents
        The truth, as `read_incidents` returns it. An alert about a ``distractor`` is a false one.
    activity
        The log behind the alerts, see `Activity.of`; without it there are no random alerts and no
        times to detect in events.
    store_days
        On how many days each store had events; by default those of the activity.
    zones
        Time zone of the stores, which decides their days; by default the activity's, else UTC.
    ks
        How many alerts an investigator reads on a store-day.
    resamples
        How often the stores are drawn again for an interval; 0: no intervals.
    runs
        How often random alerts are drawn; 0: not at all.
    seed
        Of both.

    Returns
    -------
    Scorecard
        The figures.

    Raises
    ------
    ValueError
        A column is missing.

    Notes
    -----
    Stores are drawn with replacement and the figures taken again (Efron and Tibshirani, *An
    Introduction to the Bootstrap*, 1993, chapter 13: percentile intervals). Precision at k is that of
    information retrieval, with a store-day for a query.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> alerts = example_alerts()
    >>> incident = {"incident_id": "i-1", "scenario": "skimming", "store_id": "store-1",
    ...     "employee_id": "c-1", "start": alerts["event_time"][0], "end": alerts["event_time"][0],
    ...     "transaction_ids": ["t-2", "t-3"], "expected_loss": 240.0, "sku": None}
    >>> card = scorecard(alerts, pd.DataFrame([incident]), store_days={"store-1": 4})
    >>> [card.value(name) for name in ("recall", "precision", "alert_rate", "loss_per_alert")]
    [1.0, 0.5, 0.5, 120.0]
    """
    expect_columns(alerts, ALERT_COLUMNS, "alerts")
    expect_columns(incidents, _INCIDENTS, "incidents")
    if zones is None:
        zones = "UTC" if activity is None else activity.zones
    days = activity.store_days if store_days is None and activity is not None else store_days
    known = {} if days is None else dict(days)
    stores = natural_order({*known, *alerts["store_id"], *incidents["store_id"]})
    drawn = Resampling.draw(stores, resamples=resamples, seed=seed)
    ks = tuple(sorted(set(ks)))

    def tallied(raised: pd.DataFrame, runs: int = 1) -> Tally:
        found = tally(raised, incidents, stores, ks=ks, zones=zones, activity=activity, runs=runs)
        per_store = [known.get(store, 0) if days is not None else np.nan for store in stores]
        found.counts["store_days"] = np.array(per_store, dtype="float64")
        return found

    tallies = {"Alerts": tallied(alerts), "Null": tallied(alerts.head(0))}
    if activity is not None and runs:
        count = alerts["alert_id"].nunique()
        tallies["Random"] = tallied(random_alerts(activity, count, runs=runs, seed=seed), runs)
    tallies["Perfect"] = tallied(perfect_alerts(incidents, activity))
    own = tallies["Alerts"]
    return Scorecard(
        overall=_stacked({row: _overall(found, drawn, ks) for row, found in tallies.items()}, "measure"),
        by_scenario=_stacked({row: _by_scenario(found, drawn) for row, found in tallies.items()}, "scenario"),
        by_detector=_by_detector(own, incidents, drawn),
        by_store=_by_store(own.counts),
        found_by=_found_by(own, incidents),
        distractors=_distractors(own, incidents),
        curve=_curve(own, incidents),
        incidents=match_incidents(alerts, incidents),
        ks=ks,
        notes=tuple(
            note
            for note, missing in ((_NO_STORE_DAYS, days is None), (_NO_ACTIVITY, activity is None))
            if missing
        ),
    )


def _stacked(frames: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    return pd.concat(frames, names=["row", name])


def _overall(found: Tally, drawn: Resampling, ks: Sequence[int]) -> pd.DataFrame:
    ratios = dict(_RATIOS)
    for k in ks:
        for name, (upper, lower) in _RATIOS_AT.items():
            ratios[f"{name}_{k}"] = f"{upper}_{k}", lower if lower == "incidents" else f"{lower}_{k}"
    parts = [drawn.ratios(found.counts, ratios)]
    stores = found.detections["store_id"].to_numpy(dtype=object)
    for unit in ("minutes", "events"):
        levels = {f"{unit}_{name}": level for name, level in _LEVELS.items()}
        parts.append(drawn.quantiles(found.detections[unit].to_numpy(), stores, levels))
    return pd.concat(parts)


def _by_scenario(found: Tally, drawn: Resampling) -> pd.DataFrame:
    names = [
        name.removeprefix("incidents:") for name in map(str, found.counts) if name.startswith("incidents:")
    ]
    total = found.counts.sum()
    frame = pd.DataFrame(
        {
            part: [total[f"{part}:{name}"] for name in names]
            for part in ("incidents", "found", "loss", "loss_found")
        },
        index=names,
        dtype="float64",
    )
    recall = drawn.ratios(found.counts, {name: (f"found:{name}", f"incidents:{name}") for name in names})
    frame[["recall", "low", "high"]] = recall[["estimate", "low", "high"]]
    groups = dict(list(found.detections.groupby("scenario")))
    for unit in ("minutes", "events"):
        levels = {f"{unit}_{name}": level for name, level in _LEVELS.items()}
        for name in names:
            values = groups.get(name, found.detections.head(0))[unit].to_numpy(dtype="float64")
            frame.loc[name, list(levels)] = quantiles_of(values, levels)
    return frame


def _by_detector(own: Tally, incidents: pd.DataFrame, drawn: Resampling) -> pd.DataFrame:
    names = sorted(own.alerts["detector"].unique())
    total = own.counts.sum()
    frame = pd.DataFrame(
        {part: [total[f"{part}:{name}"] for name in names] for part in ("alerts", "true")},
        index=pd.Index(names, name="detector"),
    ).astype("int64")
    for measure, upper, lower in (
        ("alert_rate", "alerts:{}", "store_days"),
        ("precision", "true:{}", "alerts:{}"),
    ):
        ratios = {name: (upper.format(name), lower.format(name)) for name in names}
        found = drawn.ratios(own.counts, ratios)
        frame[[measure, f"{measure}_low", f"{measure}_high"]] = found[["estimate", "low", "high"]]
    frame["incidents"] = _found_by(own, incidents).sum().reindex(names).fillna(0).astype("int64")
    return frame


def _by_store(counts: pd.DataFrame) -> pd.DataFrame:
    frame = counts[["store_days", "alerts", "true", "incidents", "found"]].copy()
    frame.index.name = "store_id"
    with np.errstate(divide="ignore", invalid="ignore"):
        for name in ("alert_rate", "precision", "recall"):
            upper, lower = _RATIOS[name]
            frame[name] = (frame[upper] / frame[lower]).where(frame[lower] > 0)
    return frame


def _found_by(own: Tally, incidents: pd.DataFrame) -> pd.DataFrame:
    pairs = own.pairs[~distractors(incidents)[own.pairs["incident"]]]
    pairs = pairs.merge(own.alerts[["alert_id", "detector"]], on="alert_id")
    pairs = pairs.drop_duplicates(["incident", "detector"])
    scenarios = incidents["scenario"].to_numpy(dtype=object)[pairs["incident"].to_numpy(dtype="int64")]
    return pd.crosstab(
        pd.Series(scenarios, name="scenario", dtype="object"),
        pd.Series(pairs["detector"].to_numpy(dtype=object), name="detector", dtype="object"),
    )


def _distractors(own: Tally, incidents: pd.DataFrame) -> pd.DataFrame:
    false = distractors(incidents)
    pairs = own.pairs[false[own.pairs["incident"]]]
    # An alert that is about an incident as well is none that the distractor drew.
    pairs = pairs[~pairs["alert_id"].isin(set(own.alerts.loc[own.alerts["true"], "alert_id"]))]
    scenarios = incidents["scenario"].to_numpy(dtype=object)
    drew = pairs.assign(scenario=scenarios[pairs["incident"].to_numpy(dtype="int64")]).groupby("scenario")
    counts = pd.Series(scenarios[false], dtype="object").value_counts(sort=False).rename("distractors")
    frame = pd.DataFrame(
        {"distractors": counts, "drew": drew["incident"].nunique(), "alerts": drew["alert_id"].nunique()}
    )
    return frame.fillna(0).astype("int64").rename_axis("scenario")


def _curve(own: Tally, incidents: pd.DataFrame) -> pd.DataFrame:
    """Return the figures by threshold; an alert's risk is that of its last revision."""
    risks = own.alerts["risk_score"].to_numpy(dtype="float64")
    thresholds = np.unique(risks)
    pairs = own.pairs[~distractors(incidents)[own.pairs["incident"]]]
    pairs = pairs.merge(own.alerts[["alert_id", "risk_score"]], on="alert_id")
    # An incident is found for as long as the riskiest of its alerts is raised.
    best = pairs.groupby("incident")["risk_score"].max()
    losses = pd.to_numeric(incidents["expected_loss"]).fillna(0.0).to_numpy(dtype="float64")
    lost = losses[best.index.to_numpy(dtype="int64")]

    def reaching(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        order = np.argsort(values, kind="stable")
        sums = np.cumsum(np.ones(len(values)) if weights is None else weights[order])
        below: np.ndarray = np.concatenate([[0.0], sums])
        return np.asarray(below[-1] - below[np.searchsorted(values[order], thresholds, side="left")])

    raised, true = reaching(risks), reaching(risks[own.alerts["true"].to_numpy(dtype=bool)])
    total, days = own.counts["incidents"].sum(), own.counts["store_days"].sum(min_count=1)
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "alerts": raised.astype("int64"),
            "alert_rate": raised / days if days > 0 else np.nan,
            "precision": true / raised,
            "recall": reaching(best.to_numpy(dtype="float64")) / total if total else np.nan,
            "loss_found": reaching(best.to_numpy(dtype="float64"), lost),
        }
    )
