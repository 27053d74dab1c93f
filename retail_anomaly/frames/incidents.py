"""Incidents as a frame: made from structs or mappings, or read from a file."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import pandas as pd

from retail_anomaly.core.incidents import Incident, decode_incident, incident_from
from retail_anomaly.core.records import InvalidRecord
from retail_anomaly.frames.json_lines import read_json_lines
from retail_anomaly.frames.times import utc_times
from retail_anomaly.settings import NO_PSEUDONYMS, PrivacySettings, pseudonyms_of


def read_incidents(path: Path | str, *, privacy: PrivacySettings = NO_PSEUDONYMS) -> pd.DataFrame:
    """Read an incidents file, as `retail-datagen` writes it.

    Parameters
    ----------
    path
        A file of JSON lines. ``employeeId``, ``transactionIds``, ``expectedLoss``, ``sku``, ``detector`` and
        ``distractor`` may be absent.
    privacy
        With pseudonyms, the one of the time at which an incident begins takes the place of a clear
        ``employeeId``, as in the alerts.

    Returns
    -------
    pandas.DataFrame
        As `incidents_frame` does.

    Raises
    ------
    InvalidRecord
        A line is no incident, or repeats the id of an earlier one. The text names file, line and field. The
        error is a ValueError.
    KeyMissingError
        There are pseudonyms, and the key is not in the environment.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "incidents.jsonl"
    ...     _ = path.write_text('{"incidentId": "i-1", "scenario": "refund_burst", "storeId": 7}')
    ...     read_incidents(path)
    Traceback (most recent call last):
    ...
    retail_anomaly.core.records.InvalidRecord: ...incidents.jsonl:1: storeId: expected text, got 7
    """
    ids: set[str] = set()
    names = pseudonyms_of(privacy)

    def decode(line: bytes) -> Incident:
        incident = decode_incident(line)
        if incident.incident_id in ids:
            reason = f'expected an id of its own, got "{incident.incident_id}" again'
            raise InvalidRecord("incidentId", f"incidentId: {reason}")
        ids.add(incident.incident_id)
        if names is None or incident.employee_id is None:
            return incident
        return msgspec.structs.replace(incident, employee_id=names.of(incident.employee_id, incident.start))

    return incidents_frame(read_json_lines(path, decode))


def incidents_frame(incidents: Iterable[Incident | Mapping[str, object]]) -> pd.DataFrame:
    """Return incidents as a DataFrame: one row each, times as UTC timestamps.

    Parameters
    ----------
    incidents
        Incidents, for example of a `data_gen.Simulation`, or mappings with the names of an incidents file.

    Returns
    -------
    pandas.DataFrame
        A column for each field of `retail_anomaly.core.incidents.Incident`: ``incident_id``, ``scenario``,
        ``store_id``, ``employee_id``, ``start``, ``end``, ``transaction_ids``, ``expected_loss``, ``sku``,
        ``detector``, ``distractor``.

    Raises
    ------
    InvalidRecord
        One is no incident; the text has its number, from 1, and names the field. The error is a ValueError.

    Examples
    --------
    >>> incident = {"incidentId": "i-1", "scenario": "refund_burst", "storeId": "store-1",
    ...     "start": 1_760_000_000_000, "end": 1_760_000_000_000}
    >>> incidents_frame([incident])[["scenario", "start"]].values.tolist()
    [['refund_burst', Timestamp('2025-10-09 08:53:20+0000', tz='UTC')]]
    """
    rows = [
        msgspec.structs.astuple(_checked(number, incident)) for number, incident in enumerate(incidents, 1)
    ]
    frame = pd.DataFrame(rows, columns=list(Incident.__struct_fields__))
    frame = frame.assign(start=utc_times(frame["start"]), end=utc_times(frame["end"]))
    return frame.astype({"expected_loss": "float64", "distractor": "bool"})


def _checked(number: int, incident: Incident | Mapping[str, object]) -> Incident:
    try:
        return incident_from(msgspec.to_builtins(incident))
    except InvalidRecord as error:
        raise InvalidRecord(error.field, f"incident {number}: {error}") from None
