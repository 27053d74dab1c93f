"""One till with a wrong clock changes no alert about the others; a store that was shut goes on."""

from __future__ import annotations

from functools import cache

import msgspec
import pytest

from data_gen import Simulation
from retail_anomaly.contract import RestartingRun
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import Event
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import Settings, build_engine, load
from tests.support.wrong_till import of_others, with_wrong_till

HOUR = 3_600_000
T0 = 1_740_960_000_000  # the first day of simulations
DAY = 24 * HOUR
AHEAD = {
    "an hour": HOUR,
    "a day": DAY,
    "40 days": 40 * DAY,
    "a year": 365 * DAY,
    "74 years": 74 * 365 * DAY,
    "an hour back": -HOUR,
    "a day back": -DAY,
    "a year back": -365 * DAY,
}
SETTINGS = load(
    environ={},
    flags={
        "numbered_by": "register",
        "detectors.refund_deviation.enabled": True,
        "detectors.refund_deviation.learn_days": 2,
        "detectors.sales_deviation.enabled": True,
        "detectors.sales_deviation.learn_days": 2,
    },
).settings


@cache
def log() -> list[Event]:
    return list(Simulation(stores=1, days=4, seed=5, numbered_by="register").events())


@cache
def undisturbed() -> list[Alert]:
    return of_others(replay_events(log(), build_engine(SETTINGS)))


@pytest.mark.parametrize("count", [1, 300], ids=["one event", "hours"])
@pytest.mark.parametrize("ahead", AHEAD)
def test_alerts_about_other_tills_are_those_of_the_log_without_it(ahead: str, count: int) -> None:
    events = with_wrong_till(log(), AHEAD[ahead], count, after=len(log()) * 3 // 4)
    found = of_others(replay_events(events, build_engine(SETTINGS)))
    expected = undisturbed()
    if 0 < AHEAD[ahead] <= SETTINGS.max_late:  # the clock follows, so an interval of the model ends too soon
        found, expected = ([a for a in each if a.type != "SALES_DEVIATION"] for each in (found, expected))
    assert len(found) > 10
    assert found == expected


@pytest.mark.parametrize("ahead", ["40 days", "a year back"])
def test_so_they_are_over_restarts(ahead: str) -> None:
    run = RestartingRun(build_engine(SETTINGS))
    alerts: list[Alert] = []
    events = with_wrong_till(log(), AHEAD[ahead], 300, after=len(log()) // 2)
    for number, event in enumerate(events):
        alerts += run.step(event)
        if number % 1_000 == 0:
            run.restart()
    without = RestartingRun(build_engine(SETTINGS)).alerts(log())
    assert of_others(alerts) == of_others(without)


def test_a_store_that_was_shut_for_a_year_goes_on_as_after_months() -> None:
    def reopened(days: int) -> list[tuple[object, ...]]:
        """Return the alerts after a closure of so many days, as if there had been none."""
        before = list(Simulation(stores=1, days=1, seed=5).events())
        after = Simulation(stores=1, days=1, seed=6).events()
        events = [*before, *(later(event, days * DAY) for event in after)]
        return [
            (alert.type, alert.employee_id, alert.risk_score, alert.event_time - days * DAY)
            for alert in replay_events(events, build_engine(Settings()))
            if alert.event_time > T0 + days * DAY
        ]

    assert len(reopened(364)) > 3
    assert reopened(364) == reopened(98)


def later(event: Event, milliseconds: int) -> Event:
    names = {"event_time", "shift_start", "shift_end"} & set(event.__struct_fields__)
    return msgspec.structs.replace(event, **{name: getattr(event, name) + milliseconds for name in names})
