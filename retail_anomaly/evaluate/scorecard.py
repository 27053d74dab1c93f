"""The scorecard: the worth of alerts, beside no alerts, random ones and perfect ones."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from retail_anomaly.core.markup import html_paragraph
from retail_anomaly.evaluate.activity import Activity
from retail_anomaly.evaluate.calibration import reliability
from retail_anomaly.evaluate.card_figures import (
    detector_figures,
    distractor_counts,
    incidents_by_detector,
    overall_measures,
    scenario_figures,
    store_figures,
)
from retail_anomaly.evaluate.match import match_incidents
from retail_anomaly.evaluate.measures import Resampling
from retail_anomaly.evaluate.references import ALERT_COLUMNS, perfect_alerts, random_alerts
from retail_anomaly.evaluate.store_sums import StoreSums, sum_by_store
from retail_anomaly.evaluate.threshold_curve import threshold_curve
from retail_anomaly.evaluate.words import (
    detectors_table,
    distractors_table,
    measures_table,
    scenarios_table,
)
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.frames.shown_times import Zones
from retail_anomaly.frames.words import natural_order

_INCIDENTS: Final = ("scenario", "store_id", "start", "end", "transaction_ids", "expected_loss")
_NO_STORE_DAYS: Final = (
    "Without the log the number of store-days is not known: there is no alert rate. Give the events."
)
_NO_ACTIVITY: Final = (
    "Without the log there are no random alerts to compare with and no time to detect in events. "
    "Give the events."
)


@dataclass(frozen=True)
class Scorecard:
    """The worth of alerts as DataFrames; a notebook shows them as tables.

    The rows are ``Alerts`` (yours), ``Null`` (no alerts), ``Random`` (as many, about random refunds and
    counts of the log; the mean of several drawings) and ``Perfect`` (one for each incident, at the first
    event that could show it). ``low`` to ``high`` is a 95 % bootstrap interval over the stores; with one
    store there is none. A figure that cannot be known is NaN.

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
            The same when only the K alerts of the highest confidence of each store-day are read; of equal
            confidence the earlier one first. A day with fewer alerts has fewer to read.
        ``minutes_median``, ``minutes_p90``, ``events_median``, ``events_p90``
            Time to detect, of the incidents that were found: from the incident's start to the first
            alert about it, in minutes and in events of that store.
    by_scenario
        Index ``row``, ``scenario``; ``incidents``, ``found``, ``loss``, ``loss_found``, then
        ``recall``, ``low``, ``high`` and the times to detect.
    by_detector
        Index ``detector``; ``alerts``, ``true``, ``alert_rate`` and ``precision`` with their
        intervals, and ``incidents``: the number it found.
    by_store
        Index ``store_id``; ``store_days``, ``alerts``, ``true``, ``alert_rate``, ``precision``,
        ``incidents``, ``found``, ``recall``.
    found_by
        The number of incidents of each scenario (index) that each detector (columns) found.
    distractors
        Index ``scenario``: the number of distractors (``distractors``), of those that drew an alert
        (``drew``) and of the alerts they drew (``alerts``).
    curve
        By threshold of confidence, ascending: ``threshold``, ``alerts``, ``alert_rate``, ``precision``,
        ``recall``, ``loss_found`` of the alerts whose confidence reaches it.
    reliability
        The share of alerts of like confidence that are right, as `calibration.reliability` returns it.
    incidents
        As `match_incidents` returns them.
    ks
        The numbers of alerts read on a store-day.
    notes
        The figures that are left out, and the missing input.
    """

    overall: pd.DataFrame
    by_scenario: pd.DataFrame
    by_detector: pd.DataFrame
    by_store: pd.DataFrame
    found_by: pd.DataFrame
    distractors: pd.DataFrame
    curve: pd.DataFrame
    reliability: pd.DataFrame
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
        """Return all figures as JSON: a list of records for each frame; an unknown figure is null."""
        frames = {
            "overall": self.overall.reset_index(),
            "byScenario": self.by_scenario.reset_index(),
            "byDetector": self.by_detector.reset_index(),
            "byStore": self.by_store.reset_index(),
            "foundBy": self.found_by.reset_index(),
            "distractors": self.distractors.reset_index(),
            "curve": self.curve,
            "reliability": self.reliability,
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
        the confidence of the last. Without a column ``confidence`` the packaged calibration gives it.
    incidents
        The truth, as `read_incidents` returns it. An alert about a ``distractor`` is a false one.
    activity
        The log behind the alerts, see `Activity.of`. Without it there are no random alerts and no times to
        detect in events.
    store_days
        The number of days on which each store had events; by default those of the activity.
    zones
        Time zone of the stores, which decides their days; by default the activity's, else UTC.
    ks
        The numbers of alerts that an investigator reads on a store-day.
    resamples
        The number of bootstrap samples for the intervals; 0: no intervals.
    runs
        The number of drawings of random alerts; 0: no random alerts.
    seed
        Seed of both.

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

    def summed(raised: pd.DataFrame, runs: int = 1) -> StoreSums:
        sums = sum_by_store(raised, incidents, stores, ks=ks, zones=zones, activity=activity, runs=runs)
        per_store = [known.get(store, 0) if days is not None else np.nan for store in stores]
        sums.counts["store_days"] = np.array(per_store, dtype="float64")
        return sums

    rows = {"Alerts": summed(alerts), "Null": summed(alerts.head(0))}
    if activity is not None and runs:
        count = alerts["alert_id"].nunique()
        rows["Random"] = summed(random_alerts(activity, count, runs=runs, seed=seed), runs)
    rows["Perfect"] = summed(perfect_alerts(incidents, activity))
    own = rows["Alerts"]
    return Scorecard(
        overall=_stacked({row: overall_measures(sums, drawn, ks) for row, sums in rows.items()}, "measure"),
        by_scenario=_stacked({row: scenario_figures(sums, drawn) for row, sums in rows.items()}, "scenario"),
        by_detector=detector_figures(own, incidents, drawn),
        by_store=store_figures(own.counts),
        found_by=incidents_by_detector(own, incidents),
        distractors=distractor_counts(own, incidents),
        curve=threshold_curve(own, incidents),
        reliability=reliability(
            own.alerts["confidence"].to_numpy(dtype="float64"), own.alerts["true"].to_numpy(dtype=bool)
        ),
        incidents=match_incidents(alerts, incidents),
        ks=ks,
        notes=_notes(has_days=days is not None, has_activity=activity is not None),
    )


def _notes(*, has_days: bool, has_activity: bool) -> tuple[str, ...]:
    """Return a note for each input whose absence leaves figures out."""
    return (() if has_days else (_NO_STORE_DAYS,)) + (() if has_activity else (_NO_ACTIVITY,))


def _stacked(frames: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    return pd.concat(frames, names=["row", name])
