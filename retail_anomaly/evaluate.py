"""Alerts against incidents: which of the known truth was found."""

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import pandas as pd

_COLUMNS: Final = {
    "incidentId": "incident_id",
    "scenario": "scenario",
    "storeId": "store_id",
    "employeeId": "employee_id",
    "start": "start",
    "end": "end",
    "transactionIds": "transaction_ids",
    "expectedLoss": "expected_loss",
    "sku": "sku",
    "detector": "detector",
}
_REQUIRED: Final = ("incidentId", "scenario", "storeId", "start", "end")


def read_incidents(path: Path | str) -> pd.DataFrame:
    """Read incidents, as `retail-datagen` writes them.

    Parameters
    ----------
    path
        A file of JSON lines.

    Returns
    -------
    pandas.DataFrame
        As `incidents_frame` does.

    Raises
    ------
    ValueError
        A line is not an incident; the message names the file and the line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "incidents.jsonl"
    ...     _ = path.write_text('{"incidentId": "i-1", "scenario": "refund_burst"}')
    ...     read_incidents(path)
    Traceback (most recent call last):
    ...
    ValueError: ...incidents.jsonl:1: no incident: storeId, start, end missing
    """
    incidents = []
    with Path(path).open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                incident = msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.MsgspecError as error:
                raise ValueError(f"{path}:{number}: no incident: {error}") from None
            if missing := [name for name in _REQUIRED if name not in incident]:
                raise ValueError(f"{path}:{number}: no incident: {', '.join(missing)} missing")
            incidents.append(incident)
    return incidents_frame(incidents)


def incidents_frame(incidents: Iterable[object]) -> pd.DataFrame:
    """Return incidents as a DataFrame: one row each, times as UTC timestamps.

    Parameters
    ----------
    incidents
        Incidents of `data_gen`, or dictionaries with the names they have in a file.

    Returns
    -------
    pandas.DataFrame
        ``incident_id``, ``scenario``, ``store_id``, ``employee_id``, ``start``, ``end``,
        ``transaction_ids``, ``expected_loss``, ``sku``, ``detector``.

    Examples
    --------
    >>> incident = {"incidentId": "i-1", "scenario": "refund_burst", "storeId": "store-1",
    ...     "start": 1_760_000_000_000, "end": 1_760_000_000_000}
    >>> incidents_frame([incident])[["scenario", "start"]].values.tolist()
    [['refund_burst', Timestamp('2025-10-09 08:53:20+0000', tz='UTC')]]
    """
    plain = map(msgspec.to_builtins, incidents)
    rows = [{column: incident.get(name) for name, column in _COLUMNS.items()} for incident in plain]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS.values()))
    for column in ("start", "end"):
        times = pd.to_datetime(frame[column].astype("int64"), unit="ms", utc=True)
        frame[column] = times.astype("datetime64[ms, UTC]")
    return frame


def match_incidents(alerts: pd.DataFrame, incidents: pd.DataFrame) -> pd.DataFrame:
    """Tell of each incident which alerts found it.

    An alert finds an incident of its own store and of the detector that is meant to see it; where the
    incident names none, its scenario does. It must be about one of the incident's transactions, else its sku, else its
    employee, and an alert that names no transaction must come between the incident's start and end.

    Parameters
    ----------
    alerts
        Alerts, as `replay` returns them.
    incidents
        Incidents, as `read_incidents` returns them.

    Returns
    -------
    pandas.DataFrame
        The incidents, with ``alert_ids`` (a list) and ``found``.

    Examples
    --------
    >>> from retail_anomaly.plots import example_alerts
    >>> alerts = example_alerts()
    >>> incident = {"incident_id": "i-1", "scenario": "refund_burst", "store_id": "store-1",
    ...     "employee_id": "c-1", "start": alerts["event_time"][0], "end": alerts["event_time"][0],
    ...     "transaction_ids": ["t-2", "t-3"], "expected_loss": 240.0, "sku": None}
    >>> match_incidents(alerts, pd.DataFrame([incident]))[["incident_id", "alert_ids", "found"]]
      incident_id alert_ids  found
    0         i-1      [a1]   True
    """
    groups = {key: group.to_dict("records") for key, group in alerts.groupby(["store_id", "detector"])}
    alert_ids = [
        # A dictionary, for the revisions of an alert share its id.
        list({alert["alert_id"]: None for alert in groups.get(key, ()) if _finds(alert, incident)})
        for incident in incidents.to_dict("records")
        for key in [(incident["store_id"], incident.get("detector") or incident["scenario"])]
    ]
    lists = pd.Series(alert_ids, index=incidents.index, dtype="object")
    return incidents.assign(alert_ids=lists, found=lists.map(bool).astype("bool"))


def _finds(alert: Mapping[Hashable, Any], incident: Mapping[Hashable, Any]) -> bool:
    evidence = alert["evidence"]
    transactions = set(incident["transaction_ids"] or ())
    if transactions:
        named = {*evidence.get("transactionIds", ()), evidence.get("transactionId")}
        return bool(named & transactions)
    if not incident["start"] <= alert["event_time"] <= incident["end"]:
        return False
    if isinstance(incident["sku"], str):
        return bool(evidence.get("sku") == incident["sku"])
    return bool(alert["employee_id"] == incident["employee_id"])
