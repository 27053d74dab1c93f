"""An alert in InfluxDB, column by column: the sink writes them and `InfluxFeed` reads them back."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from retail_anomaly.core.alerts import Alert


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class AlertColumn:
    """One field of an alert.

    Parameters
    ----------
    name
        Its name on the wire, as CONTRACT and consumers know it.
    column
        Its name in InfluxDB.
    tag
        Whether it is a tag there: queries can group by a tag, and each combination of tags costs an index
        entry.
    write, read
        The value in InfluxDB from that of the alert, and back.
    """

    name: str
    column: str
    tag: bool = False
    write: Callable[[Any], Any] = _as_it_is
    read: Callable[[Any], Any] = _as_it_is


ALERT_COLUMNS: Final = (
    AlertColumn("type", "type", tag=True),
    AlertColumn("detector", "detector", tag=True),
    AlertColumn("storeId", "store", tag=True),
    AlertColumn("alertId", "alertId"),
    AlertColumn("revision", "revision"),
    AlertColumn("riskScore", "riskScore"),
    # A field that one revision lacks would keep the value of the one before, so it is empty and never
    # missing.
    AlertColumn(
        "employeeId", "employee", write=lambda employee: employee or "", read=lambda text: text or None
    ),
    AlertColumn("message", "message"),
    AlertColumn("openedAt", "openedAt"),
    AlertColumn("eventTime", "eventTime"),
    AlertColumn("detectedAt", "detectedAt"),
    AlertColumn("configHash", "configHash"),
    AlertColumn(
        "evidence",
        "evidence",
        write=lambda evidence: msgspec.json.encode(evidence).decode(),
        read=msgspec.json.decode,
    ),
)
"""All fields of an alert."""

SEVERITY: Final = "severity"
"""The one field that InfluxDB has and the alert has not: a name for its risk."""

RESERVED: Final = frozenset(["time", SEVERITY, *(column.column for column in ALERT_COLUMNS)])
"""Names that a field of the evidence can't have: it would hide a column, or be hidden by one."""

_ATTRIBUTES: Final = {field.encode_name: field.name for field in msgspec.structs.fields(Alert)}


def alert_values(alert: Alert) -> Iterable[tuple[AlertColumn, Any]]:
    """Yield each column with the value that InfluxDB gets.

    Examples
    --------
    >>> alert = Alert("a", 2, "T", "d", "s", None, 1.0, "", 9, 5, {}, "0")
    >>> {column.column: value for column, value in alert_values(alert)}["employee"]
    ''
    """
    return ((column, column.write(getattr(alert, _ATTRIBUTES[column.name]))) for column in ALERT_COLUMNS)


def alert_of(row: Mapping[str, Any]) -> Alert:
    """Return the alert that a row of InfluxDB was written from.

    Parameters
    ----------
    row
        Values by column.

    Examples
    --------
    >>> at = 1_760_000_000_000
    >>> alert = Alert("a", 2, "T", "d", "s", None, 1.0, "", at, at, {"sku": "k"}, "0")
    >>> alert_of({column.column: value for column, value in alert_values(alert)}) == alert
    True
    """
    content = {column.name: column.read(row[column.column]) for column in ALERT_COLUMNS}
    return msgspec.convert(content, Alert)
