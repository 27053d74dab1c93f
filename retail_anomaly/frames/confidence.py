"""The confidence of alerts as columns of a frame."""

import numpy as np
import pandas as pd

from retail_anomaly.cases import Calibration, packaged_calibration
from retail_anomaly.core.stakes import at_stake
from retail_anomaly.frames.columns import expect_columns


def with_confidence(alerts: pd.DataFrame, calibration: Calibration | None = None) -> pd.DataFrame:
    """Return alerts with their confidence and expected loss, beside the risk.

    Parameters
    ----------
    alerts
        Alerts, as `replay` or `read_alerts` returns them.
    calibration
        By default the packaged one.

    Returns
    -------
    pandas.DataFrame
        The alerts with ``confidence``, the probability that the alert is right, and ``expected_loss``, that
        times the money that it is about; NaN where it is about pieces.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> alerts = with_confidence(example_alerts())
    >>> bool(alerts["confidence"].between(0, 1).all()), alerts["expected_loss"].notna().tolist()
    (True, [True, False])
    """
    expect_columns(alerts, ("detector", "evidence", "risk_score"), "alerts")
    calibration = calibration or packaged_calibration()
    confidence = np.array(
        [
            calibration.confidence(detector, evidence, risk)
            for detector, evidence, risk in zip(
                alerts["detector"], alerts["evidence"], alerts["risk_score"], strict=True
            )
        ],
        dtype="float64",
    )
    money = np.array([_money(at_stake(evidence)) for evidence in alerts["evidence"]], dtype="float64")
    given = alerts.drop(columns=["confidence", "expected_loss"], errors="ignore")
    place = list(given.columns).index("risk_score") + 1
    given.insert(place, "confidence", confidence)
    given.insert(place + 1, "expected_loss", np.round(confidence * money, 2))
    return given


def confidence_of(alerts: pd.DataFrame) -> pd.DataFrame:
    """Return alerts with their confidence: as they bear it, else by the packaged calibration.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> confidence_of(example_alerts().assign(confidence=0.5))["confidence"].tolist()
    [0.5, 0.5]
    """
    return alerts if "confidence" in alerts else with_confidence(alerts)


def _money(amount: float | None) -> float:
    return np.nan if amount is None else amount
