"""Alerts as a frame: made from structs, read from a file, each with its last revision."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd

from retail_anomaly.cases import Calibration
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.records import decode_record
from retail_anomaly.frames.alert_files import TABLES, read_table
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.frames.confidence import with_confidence
from retail_anomaly.frames.json_lines import read_json_lines
from retail_anomaly.frames.times import utc_times

_ALERT_TIMES: Final = ("event_time", "opened_at", "detected_at")
_SHOWN: Final = (
    "alert_id",
    "revision",
    "type",
    "store_id",
    "employee_id",
    "risk_score",
    "message",
    "event_time",
    "evidence",
)


def alerts_frame(alerts: Iterable[Alert], calibration: Calibration | None = None) -> pd.DataFrame:
    """Return alerts as a DataFrame: one row each, times as UTC timestamps, evidence as dicts.

    Parameters
    ----------
    alerts
        The alerts.
    calibration
        Gives ``confidence`` and ``expected_loss``, see `with_confidence`; by default the packaged one.

    Examples
    --------
    >>> alerts_frame([]).columns[6:9].tolist()
    ['risk_score', 'confidence', 'expected_loss']
    """
    fields = Alert.__struct_fields__
    rows = [[getattr(alert, field) for field in fields] for alert in alerts]
    frame = pd.DataFrame(rows, columns=list(fields))
    for field in _ALERT_TIMES:
        frame[field] = utc_times(frame[field])
    return with_confidence(frame.astype({"revision": "int64", "risk_score": "float64"}), calibration)


def read_alerts(path: str | Path) -> pd.DataFrame:
    """Read an alerts file, as written by a replay or a sink, to a DataFrame.

    Parameters
    ----------
    path
        JSON lines, one alert a line; or a table that `ReplayResult.write` has written.

    Returns
    -------
    pandas.DataFrame
        As `alerts_frame` does.

    Raises
    ------
    InvalidRecord
        A line is no alert. The text names file, line and field. The error is a ValueError.
    """
    if Path(path).suffix.lower() in TABLES:
        return alerts_frame(read_table(Path(path)))
    return alerts_frame(read_json_lines(path, partial(decode_record, Alert)))


def last_revisions(alerts: pd.DataFrame) -> pd.DataFrame:
    """Return each alert once, as its last revision has it, in order of time.

    Repeated alerts, as a restart leaves them, count once too.

    Examples
    --------
    >>> alerts = example_alerts()
    >>> worse = alerts.head(1).assign(revision=2, risk_score=1.0)
    >>> last_revisions(pd.concat([alerts, worse]))[["alert_id", "revision"]].values.tolist()
    [['a1', 2], ['a2', 1]]
    """
    expect_columns(alerts, _SHOWN, "alerts")
    last = alerts.sort_values("revision", kind="stable").drop_duplicates("alert_id", keep="last")
    return last.sort_values(["event_time", "alert_id"], kind="stable", ignore_index=True)


def named_employees(alerts: pd.DataFrame) -> int:
    """Return how many employees the alerts name; equal names in two stores are two employees.

    Examples
    --------
    >>> named_employees(example_alerts())
    1
    """
    named = alerts.dropna(subset="employee_id")
    return len(named[["store_id", "employee_id"]].drop_duplicates())


def example_alerts() -> pd.DataFrame:
    """Return two made-up alerts, for examples and tests.

    Examples
    --------
    >>> example_alerts()["type"].tolist()
    ['REFUND_BURST', 'SHRINKAGE']
    """
    times = utc_times([1_760_000_000_000, 1_760_007_200_000])
    burst = {
        "transactionIds": ["t-1", "t-2"],
        "refundCount": 2,
        "totalRefunds": 2,
        "averageAmount": 120.0,
        "offShift": True,
    }
    return pd.DataFrame(
        {
            "alert_id": ["a1", "a2"],
            "revision": [1, 1],
            "type": ["REFUND_BURST", "SHRINKAGE"],
            "detector": ["refund_burst", "inventory_shrinkage"],
            "store_id": ["store-1", "store-1"],
            "employee_id": ["c-1", None],
            "risk_score": [0.88, 1.0],
            "message": ["Cashier c-1 made 2 high refunds.", "10 pieces are unexplained."],
            "event_time": times,
            "opened_at": times,
            "detected_at": times,
            "evidence": [burst, {"sku": "sku-1", "sold": 30, "counted": 20, "difference": 10}],
            "config_hash": ["0", "0"],
        }
    )
