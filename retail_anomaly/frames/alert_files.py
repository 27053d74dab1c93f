"""Alerts as files: JSON lines, CSV, Parquet and Excel, which `read_alerts` reads back."""

import json
from pathlib import Path
from typing import Any, Final

import pandas as pd

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.extras import require
from retail_anomaly.frames.times import epoch_millis
from retail_anomaly.whole_file import whole_file

TABLES: Final = (".csv", ".parquet", ".xlsx")
_TIMES: Final = ("event_time", "opened_at", "detected_at")


def write_alerts(alerts: pd.DataFrame, path: str | Path) -> Path:
    """Write alerts to a file, whose suffix says the form.

    Parameters
    ----------
    alerts
        Alerts, as a replay returns them.
    path
        ``.jsonl``, ``.csv``, ``.parquet`` or ``.xlsx``; a file of that name is replaced when all is written.
        Tables have the evidence as JSON, and times in UTC.

    Raises
    ------
    UsageError
        The suffix is another one, or its extra is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from retail_anomaly.frames.alerts import example_alerts, read_alerts
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_alerts(write_alerts(example_alerts(), Path(folder) / "alerts.csv"))["type"].tolist()
    ['REFUND_BURST', 'SHRINKAGE']
    """
    path = Path(path)
    form = path.suffix.lower()
    if form not in (*TABLES, ".jsonl"):
        raise UsageError(f"{path}: expected a name that ends with .jsonl, {', '.join(TABLES)}")
    with whole_file(path) as file:
        if form == ".jsonl":
            file.writelines(encode(alert) + b"\n" for alert in alerts_of(alerts))
        elif form == ".csv":
            file.write(_flat(alerts).to_csv(index=False).encode())
        elif form == ".parquet":
            require("pyarrow")
            _flat(alerts).to_parquet(file, index=False)
        else:
            _write_sheet(_flat(alerts), file)
    return path


def alerts_of(alerts: pd.DataFrame) -> list[Alert]:
    """Return the alerts of a frame as structs.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> [alert.alert_id for alert in alerts_of(example_alerts())]
    ['a1', 'a2']
    """
    plain = alerts[list(Alert.__struct_fields__)].assign(
        **{field: epoch_millis(alerts[field]) for field in _TIMES}
    )
    rows: list[dict[str, Any]] = [
        {str(name): value for name, value in row.items()} for row in plain.to_dict("records")
    ]
    for row in rows:
        row["employee_id"] = row["employee_id"] if isinstance(row["employee_id"], str) else None
    return [Alert(**row) for row in rows]


def _flat(alerts: pd.DataFrame) -> pd.DataFrame:
    """Return alerts with evidence as JSON and times as text in UTC."""
    flat = alerts.assign(evidence=[encode(evidence).decode() for evidence in alerts["evidence"]])
    times = {name: alerts[name].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for name in _TIMES}
    return flat.assign(**times)


def _write_sheet(flat: pd.DataFrame, file: Any) -> None:
    require("openpyxl")
    with pd.ExcelWriter(file, engine="openpyxl") as book:
        flat.to_excel(book, sheet_name="Alerts", index=False)
        for row in book.sheets["Alerts"].iter_rows():
            for cell in row:
                if cell.data_type == "f":  # an id that begins with = is no formula
                    cell.data_type = "s"


def read_table(path: Path) -> list[Alert]:
    """Return the alerts of a table that `write_alerts` has written."""
    frame: pd.DataFrame
    if path.suffix.lower() == ".csv":
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    elif path.suffix.lower() == ".xlsx":
        require("openpyxl")
        frame = pd.read_excel(path, dtype=str, keep_default_na=False)
    else:
        require("pyarrow")
        frame = pd.read_parquet(path)
    frame = frame.assign(
        revision=frame["revision"].astype("int64"),
        risk_score=frame["risk_score"].astype("float64"),
        employee_id=pd.Series(
            [name if isinstance(name, str) and name else None for name in frame["employee_id"]],
            dtype="object",
        ),
        evidence=[json.loads(text) for text in frame["evidence"]],
        **{name: pd.to_datetime(frame[name], utc=True) for name in _TIMES},
    )
    return alerts_of(frame)
