"""Hours of the week and times of the day in a store's zone, over both changes of summer time."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_anomaly.notifications import WeekHours, minute_of_day
from retail_anomaly.notifications.hours import next_clock, window_of
from tests.unit.notifications.notices import BERLIN, DAY, HOUR, MINUTE, at

ZONES = ("Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
# A year with both changes in each zone.
YEAR = st.integers(at("2025-01-01"), at("2026-01-01"))


@pytest.mark.parametrize(
    ("spans", "time", "within"),
    [
        (["22:00-07:00"], "2025-10-09 23:00", True),
        (["22:00-07:00"], "2025-10-09 06:59", True),
        (["22:00-07:00"], "2025-10-09 07:00", False),
        (["mon-fri 08:00-20:00"], "2025-10-11 12:00", False),
        (["mon-fri 08:00-20:00", "sat 09:00-18:00"], "2025-10-11 12:00", True),
        (["fri 22:00-06:00"], "2025-10-11 05:00", True),  # Saturday morning belongs to Friday night
        (["fri 22:00-06:00"], "2025-10-10 05:00", False),
        (["sun-mon 00:00-24:00"], "2025-10-12 23:59", True),
    ],
)
def test_spans_cover_the_minutes_between_their_ends(spans: list[str], time: str, within: bool) -> None:
    assert WeekHours.parse(spans).cover(at(time), BERLIN) is within


@pytest.mark.parametrize(
    "text", ["", "8-20", "08:00", "25:00-26:00", "day 08:00-09:00", "08:00-08:00", "24:00-01:00"]
)
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected hours such as"):
        WeekHours.parse([text])


def test_hours_that_leave_nothing_free_are_refused() -> None:
    with pytest.raises(ValueError, match="leave a part of the week free"):
        WeekHours.parse(["08:00-20:00", "19:00-08:00"])


@pytest.mark.parametrize(
    ("quiet", "time", "over"),
    [
        ("22:00-07:00", "2025-10-09 23:10", "2025-10-10 07:00"),
        ("22:00-07:00", "2025-03-29 23:10", "2025-03-30 07:00"),  # a night of 8 hours
        ("22:00-07:00", "2025-10-25 23:10", "2025-10-26 07:00"),  # a night of 10 hours
        ("22:00-02:30", "2025-03-29 23:10", "2025-03-30 03:00"),  # the clock skips half past two
        ("22:00-02:07", "2025-10-10 23:10", "2025-10-11 02:07"),
        ("fri-sun 00:00-24:00", "2025-10-10 12:00", "2025-10-13 00:00"),
        ("22:00-07:00", "2025-10-09 12:00", "2025-10-09 12:00"),
    ],
)
def test_quiet_hours_end_when_the_clock_on_the_wall_says_so(quiet: str, time: str, over: str) -> None:
    assert WeekHours.parse([quiet]).over_at(at(time), BERLIN) == at(over)


@settings(max_examples=50)
@given(YEAR, st.sampled_from(ZONES), st.integers(0, 1439), st.integers(1, 1439))
def test_the_end_is_the_first_minute_that_is_not_covered(
    time: int, name: str, begin: int, length: int
) -> None:
    zone, time = ZoneInfo(name), time // MINUTE * MINUTE
    end = (begin + length) % 1440
    quiet = WeekHours.parse([f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"])
    over = quiet.over_at(time, zone)
    assert not quiet.cover(over, zone)
    assert over == time or quiet.cover(over - MINUTE, zone)
    assert over - time <= DAY + HOUR


@given(YEAR, st.sampled_from(ZONES))
def test_a_time_of_the_day_comes_once_a_day(time: int, name: str) -> None:
    zone, times, now = ZoneInfo(name), [], time
    while len(times) < 10:
        now = next_clock([minute_of_day("02:30")], now, zone)
        times.append(now)
    gaps = {after - before for before, after in pairwise(times)}
    assert gaps <= {DAY + change * HOUR // 2 for change in (-2, -1, 0, 1, 2)}
    assert len(times) == len({_day(each, zone) for each in times})


def test_a_time_that_the_clock_skips_is_counted_on_from_before() -> None:
    assert next_clock([150], at("2025-03-30 00:00"), BERLIN) == at("2025-03-30 03:30")
    assert next_clock([150], at("2025-10-26 00:00"), BERLIN) == at("2025-10-26 02:30")
    assert next_clock([150], at("2025-10-26 02:30"), BERLIN) == at("2025-10-27 02:30")
    assert next_clock([8 * 60, 16 * 60], at("2025-10-26 08:00"), BERLIN) == at("2025-10-26 16:00")


@given(YEAR, st.sampled_from(ZONES), st.sampled_from(["hour", "day"]))
def test_windows_follow_each_other_without_a_gap(time: int, name: str, per: str) -> None:
    zone = ZoneInfo(name)
    begin, end = window_of(time, per, zone)  # type: ignore[arg-type]
    assert begin <= time < end
    assert window_of(begin, per, zone) == window_of(end - 1, per, zone) == (begin, end)  # type: ignore[arg-type]
    assert window_of(end, per, zone)[0] == end  # type: ignore[arg-type]


def _day(time: int, zone: ZoneInfo) -> int:
    return datetime.fromtimestamp(time / 1000, zone).toordinal()
