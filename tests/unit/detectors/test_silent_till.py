"""One till is silent while the store's other tills go on."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from retail_anomaly.contract import RestartingRun, Run
from retail_anomaly.core.events import PosEvent
from retail_anomaly.models.sales.tills import MOST_TILLS
from tests.support.events import DAY, HOUR, MINUTE
from tests.support.runs import alerts_of, engine_of
from tests.support.usual import MONDAY, STORE

QUARTER = 15 * MINUTE
NOON = MONDAY + 35 * DAY + 12 * HOUR
TILLS = ("till-1", "till-2", "till-3")


def trade(days=36, tills=lambda time: TILLS, receipts=12, seed=3):
    """Yield days of nine to five; each customer takes any till that is open."""
    rng = random.Random(seed)
    for day in range(days):
        for at in range(9 * HOUR, 17 * HOUR, QUARTER):
            for n in range(receipts + rng.randint(-2, 2)):
                time = MONDAY + day * DAY + at + n * 45_000
                till = rng.choice(tills(time))
                yield PosEvent(f"t-{day}-{at}-{n}", STORE, "c-1", "sku", 9.0, "SALE", time, register_id=till)


def without(*silent, start=NOON, end=NOON + 2 * HOUR):
    """Return the tills that are open, of which some are silent for a while."""
    return lambda time: [t for t in TILLS if not (t in silent and start <= time < end)]


def about_tills(alerts):
    return [alert for alert in alerts if "registerId" in alert.evidence]


def test_a_silent_till_alerts_within_the_hour_while_the_store_sells_as_usual():
    alerts = alerts_of(engine_of("sales_deviation"), *trade(tills=without("till-2")))
    assert about_tills(alerts) == alerts
    first = alerts[0]
    assert len({alert.alert_id for alert in alerts}) == 1
    assert NOON < first.event_time <= NOON + HOUR
    evidence = first.evidence
    assert (evidence["registerId"], evidence["component"], evidence["observed"]) == ("till-2", "till", 0)
    assert NOON - QUARTER < evidence["start"] < evidence["end"] == first.event_time
    assert evidence["lower"] > 0
    assert "no receipt at register till-2 between 11:5" in first.message
    assert f"about {evidence['expected']:.0f} are usual" in first.message


def test_tills_that_work_alert_no_more_often_than_promised():
    """Of two in a thousand quarters on either side, the fourth of four ranks has a fourth."""
    days, known = 60, 21
    alerts = [
        alert
        for seed in range(3)
        for alert in about_tills(alerts_of(engine_of("sales_deviation"), *trade(days, seed=seed)))
    ]
    assert len(alerts) <= 1.5 * 0.001 * 3 * (days - known) * 32


def with_tills_for_peaks(time):
    """Open a second till from noon to two, and a third for two hours of any day at any time."""
    day, at = divmod(time - MONDAY, DAY)
    opens = random.Random(day).randint(9, 15) * HOUR
    tills = ["till-1"]
    if 12 * HOUR <= at < 14 * HOUR:
        tills.append("till-2")
    if opens <= at < opens + 2 * HOUR:
        tills.append("till-3")
    return tills


def closed_today(time):
    return TILLS if time < MONDAY + 35 * DAY else TILLS[:2]


@pytest.mark.parametrize("tills", [with_tills_for_peaks, closed_today])
def test_a_till_that_is_closed_alerts_nothing(tills):
    alerts = about_tills(alerts_of(engine_of("sales_deviation"), *trade(50, tills)))
    assert [alert for alert in alerts if alert.evidence["registerId"] != "till-1"] == []


def test_a_silent_store_is_no_silent_till():
    events = [event for event in trade() if not NOON <= event.event_time < NOON + 2 * HOUR]
    alerts = alerts_of(engine_of("sales_deviation"), *events)
    assert alerts
    assert about_tills(alerts) == []


def test_a_till_that_refunds_is_not_silent():
    refunds = [
        PosEvent(f"r-{at}", STORE, "c-1", "sku", 9.0, "REFUND", NOON + at + 1, register_id="till-2")
        for at in range(0, 2 * HOUR, 10 * MINUTE)
    ]
    events = sorted([*trade(tills=without("till-2")), *refunds], key=lambda event: event.event_time)
    assert about_tills(alerts_of(engine_of("sales_deviation"), *events)) == []


def test_a_till_whose_clock_falls_back_is_not_silent():
    """Its lines are late and not counted, but it sends them."""
    events = [
        msgspec.structs.replace(event, event_time=event.event_time - 40 * MINUTE)
        if event.register_id == "till-2" and event.event_time >= NOON
        else event
        for event in trade()
    ]
    assert about_tills(alerts_of(engine_of("sales_deviation"), *events)) == []


def test_two_silent_tills_have_an_alert_each():
    tills = without("till-2", "till-3", end=NOON + HOUR)
    alerts = about_tills(alerts_of(engine_of("sales_deviation"), *trade(tills=tills)))
    by_till = {alert.evidence["registerId"]: alert.alert_id for alert in alerts}
    assert len(set(by_till.values())) == len(by_till) == 2


def test_after_a_sale_the_next_silence_is_another_alert():
    def tills(time):
        again = NOON + 2 * HOUR + QUARTER
        silent = NOON <= time < again - QUARTER or again <= time < again + 2 * HOUR
        return ["till-1", "till-3"] if silent else TILLS

    alerts = about_tills(alerts_of(engine_of("sales_deviation"), *trade(tills=tills)))
    assert len({alert.alert_id for alert in alerts}) == 2


def test_events_without_a_register_leave_no_trace_of_tills():
    bare = [msgspec.structs.replace(event, register_id=None) for event in trade(30)]
    run = Run(engine_of("sales_deviation"))
    for event in bare:
        run.step(event)
    state: Any = run.store(STORE).detectors["sales_deviation"]
    assert (len(state.tills), len(state.habits)) == (0, 0)


@pytest.mark.parametrize("every", [1_009, 5_003])
def test_a_restart_changes_no_alert(every):
    events = list(trade(tills=without("till-2")))
    run = RestartingRun(engine_of("sales_deviation"))
    alerts = []
    for number, event in enumerate(events, 1):
        alerts += run.step(event)
        if number % every == 0:
            run.restart()
    assert alerts == alerts_of(engine_of("sales_deviation"), *events)
    assert about_tills(alerts)


def test_made_up_registers_are_bounded_and_hide_no_till():
    events = [
        msgspec.structs.replace(event, register_id=f"made-up-{number}", transaction_id=f"m-{number}")
        for number, event in enumerate(trade(36))
        if number % 5 == 0
    ]
    merged = sorted([*trade(tills=without("till-2")), *events], key=lambda event: event.event_time)
    run = Run(engine_of("sales_deviation"))
    alerts, sizes = [], []
    for number, event in enumerate(merged):
        alerts += run.step(event)
        if number % 97 == 0:
            state: Any = run.store(STORE).detectors["sales_deviation"]
            assert len(state.habits) <= MOST_TILLS
            kept = [*dict(state.habits.items()).values(), *dict(state.tills.items()).values()]
            sizes.append(sum(len(msgspec.msgpack.encode(entry)) for entry in kept))
    assert {alert.evidence["registerId"] for alert in about_tills(alerts)} == {"till-2"}
    assert max(sizes) <= 24 * 1024, max(sizes)
