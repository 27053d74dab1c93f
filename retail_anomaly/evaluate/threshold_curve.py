"""The figures of alerts by threshold of confidence."""

import numpy as np
import pandas as pd

from retail_anomaly.evaluate.match import distractors
from retail_anomaly.evaluate.store_sums import StoreSums


def threshold_curve(sums: StoreSums, incidents: pd.DataFrame) -> pd.DataFrame:
    """Return the figures of the alerts whose last revision has the confidence of each threshold, or more."""
    confidence = sums.alerts["confidence"].to_numpy(dtype="float64")
    thresholds = np.unique(confidence)
    pairs = sums.pairs[~distractors(incidents)[sums.pairs["incident"]]]
    pairs = pairs.merge(sums.alerts[["alert_id", "confidence"]], on="alert_id")
    # An incident counts as found up to the confidence of its surest alert.
    best = pairs.groupby("incident")["confidence"].max()
    losses = pd.to_numeric(incidents["expected_loss"]).fillna(0.0).to_numpy(dtype="float64")
    lost = losses[best.index.to_numpy(dtype="int64")]

    def reaching(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        order = np.argsort(values, kind="stable")
        totals = np.cumsum(np.ones(len(values)) if weights is None else weights[order])
        below: np.ndarray = np.concatenate([[0.0], totals])
        return np.asarray(below[-1] - below[np.searchsorted(values[order], thresholds, side="left")])

    raised, true = reaching(confidence), reaching(confidence[sums.alerts["true"].to_numpy(dtype=bool)])
    total, days = sums.counts["incidents"].sum(), sums.counts["store_days"].sum(min_count=1)
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
