"""Calibration: from labelled alerts to the probability that an alert is right."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import pandas as pd

from retail_anomaly.cases import Calibration, ScoreCurve
from retail_anomaly.cases.confidence import UNKNOWN
from retail_anomaly.evaluate.match import distractors, match_pairs
from retail_anomaly.frames.cases import Actions, triage
from retail_anomaly.settings import Settings

# How far labelled alerts may pull the intercept, the slope and an offset from where they began: standard
# deviations of a normal distribution.
_PULL: Final = (2.0, 1.0, 1.0)
_MEANING: Final = {"confirmed": True, "benign": False, "training": False}
_STEPS: Final = 50
# Enough to rank alerts of one component, and too little to tell in their confidence.
_LEAST_SLOPE: Final = 0.01
_LONGEST: Final = 2.0
_EDGES: Final = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)


def are_right(alerts: pd.DataFrame, incidents: pd.DataFrame) -> np.ndarray:
    """Return whether each alert is about an incident; an alert about a distractor is not.

    Examples
    --------
    >>> from retail_anomaly.evaluate import incidents_frame
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> are_right(example_alerts(), incidents_frame([])).tolist()
    [False, False]
    """
    pairs = match_pairs(alerts, incidents)
    true = pairs.loc[~distractors(incidents)[pairs["incident"]], "alert_id"]
    return alerts["alert_id"].isin(set(true)).to_numpy()


def were_judged(alerts: pd.DataFrame, actions: Actions, *, settings: Settings | None = None) -> pd.Series:
    """Return the verdict on each alert: True for confirmed, False for benign or training, None for none.

    Parameters
    ----------
    alerts
        Alerts, each once.
    actions
        The actions, as for `retail_anomaly.frames.cases.triage`.
    settings
        As there.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> verdict = {"actionId": "v", "time": 1_760_000_000_000, "by": "kim", "action": "verdict",
    ...     "storeId": "store-1", "alertId": "a2", "verdict": "confirmed", "reason": "seen on video"}
    >>> were_judged(example_alerts(), [verdict]).tolist()
    [None, True]
    """
    book = triage(alerts, actions, settings=settings)
    verdicts = {
        alert.alert_id: _MEANING.get(alert.verdict or "") for case in book.cases for alert in case.alerts
    }
    return pd.Series([verdicts.get(name) for name in alerts["alert_id"]], dtype="object")


def refitted(
    calibration: Calibration, alerts: pd.DataFrame, right: Sequence[bool] | np.ndarray
) -> Calibration:
    """Fit the curves of a calibration to labelled alerts.

    The curves begin where they are, and the alerts pull them away: the more alerts, the further. A detector
    without a curve begins at one in five.

    Parameters
    ----------
    calibration
        Where to begin.
    alerts
        Alerts, each once, as `last_revisions` returns them.
    right
        Whether each of them is right.

    Returns
    -------
    Calibration
        With a new curve for each detector that has an alert.

    Notes
    -----
    The parameters are those of the highest posterior density of a logistic regression with normal priors, by
    Newton's method (Bishop, *Pattern Recognition and Machine Learning*, 2006, section 4.5). A curve never
    falls: where no more of the alerts of a high score are right, it rises so little that only their order
    shows it.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> alerts = pd.concat([example_alerts()] * 50, ignore_index=True)
    >>> fitted = refitted(Calibration(), alerts, [True, False] * 50)
    >>> for detector, curve in fitted.curves.items():
    ...     print(detector, f"{curve.right} of {curve.alerts}", round(curve.confidence({}, risk=1.0), 1))
    refund_burst 50 of 50 1.0
    inventory_shrinkage 0 of 50 0.0
    """
    known = np.asarray(right, dtype=bool)
    curves = {}
    for detector, rows in alerts.groupby("detector", sort=False).indices.items():
        name = str(detector)
        own = alerts.iloc[rows]
        before = calibration.curves.get(name) or _first_curve(own)
        curves[name] = _fitted(before, own, known[rows])
    return calibration.with_curves(curves)


def reliability(confidence: np.ndarray, right: np.ndarray, edges: Sequence[float] = _EDGES) -> pd.DataFrame:
    """Return the mean confidence and the share that is right, for alerts of like confidence.

    Parameters
    ----------
    confidence, right
        Of each alert.
    edges
        The bounds of the bins; the last bin contains its upper bound.

    Returns
    -------
    pandas.DataFrame
        One row a bin that has alerts: ``low``, ``high``, ``alerts``, ``confidence``, ``right``.

    Examples
    --------
    >>> reliability(np.array([0.3, 0.5, 0.9]), np.array([False, True, True]), (0, 0.5, 1)).values.tolist()
    [[0.0, 0.5, 1.0, 0.3, 0.0], [0.5, 1.0, 2.0, 0.7, 1.0]]
    """
    bins = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, len(edges) - 2)
    rows = []
    for place in np.unique(bins):
        own = bins == place
        rows.append((*edges[place : place + 2], own.sum(), confidence[own].mean(), right[own].mean()))
    return pd.DataFrame(rows, columns=["low", "high", "alerts", "confidence", "right"])


def _first_curve(alerts: pd.DataFrame) -> ScoreCurve:
    """Return the curve at which a detector begins: a rule's value where it has one, else the risk."""
    if all("value" in evidence for evidence in alerts["evidence"]):
        return msgspec.structs.replace(UNKNOWN, score="value", scale="log")
    return UNKNOWN


