"""The calendar of a store: its days, hours and midnights, summer time and half-hour zones included.

Every figure and table that counts by day or hour does it here. Times are taken to the clock on the wall first
and have no zone from then on: a day without a midnight, as in Cairo in April, is then a day like any other.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from retail_anomaly.frames.times import utc_times


def on_clock(times: pd.Series, zone: str) -> pd.Series:
    """Return times as the clocks of a zone show them, without the zone.

    Examples
    --------
    >>> on_clock(pd.Series(pd.to_datetime(["2025-07-01T10:00Z"])), "Europe/Berlin").tolist()
    [Timestamp('2025-07-01 12:00:00')]
    """
    local: pd.Series = times.dt.tz_convert(zone).dt.tz_localize(None)
    return local


def days_on_clock(times: pd.Series, zone: str) -> pd.Series:
    """Return the local day of times, without a zone.

    Examples
    --------
    >>> days_on_clock(pd.Series(pd.to_datetime(["2025-04-24T22:30Z"])), "Africa/Cairo").tolist()
    [Timestamp('2025-04-25 00:00:00')]
    """
    days: pd.Series = on_clock(times, zone).dt.normalize()
    return days


def local_days(times: np.ndarray, zone: str) -> np.ndarray:
    """Return the local day of times, as days since 1970.

    Parameters
    ----------
    times
        Epoch milliseconds.
    zone
        An IANA name.

    Examples
    --------
    >>> local_days(np.array([1_760_054_400_000]), "America/New_York").tolist()
    [20370]
    >>> local_days(np.array([1_760_054_400_000]), "UTC").tolist()
    [20371]
    """
    return np.asarray(on_clock(utc_times(times), zone).to_numpy().astype("datetime64[D]").astype("int64"))


def midnight(day: date, zone: str) -> int:
    """Return the start of a day in epoch milliseconds.

    Examples
    --------
    >>> midnight(date(2025, 10, 9), "Europe/Berlin")
    1759960800000
    """
    return int(
        datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC).timestamp() * 1000
    )


def by_local_hour(quarters: Mapping[int, int], zone: str) -> "pd.Series[int]":
    """Return counts by the hour of the store's clock.

    Parameters
    ----------
    quarters
        Counts by quarter hours since 1970: zones differ from UTC by whole quarter hours.
    zone
        An IANA name.

    Examples
    --------
    >>> by_local_hour({1_955_553: 2, 1_955_555: 3}, "Asia/Kolkata").to_dict()  # 08:15 and 08:45 in UTC
    {Timestamp('2025-10-09 13:00:00'): 2, Timestamp('2025-10-09 14:00:00'): 3}
    """
    starts = pd.Series(np.array(list(quarters), dtype="int64") * 900_000)
    hours = on_clock(utc_times(starts), zone).dt.floor("h")
    # Sum the hour that comes twice when summer time ends.
    return pd.Series(list(quarters.values())).groupby(hours.to_numpy()).sum()


def hours_of_days(first: pd.Timestamp, last: pd.Timestamp, zone: str) -> pd.DatetimeIndex:
    """Return every hour that the store's clock shows on some days, without a zone.

    Examples
    --------
    >>> day = pd.Timestamp("2025-03-30")  # summer time begins in Berlin
    >>> len(hours_of_days(day, day, "Europe/Berlin")), len(hours_of_days(day, day, "UTC"))
    (23, 24)
    """
    hours = pd.date_range(first.normalize(), last.normalize() + pd.Timedelta("23h"), freq="h")
    shown = hours.tz_localize(zone, nonexistent="NaT", ambiguous=np.ones(len(hours), dtype=bool))
    return hours[np.asarray(shown.notna())]
