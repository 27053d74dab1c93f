"""Who is told of which alert, and when: each rule of a route, on a clock that the test sets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_anomaly.cases import Action, Scope
from retail_anomaly.notifications import Notifier, Route, WeekHours
from retail_anomaly.notifications.notifier import MOST_WAITING
from tests.unit.notifications.notices import BERLIN, DAY, HOUR, MINUTE, Desk, an_alert, at

NOON = at("2025-10-09 12:00")
NIGHT = WeekHours.parse(["22:00-07:00"])


@pytest.mark.parametrize(
    ("route", "told"),
    [
        ({}, True),
        ({"severity": "high"}, True),
        ({"severity": "critical"}, False),
        ({"types": ("REFUND_BURST", "SHRINKAGE")}, True),
        ({"types": ("SHRINKAGE",)}, False),
        ({"stores": ("store-*",)}, True),
        ({"stores": ("berlin-*", "paris-1")}, False),
        ({"hours": WeekHours.parse(["08:00-20:00"])}, True),
        ({"hours": NIGHT}, False),
    ],
)
def test_a_route_takes_the_alerts_that_fit_it(route: dict[str, Any], told: bool) -> None:
    desk = Desk(Route(name="r", **route))
    assert desk.take(an_alert("a", NOON)) == (["due"] if told else [])
    assert len(desk.arrived) == told


def test_each_route_decides_for_itself() -> None:
    desk = Desk(Route(name="now"), Route(name="morning", digest=(8 * 60,)), Route(name="x", types=("X",)))
    assert desk.take(an_alert("a", NOON)) == ["due", "held"]
    desk.pass_time(NOON + DAY)
    assert [(time, message.route) for time, message in desk.arrived] == [
        (NOON, "now"),
        (at("2025-10-10 08:00"), "morning"),
    ]


def test_a_type_may_have_a_severity_of_its_own() -> None:
    desk = Desk(Route(name="r", severity="high"), severities={"REFUND_BURST": "low"})
    assert desk.take(an_alert("a", NOON, 1.0)) == []


@pytest.mark.parametrize(("revisions", "told"), [("worse", [1, 3]), ("all", [1, 2, 3, 4]), ("none", [1])])
def test_later_revisions_are_told_as_the_route_wants(revisions: Any, told: list[int]) -> None:
    desk = Desk(Route(name="r", revisions=revisions))
    for revision, risk in ((1, 0.8), (2, 0.85), (3, 0.95), (4, 1.0)):
        desk.take(an_alert("a", NOON + revision * MINUTE, risk, revision=revision))
    assert [message.notes[0].revision for _, message in desk.arrived] == told


def test_what_is_reprocessed_is_not_sent_again() -> None:
    desk = Desk(Route(name="r", revisions="all"))
    alerts = [an_alert("a", NOON + n * MINUTE, revision=n) for n in (1, 2, 3)]
    for one in alerts:
        desk.take(one)
    assert [desk.take(one, NOON + DAY) for one in alerts] == [["known"]] * 3
    assert len(desk.arrived) == 3


def test_messages_wait_for_the_end_of_quiet_hours_and_then_go_out_together() -> None:
    desk = Desk(Route(name="r", quiet=NIGHT))
    for name, time in (("a", "2025-10-09 21:59"), ("b", "2025-10-09 22:00"), ("c", "2025-10-10 06:59")):
        desk.take(an_alert(name, at(time)))
    desk.pass_time(NOON + DAY)
    assert desk.told() == [(at("2025-10-09 21:59"), ["a"]), (at("2025-10-10 07:00"), ["b", "c"])]


def test_critical_alerts_pass_quiet_hours_also_when_a_held_one_becomes_critical() -> None:
    desk = Desk(Route(name="r", quiet=NIGHT))
    desk.take(an_alert("a", at("2025-10-09 22:30")))
    desk.take(an_alert("b", at("2025-10-09 23:00"), 0.99))
    desk.take(an_alert("a", at("2025-10-09 23:30"), 0.99, revision=2))
    assert desk.told() == [(at("2025-10-09 23:00"), ["b"]), (at("2025-10-09 23:30"), ["a"])]
    desk.pass_time(NOON + DAY)
    assert len(desk.arrived) == 2


def test_a_held_message_tells_of_the_newest_revision_alone() -> None:
    desk = Desk(Route(name="r", digest=(8 * 60,), revisions="none"))
    for revision in (1, 2, 3):
        desk.take(an_alert("a", NOON + revision * MINUTE, revision=revision))
    desk.pass_time(NOON + DAY)
    ((_, message),) = desk.arrived
    assert [note.revision for note in message.notes] == [3]


@pytest.mark.parametrize(("day", "hours"), [("2025-10-09", 24), ("2025-03-30", 23), ("2025-10-26", 25)])
def test_a_limit_is_for_the_stores_own_day(day: str, hours: int) -> None:
    desk = Desk(Route(name="r", limit=2, per="day"))
    midnight = at(f"{day} 00:00")
    for number in range(5):
        desk.take(an_alert(f"a{number}", midnight + HOUR + number))
    assert [names for _, names in desk.told()] == [["a0"], ["a1"]]
    desk.pass_time(midnight + hours * HOUR - 1)
    assert len(desk.arrived) == 2
    desk.pass_time(midnight + hours * HOUR)
    assert desk.told()[2:] == [(midnight + hours * HOUR, ["a2", "a3", "a4"])]
    # The message of those that had to wait is the first of the new day.
    desk.take(an_alert("b0", midnight + hours * HOUR + 1))
    desk.take(an_alert("b1", midnight + hours * HOUR + 2))
    assert [names for _, names in desk.told()[3:]] == [["b0"]]


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 50 * 60), st.floats(0, 1)), min_size=1, max_size=60), st.integers(1, 4)
)
def test_no_store_hour_has_more_messages_than_the_limit_and_no_alert_is_lost(
    drawn: list[tuple[int, float]], limit: int
) -> None:
    begin = at("2025-10-25 12:00")  # the clock goes back in the night
    desk = Desk(Route(name="r", limit=limit, quiet=NIGHT))
    for number, (minute, risk) in enumerate(sorted(drawn)):
        desk.take(an_alert(f"a{number}", begin + minute * MINUTE, risk))
    desk.pass_time(begin + 10 * DAY)
    told = [name for _, names in desk.told() for name in names]
    assert sorted(told) == sorted(f"a{number}" for number in range(len(drawn)))
    hours = [time // HOUR for time, _ in desk.arrived]
    assert max(hours.count(hour) for hour in hours) <= limit
    for time, message in desk.arrived:
        assert message.severity == "critical" or not NIGHT.cover(time, BERLIN)


def test_old_alerts_go_out_in_one_message() -> None:
    desk = Desk(Route(name="r", max_age=HOUR))
    for number in range(30):
        assert desk.take(an_alert(f"old{number}", NOON - 5 * HOUR + number), NOON) == ["held"]
    assert desk.take(an_alert("new", NOON)) == ["due"]
    desk.pass_time(NOON + HOUR)
    assert [len(names) for _, names in desk.told()] == [1, 30]
    ((_, message),) = desk.arrived[1:]
    assert message.lines[-1] == "And 10 more."


def test_alerts_older_than_the_memory_are_not_sent() -> None:
    desk = Desk(Route(name="r"), memory=7 * DAY)
    assert desk.take(an_alert("a", NOON - 8 * DAY), NOON) == ["old"]
    assert desk.take(an_alert("b", NOON - 6 * DAY), NOON) == ["held"]


def test_nobody_is_told_of_an_alert_under_a_snooze() -> None:
    desk = Desk(Route(name="r"))
    scope = Scope(type="REFUND_BURST", employee_id="c-1")
    desk.take(Action("s", NOON, "kim", "snooze", "store-1", "stocktaking", scope=scope), NOON)
    assert desk.take(an_alert("a", NOON + HOUR)) == ["snoozed"]
    assert desk.take(an_alert("b", NOON + HOUR, employee_id="c-2")) == ["due"]
    assert desk.take(an_alert("c", NOON + 31 * DAY)) == ["due"]


def test_what_failed_is_tried_again_and_given_up_in_time() -> None:
    route = Route(name="r", give_up=2 * HOUR)
    notifier = Notifier([route], zone=lambda _: BERLIN)
    store = notifier.new_store("store-1")
    notifier.process(an_alert("a", NOON), store, NOON)
    for minute in range(0, 120, 10):
        (message,) = notifier.messages(store, NOON + minute * MINUTE)
        notifier.failed(message, store, NOON + minute * MINUTE)
        assert notifier.given_up(store, NOON + minute * MINUTE) == []
    ((name, note),) = notifier.given_up(store, NOON + 2 * HOUR)
    assert (name, note.alert_id) == ("r", "a")
    assert notifier.messages(store, NOON + 2 * HOUR) == []
    assert [each.fate for each in notifier.process(an_alert("a", NOON), store, NOON + 3 * HOUR)] == ["known"]


def test_a_route_that_was_dead_for_an_hour_is_told_of_each_alert_once_and_delays_no_other() -> None:
    notifier = Notifier([Route(name="dead"), Route(name="well")], zone=lambda _: BERLIN)
    store = notifier.new_store("store-1")
    arrived: dict[str, list[tuple[str, int]]] = {"dead": [], "well": []}
    for minute in range(75):
        now = NOON + minute * MINUTE
        is_dead = minute < 60
        if is_dead:
            notifier.process(an_alert(f"a{minute}", now), store, now)
        for message in notifier.messages(store, now):
            if message.route == "dead" and is_dead:
                notifier.failed(message, store, now)
            else:
                notifier.delivered(message, store, now)
                arrived[message.route] += [(note.alert_id, minute) for note in message.notes]
    assert arrived["well"] == [(f"a{minute}", minute) for minute in range(60)]
    assert sorted(name for name, _ in arrived["dead"]) == sorted(name for name, _ in arrived["well"])
    assert min(minute for _, minute in arrived["dead"]) >= 60
    assert notifier.given_up(store, NOON + 75 * MINUTE) == []


def test_a_refused_message_comes_again_less_and_less_often() -> None:
    notifier = Notifier([Route(name="r")], zone=lambda _: BERLIN)
    store, now, times = notifier.new_store("store-1"), NOON, []
    notifier.process(an_alert("a", NOON), store, NOON)
    while now < NOON + DAY:
        (message,) = notifier.messages(store, now)
        notifier.failed(message, store, now, refused=True)
        due = notifier.waiting(store)[1] or 0
        times.append((due - now) // 1_000)
        now = due
    assert times[:9] == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert len(notifier.given_up(store, now)) == 1


def test_an_alert_after_the_end_of_the_calendar_is_told() -> None:
    desk = Desk(Route(name="r", hours=NIGHT), zone=BERLIN)
    assert desk.take(an_alert("a", 253_402_300_799_999), NOON) == ["due"]


def test_a_message_that_waited_while_the_process_was_down_is_tried_once_at_least() -> None:
    notifier = Notifier([Route(name="r", give_up=HOUR)], zone=lambda _: BERLIN)
    store = notifier.new_store("store-1")
    notifier.process(an_alert("a", NOON), store, NOON)
    assert notifier.given_up(store, NOON + DAY) == []
    assert len(notifier.messages(store, NOON + DAY)) == 1


def test_what_is_on_its_way_is_not_sent_a_second_time() -> None:
    notifier = Notifier([Route(name="r", limit=3)], zone=lambda _: BERLIN)
    store = notifier.new_store("store-1")
    for name in "ab":
        notifier.process(an_alert(name, NOON), store, NOON)
    flying = notifier.messages(store, NOON)
    for name in "cde":
        notifier.process(an_alert(name, NOON), store, NOON)
    more = notifier.messages(store, NOON, flying)
    assert [note.alert_id for message in more for note in message.notes] == ["c"]  # three in this hour


def test_a_route_that_is_down_does_not_fill_the_memory() -> None:
    notifier = Notifier([Route(name="r")], zone=lambda _: BERLIN)
    store = notifier.new_store("store-1")
    for number in range(MOST_WAITING + 7):
        notifier.process(an_alert(f"a{number}", NOON + number), store, NOON + number)
    dropped = notifier.given_up(store, NOON + HOUR)
    assert [note.alert_id for _, note in dropped] == [f"a{number}" for number in range(7)]


def test_state_survives_its_records() -> None:
    notifier = Notifier(
        [Route(name="r", digest=(8 * 60,)), Route(name="now", limit=5)], zone=lambda _: BERLIN
    )
    kept: dict[str, bytes] = {}
    for number in range(4):
        store = notifier.load_store("store-1", kept.get)
        now = NOON + number * HOUR
        notifier.process(an_alert(f"a{number}", now), store, now)
        for message in notifier.messages(store, now):
            notifier.delivered(message, store, now)
        kept.update((name, content) for name, content in store.records() if content is not None)
    store = notifier.load_store("store-1", kept.get)
    assert notifier.waiting(store) == (4, at("2025-10-10 08:00"))
    assert [each.fate for each in notifier.process(an_alert("a0", NOON), store, NOON + DAY)] == ["known"] * 2


def test_marks_are_forgotten_with_the_memory() -> None:
    desk = Desk(Route(name="r"), memory=7 * DAY)
    for day in range(30):
        desk.take(an_alert(f"a{day}", NOON + day * DAY))
    assert len(desk.store.collections()["notifications.sent"]) <= 9


HOSTILE = "Cashier 4111 1111-1111 1111 \u202e\n<!channel> tok_77 [x](http://evil) \x07"


def test_a_note_holds_no_token_no_card_number_and_no_second_line() -> None:
    desk = Desk(Route(name="r"))
    evidence = {"by": {"cardToken": "tok_77", "cashierId": "c-1"}, "amount": 12.5}
    desk.take(an_alert("a", NOON, message=HOSTILE, evidence=evidence, type="X\nY"))
    ((_, message),) = desk.arrived
    shown = message.title + message.text
    assert "tok_77" not in shown
    assert "1111" not in shown
    assert message.notes[0].sentence == "Cashier *** <!channel> *** [x](http://evil)"
    assert message.title == "High: x y in store-1"
    assert message.lines[0].endswith("Money: 12.50.")


def test_the_link_names_the_alert() -> None:
    desk = Desk(Route(name="r"), link="https://board.example/alert/{alertId}?store={storeId}")
    desk.take(an_alert("a b", NOON, store_id="store-1"))
    ((_, message),) = desk.arrived
    assert message.link == "https://board.example/alert/a%20b?store=store-1"
    assert message.link in message.text
