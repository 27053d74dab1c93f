"""The store's own days and quarter hours."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from retail_anomaly.core.errors import UsageError

UTC: Final = ZoneInfo("UTC")
QUARTER: Final = 900_000
"""A quarter of an hour in milliseconds."""
QUARTERS: Final = 96
"""Quarters in a day."""
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a clock on the wall shows no zone


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


def known_zone(name: str, store_id: str | None = None) -> str:
    """Return a time zone's name; refuse one that there is not.

    Parameters
    ----------
    name
        The name.
    store_id
        The store that has it; None: all.

    Examples
    --------
    >>> known_zone("Europe/Berlin")
    'Europe/Berlin'
    >>> known_zone("Berlin", "s-1")
    Traceback (most recent call last):
    retail_anomaly.core.errors.UsageError: time zone of s-1: expected an IANA name ..., got 'Berlin'
    """
    if store_id == "*":
        raise UsageError(f"zones: '*' is no store; one zone of all stores is given as text: {name!r}")
    if not _is_zone(name):
        whose = "" if store_id is None else f" of {store_id}"
        raise UsageError(f"time zone{whose}: expected an IANA name such as Europe/Paris, got {name!r}")
    return name


@lru_cache
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError, TypeError):
        return False
    return True


class WallClock:
    """Times without a zone, as a store's clock on the wall shows them.

    Parameters
    ----------
    zone
        The store's time zone.

    Notes
    -----
    An hour that comes twice when summer time ends is taken as its first time. A time that the clock skips
    when summer time begins is counted on from before, so 02:30 is 03:30.

    Examples
    --------
    >>> clock = WallClock(ZoneInfo("Europe/Berlin"))
    >>> utc_text(clock.utc(1_760_000_000_000))  # the clock shows 08:53:20
    '2025-10-09 06:53:20 UTC'
    """

    _MOST_BLOCKS: Final = 100_000

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._offsets: dict[int, int] = {}

    def utc(self, local: int) -> int:
        """Return the epoch milliseconds of a time on the clock, `local` in milliseconds since 1970."""
        block = local // QUARTER
        offset = self._offsets.get(block)
        if offset is None:
            if len(self._offsets) >= self._MOST_BLOCKS:
                self._offsets.clear()
            offset = self._offsets[block] = self._offset(block)
        return local - offset

    def all_utc(self, local: Sequence[int | None]) -> Sequence[int | None]:
        """Return the epoch milliseconds of times on the clock; None stays."""
        if self.zone.key == "UTC":
            return local
        return [time if time is None else self.utc(time) for time in local]

    def _offset(self, block: int) -> int:
        try:
            shown = _EPOCH + timedelta(milliseconds=block * QUARTER)
            offset = shown.replace(tzinfo=self.zone).utcoffset()
        except OverflowError:  # no year that a calendar has; the check of the event refuses it
            return 0
        return round((offset or timedelta()).total_seconds() * 1000)


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
