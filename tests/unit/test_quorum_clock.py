"""The clock over stores, which no single store can move."""

from __future__ import annotations

import pytest

from retail_anomaly.core.quorum_clock import QuorumClock
from retail_anomaly.core.wrong_times import in_order_of_time

HOUR = 3_600_000
DAY = 24 * HOUR


def clock_of(*events: tuple[str, int]) -> QuorumClock:
    clock = QuorumClock()
    for store, time in events:
        clock.see(store, time)
    return clock


@pytest.mark.parametrize(
    ("times", "reached"),
    [
        ({"a": 5}, 5),
        ({"a": 5, "b": 9}, 5),
        ({"a": 5, "b": 9, "c": 7}, 7),
        ({"a": 5, "b": 9, "c": 7, "d": 8}, 7),
        ({"a": 5, "b": 9, "c": HOUR}, 9),
        ({"a": 5, "b": 9, "c": 7, "d": HOUR, "e": HOUR}, 9),
    ],
)
def test_more_than_half_of_the_stores_have_reached_the_time(times: dict[str, int], reached: int) -> None:
    assert clock_of(*times.items(), *times.items()).time == reached


def test_a_store_does_not_count_before_its_second_event() -> None:
    assert clock_of(("a", 5)).time is None
    assert clock_of(("a", 5), ("a", 6), ("once", HOUR), ("another", HOUR)).time == 6


def test_a_late_event_does_not_move_a_store_back() -> None:
    assert clock_of(("a", 5), ("a", 9), ("a", 1)).time == 9


def test_closed_stores_do_not_hold_the_clock() -> None:
    closed = [(store, 5) for store in "abcdefgh" for _ in range(2)]
    trading = [(store, 6 + n) for n in range(500) for store in ("x", "y", "z")]
    assert clock_of(*closed, *trading[:6]).time == 5
    assert clock_of(*closed, *trading).time == 505


def test_a_wrong_first_store_is_overruled_by_those_that_come() -> None:
    assert clock_of(("ahead", HOUR), ("ahead", HOUR), ("a", 1), ("a", 2), ("b", 1), ("b", 3)).time == 3


def test_invented_stores_do_not_move_it_and_are_forgotten() -> None:
    clock = clock_of(("a", 5), ("a", 6), ("b", 5), ("b", 7))
    for number in range(30_000):
        clock.see(f"invented-{number}", HOUR)
    assert clock.time == 6
    assert len(clock._once) == 10_000


def test_one_till_with_a_wrong_clock_does_not_move_its_store() -> None:
    clock, day = QuorumClock(), 24 * HOUR
    for time in (5, 6):
        clock.see("a", time, "till-1")
    for number in range(60):
        clock.see("a", 40 * day + number, "till-2")
        clock.see("a", 7 + number, "till-1")
    assert clock.time == 66
    # Once a second till has come as far, the store has.
    clock.see("a", 40 * day, "till-2")
    clock.see("a", 40 * day + 1, "till-1")
    assert clock.time == 40 * day + 1


def test_a_store_with_one_source_has_come_as_far_after_fifty_events_in_a_row() -> None:
    clock, day = QuorumClock(), 24 * HOUR
    for number in range(50):
        clock.see("a", 5 if number == 0 else 40 * day + number, "till-1")
    assert clock.time == 5
    clock.see("a", 40 * day, "till-1")
    assert clock.time == 40 * day


def test_the_newest_records_of_several_topics_give_one_time_whichever_comes_first() -> None:
    # Each store in a partition of its own, one of them silent since noon. Weekly counts, a sale every minute
    # at one till and one of them a year ahead, a gate alarm in most hours.
    logs: list[list[tuple[int, tuple[str, str]]]] = []
    for store, ends in (("a", 30 * HOUR), ("b", 30 * HOUR), ("c", 30 * HOUR), ("silent", 12 * HOUR)):
        sales = [(30 * DAY + ends - minute * 60_000, (store, "till-1")) for minute in range(50)][::-1]
        sales[20] = (400 * DAY, (store, "till-1"))
        logs += [
            [(30 * DAY - week * 7 * DAY, (store, "inventory-counts")) for week in range(50)][::-1],
            [(30 * DAY + ends - hour * HOUR, (store, "security-events")) for hour in range(50)][::-1],
            sales,
        ]
    for shift in range(len(logs)):  # whichever comes last
        clock = QuorumClock()
        arrived = logs[shift:] + logs[:shift]
        for time, (store, source) in in_order_of_time([[(t, (t, who)) for t, who in log] for log in arrived]):
            clock.see(store, time, source)
        assert clock.time == 30 * DAY + 30 * HOUR


def test_an_event_that_is_ahead_of_most_behind_it_is_merged_where_it_stands() -> None:
    ahead = [(1 * HOUR, "a"), (99 * HOUR, "ahead"), (2 * HOUR, "b"), (4 * HOUR, "d")]
    other = [(3 * HOUR, "c"), (5 * HOUR, "e")]

    assert list(in_order_of_time([ahead, other])) == ["a", "ahead", "b", "c", "d", "e"]
