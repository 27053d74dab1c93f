"""Alerts and scores as DataFrames, and a file of alerts read back."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
import pandas as pd

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.score import Score

_ALERT_TIMES: Final = ("event_time", "opened_at", "detected_at")


def alerts_frame(alerts: Iterable[Alert]) -> pd.DataFrame:
    """Return alerts as a DataFrame: one row each, times as UTC timestamps, evidence as dicts.

    Examples
    --------
    >>> alerts_frame([]).columns[:4].tolist()
    ['alert_id', 'revision', 'type', 'detector']
    """
    fields = Alert.__struct_fields__
    rows = [[getattr(alert, field) for field in fields] for alert in alerts]
    frame = pd.DataFrame(rows, columns=list(fields))
    for field in _ALERT_TIMES:
        # Through Int64: one alert without a time must not round all of them to floats.
        millis = frame[field].astype("Int64")
        frame[field] = pd.to_datetime(millis, unit="ms", utc=True).astype("datetime64[ms, UTC]")
    return frame.astype({"revision": "int64", "risk_score": "float64"})


def scores_frame(scores: Iterable[Score]) -> pd.DataFrame:
    """Return the models' scores as a DataFrame: one row each, times as UTC timestamps.

    Examples
    --------
    >>> scores_frame([]).columns[:5].tolist()
    ['detector', 'store_id', 'subject', 'start', 'end']
    """
    fields = Score.__struct_fields__
    frame = pd.DataFrame([[getattr(s, f) for f in fields] for s in scores], columns=list(fields))
    for field in ("start", "end"):
        times = pd.to_datetime(frame[field].astype("int64"), unit="ms", utc=True)
        frame[field] = times.astype("datetime64[ms, UTC]")
    return frame.astype({"score": "float64", "expected": "float64"})


def read_alerts(path: str | Path) -> pd.DataFrame:
    """Read an alerts file, as written by a replay or a sink, to a DataFrame.

    Parameters
    ----------
    path
        JSON lines, one alert a line.

    Returns
    -------
    pandas.DataFrame
        As `alerts_frame` does.

    Raises
    ------
    ValueError
        A line is no alert; the message has its number.
    """
    alerts = []
    decode = msgspec.json.Decoder(Alert).decode
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.isspace():
                continue
            try:
                alerts.append(decode(line))
            except msgspec.DecodeError as error:
                raise ValueError(f"{path}:{number}: no alert: {error}") from None
    return alerts_frame(alerts)
