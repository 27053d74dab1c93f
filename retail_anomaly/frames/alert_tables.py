"""Alerts and their evidence as tables in words, for a notebook to show."""

from collections.abc import Hashable, Mapping
from typing import Any, Final

import pandas as pd

from retail_anomaly.frames.alerts import last_revisions
from retail_anomaly.frames.confidence import confidence_of
from retail_anomaly.frames.evidence import evidence_items
from retail_anomaly.frames.shown_times import Zones, local_text, zone_of
from retail_anomaly.frames.words import label_of

_COLUMNS: Final = ["Time", "Store", "Employee", "Alert", "Risk", "Confidence", "What was seen"]


def alerts_table(alerts: pd.DataFrame, zones: Zones = "UTC") -> pd.DataFrame:
    """Return alerts in words, each once, for a notebook to show; times are those of the store's clock.

    Parameters
    ----------
    alerts
        Alerts, as `replay` returns them.
    zones
        Time zone of the stores.

    Returns
    -------
    pandas.DataFrame
        ``Time``, ``Store``, ``Employee``, ``Alert``, ``Risk``, ``Confidence`` and ``What was seen``, by
        time.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> alerts_table(example_alerts(), "Europe/Berlin")[["Time", "Employee", "Alert"]].values.tolist()
    [['2025-10-09 10:53:20 CEST', 'c-1', 'Refund burst'], ['2025-10-09 12:53:20 CEST', '', 'Shrinkage']]
    """
    shown = confidence_of(last_revisions(alerts))
    rows = [
        (
            local_text(alert["event_time"], zone_of(alert["store_id"], zones)),
            alert["store_id"],
            alert["employee_id"] if isinstance(alert["employee_id"], str) else "",
            label_of(alert["type"]),
            round(alert["risk_score"], 2),
            round(alert["confidence"], 2),
            alert["message"],
        )
        for alert in shown.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def evidence_table(alert: Mapping[Hashable, Any], zones: Zones = "UTC") -> pd.DataFrame:
    """Return one alert's evidence in words, for a notebook to show.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> alert = example_alerts().iloc[0].to_dict()
    >>> evidence_table(alert)["Evidence"].to_dict()["Off shift"]
    'yes'
    """
    items = evidence_items(alert["evidence"], zone_of(alert["store_id"], zones))
    return pd.DataFrame(items, columns=["", "Evidence"]).set_index("")
