"""Hours of the week in a store's own time, and the next time at which its clock shows an hour.

Summer time is where such hours go wrong: an hour that the clock skips must not swallow a digest, and an hour
that comes twice must not send it twice.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, Self, TypeAlias
from zoneinfo import ZoneInfo

from retail_anomaly.core.local_time import QUARTER, WallClock

Per: TypeAlias = Literal["hour", "day"]

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * 60
_WEEK_QUARTERS: Final = 8 * 96  # a week and a day, for the week in which an hour comes twice
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_FORM: Final = "expected hours such as 22:00-07:00 or mon-fri 08:00-20:00"


def minute_of_day(text: str) -> int:
    """Return the minute of the day of a time such as ``08:30``; ``24:00`` is the end of the day.

    Raises
    ------
    ValueError
        The text is no such time.

    Examples
    --------
    >>> minute_of_day("08:30")
    510
    """
    if _CLOCK.fullmatch(text) is None:
        raise ValueError(f"expected a time such as 08:30, got {text!r}")
    return int(text[:2]) * 60 + int(text[3:])


class _Span(NamedTuple):
    days: frozenset[int]
    begin: int
    end: int


class WeekHours(NamedTuple):
    """Spans of hours on days of the week, by the clock on a store's wall.

    Parameters
    ----------
    spans
        The spans; one that ends before it begins goes on after midnight.

    Examples
    --------
    >>> night = WeekHours.parse(["22:00-07:00"])
    >>> night.cover(1_760_000_000_000, ZoneInfo("Europe/Berlin"))  # 10:53
    False
    """

    spans: tuple[_Span, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Read spans such as ``22:00-07:00``, ``sat 09:00-18:00`` or ``mon-fri 08:00-20:00``.

        Raises
        ------
        ValueError
            A text is no span of hours, or the spans together are the whole week.

        Examples
        --------
        >>> WeekHours.parse(["08:00"])
        Traceback (most recent call last):
        ValueError: expected hours such as 22:00-07:00 or mon-fri 08:00-20:00, got '08:00'
        """
        hours = cls(tuple(_span(text) for text in texts))
        week = ((day, minute) for day in range(7) for minute in range(_DAY))
        if hours.spans and all(hours.covers(day, minute) for day, minute in week):
            raise ValueError("expected hours that leave a part of the week free")
        return hours

    def covers(self, day: int, minute: int) -> bool:
        """Tell whether a minute of a day of the week, Monday being 0, is within a span."""
        return any(
            (day in days and begin <= minute < end)
            if begin < end
            else (day in days and minute >= begin) or ((day - 1) % 7 in days and minute < end)
            for days, begin, end in self.spans
        )

    def cover(self, time: int, zone: ZoneInfo) -> bool:
        """Tell whether a time, in epoch milliseconds, is within a span in a zone."""
        if not self.spans:
            return False
        local = datetime.fromtimestamp(time / 1000, zone)
        return self.covers(local.weekday(), local.hour * 60 + local.minute)

    def over_at(self, time: int, zone: ZoneInfo) -> int:
        """Return the first minute from a time on that no span covers, in epoch milliseconds.

        Examples
        --------
        >>> from retail_anomaly.core.local_time import utc_text
        >>> berlin, night = ZoneInfo("Europe/Berlin"), WeekHours.parse(["22:00-02:30"])
        >>> utc_text(night.over_at(1_743_287_400_000, berlin))  # the clock skips 02:30 in that night
        '2025-03-30 01:00:00 UTC'
        """
        if not self.cover(time, zone):
            return time
        # It is the end of a span, or a quarter of an hour at which the clock is put forward or back.
        places = sorted({0, *(span.end * _MINUTE % QUARTER for span in self.spans)})
        first = time // QUARTER
        minutes = (
            quarter * QUARTER + place for quarter in range(first, first + _WEEK_QUARTERS) for place in places
        )
        return next(each for each in minutes if each > time and not self.cover(each, zone))


ANY_TIME: Final = WeekHours()
"""No hours at all: nothing is limited to them."""


def next_clock(minutes: Iterable[int], time: int, zone: ZoneInfo) -> int:
    """Return when the clock in a zone next shows one of some minutes of the day, in epoch milliseconds.

    Each comes once a day: an hour that comes twice counts as its first time, a time that the clock skips is
    counted on from before.

    Parameters
    ----------
    minutes
        Minutes of the day, of which there is one at least.
    time
        The present time; the time returned is later.
    zone
        The zone.

    Examples
    --------
    >>> from retail_anomaly.core.local_time import utc_text
    >>> utc_text(next_clock([8 * 60], 1_760_000_000_000, ZoneInfo("Europe/Berlin")))
    '2025-10-10 06:00:00 UTC'
    """
    midnight, wall = _midnight(time, zone), WallClock(zone)
    return min(
        at
        for day in (0, 1, 2)
        for minute in minutes
        if (at := wall.utc(midnight + (day * _DAY + minute) * _MINUTE)) > time
    )


def window_of(time: int, per: Per, zone: ZoneInfo) -> tuple[int, int]:
    """Return begin and end of the hour or the day of a zone in which a time is, in epoch milliseconds.

    Examples
    --------
    >>> begin, end = window_of(1_743_300_000_000, "day", ZoneInfo("Europe/Berlin"))  # summer time begins
    >>> (end - begin) // 3_600_000
    23
    """
    local = datetime.fromtimestamp(time / 1000, zone)
    if per == "hour":
        begin = time - (local.minute * _MINUTE + local.second * 1_000 + time % 1_000)
        return begin, begin + _HOUR
    midnight, wall = _midnight(time, zone), WallClock(zone)
    return wall.utc(midnight), wall.utc(midnight + _DAY * _MINUTE)


_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a clock on the wall shows no zone


def _midnight(time: int, zone: ZoneInfo) -> int:
    """Return the midnight before a time as the clock shows it, in milliseconds since 1970."""
    day = datetime.fromtimestamp(time / 1000, zone).date()
    return (day - _EPOCH.date()) // timedelta(days=1) * _DAY * _MINUTE


def _span(text: str) -> _Span:
    days, _, clock = text.strip().lower().rpartition(" ")
    begin, dash, end = clock.partition("-")
    try:
        span = _Span(_days(days.strip()), minute_of_day(begin), minute_of_day(end))
    except ValueError:
        raise ValueError(f"{_FORM}, got {text!r}") from None
    if not dash or span.begin in (span.end, _DAY):
        raise ValueError(f"{_FORM}, got {text!r}")
    return span


def _days(text: str) -> frozenset[int]:
    if not text:
        return frozenset(range(7))
    first, dash, last = text.partition("-")
    begin, end = _DAYS.index(first), _DAYS.index(last if dash else first)
    return frozenset((begin + each) % 7 for each in range((end - begin) % 7 + 1))
