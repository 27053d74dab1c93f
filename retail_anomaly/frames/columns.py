"""The columns that a frame must have."""

from collections.abc import Iterable
from typing import Final

import pandas as pd

from retail_anomaly.core.errors import UsageError

_ADVICE: Final = {
    "events": "pass the source itself, or `ra.load(source, mapping=...)` where its columns have other names"
}


class MissingColumnsError(UsageError, ValueError):
    """A frame lacks columns; the text is one line that names them."""


def expect_columns(frame: pd.DataFrame, columns: Iterable[str], name: str) -> None:
    """Raise an error if a frame lacks a column.

    Raises
    ------
    MissingColumnsError
        It lacks some; the message names them.

    Examples
    --------
    >>> expect_columns(pd.DataFrame({"store_id": []}), ("store_id", "risk_score"), "alerts")
    Traceback (most recent call last):
    retail_anomaly.frames.columns.MissingColumnsError: alerts: a column is missing: risk_score
    """
    missing = [column for column in columns if column not in frame]
    if missing:
        verb = "columns are" if len(missing) > 1 else "a column is"
        advice = f"; {_ADVICE[name]}" if name in _ADVICE else ""
        raise MissingColumnsError(f"{name}: {verb} missing: {', '.join(missing)}{advice}")
