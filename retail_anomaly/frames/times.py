"""Epoch milliseconds to columns of timestamps in UTC, and back."""

from typing import Any

import numpy as np
import pandas as pd


def utc_times(millis: Any) -> "pd.Series[pd.Timestamp]":
    """Return epoch milliseconds as timestamps in UTC.

    Parameters
    ----------
    millis
        A column or a list of whole numbers; a missing one becomes NaT.

    Examples
    --------
    >>> utc_times([1_760_000_000_000, None]).tolist()
    [Timestamp('2025-10-09 08:53:20+0000', tz='UTC'), NaT]
    """
    # Int64 and not float64: one missing time must not round all the others.
    return pd.Series(millis, dtype="Int64").astype("datetime64[ms, UTC]")


def epoch_millis(times: "pd.Series[Any]") -> np.ndarray:
    """Return a column of timestamps as epoch milliseconds.

    Examples
    --------
    >>> epoch_millis(pd.Series([pd.Timestamp("2025-10-09", tz="Europe/Berlin")])).tolist()
    [1759960800000]
    """
    utc = pd.to_datetime(times, utc=True).astype("datetime64[ms, UTC]")
    return utc.astype("int64").to_numpy()