def _fitted(before: ScoreCurve, alerts: pd.DataFrame, right: np.ndarray) -> ScoreCurve:
    evidences, risks = list(alerts["evidence"]), alerts["risk_score"].to_numpy(dtype="float64")
    scores = np.array([before.place(e, risk) for e, risk in zip(evidences, risks, strict=True)])
    components = [before.component(evidence) for evidence in evidences]
    names = sorted({*before.offsets, *components} - {""})
    middle = float(scores.mean())
    # About the middle of the scores, or the intercept would hang on the slope.
    begins = np.array(
        [before.intercept + before.slope * middle, before.slope, *(before.offsets.get(n, 0.0) for n in names)]
    )
    pull = np.array([*_PULL[:2], *[_PULL[2]] * len(names)])
    design = np.column_stack(
        [np.ones(len(scores)), scores - middle, *(np.array(components) == name for name in names)]
    )
    found = _likeliest(design, right, begins, pull)
    if found[1] < _LEAST_SLOPE:
        found = _likeliest(np.delete(design, 1, axis=1), right, np.delete(begins, 1), np.delete(pull, 1))
        found = np.insert(found, 1, _LEAST_SLOPE)
    intercept, slope, *offsets = (round(float(value), 4) for value in found)
    return msgspec.structs.replace(
        before,
        intercept=round(intercept - slope * middle, 4),
        slope=slope,
        offsets=dict(zip(names, offsets, strict=True)),
        highest=round(float(max(scores.max(), before.highest)), 4),
        alerts=before.alerts + len(right),
        right=before.right + int(right.sum()),
    )


def _likeliest(design: np.ndarray, right: np.ndarray, begins: np.ndarray, pull: np.ndarray) -> np.ndarray:
    found, weight = begins.copy(), 1 / pull**2
    for _ in range(_STEPS):
        share = 1 / (1 + np.exp(-np.clip(design @ found, -500, 500)))
        slope = design.T @ (right - share) - weight * (found - begins)
        bend = (design.T * (share * (1 - share))) @ design + np.diag(weight)
        step = np.linalg.solve(bend, slope)
        # A whole step of Newton's can overshoot while the shares are near 0 or 1.
        length = float(np.abs(step).max())
        found += step * min(1.0, _LONGEST / max(length, 1e-12))
        if length < 1e-8:
            break
    return found
