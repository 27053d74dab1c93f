"""The store's own days and quarter hours."""

from datetime import date, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

UTC: Final = ZoneInfo("UTC")
QUARTER: Final = 900_000
"""A quarter of an hour in milliseconds."""
QUARTERS: Final = 96
"""Quarters in a day."""


@lru_cache(maxsize=1_024)  # A log repeats its days.
def is_date(text: str) -> bool:
    """Tell whether a text is a day of the calendar as ``YYYY-MM-DD``.

    Examples
    --------
    >>> is_date("2025-10-09"), is_date("2025-02-30"), is_date("20251009")
    (True, False, False)
    """
    if len(text) != len("YYYY-MM-DD") or text[4] != "-" or text[7] != "-":
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


class LocalTime:
    """Day and quarter hour in a store's time zone, summer time included.

    Parameters
    ----------
    zone
        The store's time zone.

    Notes
    -----
    Time zones differ from UTC by whole quarter hours and change over at the start of one. So the day and the
    quarter hour are computed once for each quarter, and remembered until the next.

    Examples
    --------
    >>> local = LocalTime(ZoneInfo("Europe/Berlin"))
    >>> day, quarter = local.of(1_743_294_600_000)  # 2025-03-30 00:30 UTC, half past one
    >>> local.of(1_743_294_600_000 + 3_600_000) == (day, quarter + 8)  # half past three
    True
    """

    __slots__ = ("_block", "_place", "zone")

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._block = -1
        self._place = (0, 0)

    def clock(self, time: int) -> str:
        """Return the hour and minute of a time in epoch milliseconds.

        Examples
        --------
        >>> LocalTime(ZoneInfo("Europe/Berlin")).clock(1_760_000_000_000)
        '10:53'
        """
        return f"{datetime.fromtimestamp(time / 1000, self.zone):%H:%M}"

    def of(self, time: int) -> tuple[int, int]:
        """Return the local day, as `datetime.date.toordinal` counts it, and its quarter hour, 0 to 95."""
        block = time // QUARTER
        if block != self._block:
            local = datetime.fromtimestamp(block * QUARTER // 1000, self.zone)
            self._place = (local.toordinal(), (local.hour * 60 + local.minute) // 15)
            self._block = block
        return self._place


def utc_text(time: int) -> str:
    """Return a time in epoch milliseconds as text in UTC.

    Examples
    --------
    >>> utc_text(1_760_000_000_000)
    '2025-10-09 08:53:20 UTC'
    """
    return f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def date_of(day: int) -> str:
    """Return the date of a local day.

    Examples
    --------
    >>> date_of(1)
    '0001-01-01'
    """
    return date.fromordinal(day).isoformat()
