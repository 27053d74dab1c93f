"""Incidents: the known truth that alerts are compared with."""

from collections.abc import Iterable
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
    "distractor": "distractor",
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
        ``transaction_ids``, ``expected_loss``, ``sku``, ``detector`` (the one meant to see it),
        ``distractor`` (bool: honest trade that only looks like an incident, so that an alert about it is a
        false one).

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
    frame["distractor"] = [value is True for value in frame["distractor"]]
    return frame
