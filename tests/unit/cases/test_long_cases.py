"""Cases of many alerts: put together once, and the same as when each record puts them together."""

import sys
from collections.abc import Iterator
from random import Random
from types import FrameType

import msgspec
import pytest

import retail_anomaly as ra
from retail_anomaly.cases import Action, Case, Precision, Triage, prioritised
from retail_anomaly.cases.case import verdicts_on
from retail_anomaly.core.alerts import Alert
from tests.support.decisions import DAY, drawn_actions, drawn_alerts


def history(seed: int) -> list[Alert | Action]:
    """Return alerts with revisions, and decisions about alerts, cases and scopes, somewhat out of order."""
    rng = Random(seed)
    alerts = drawn_alerts(60, 1, seed)
    actions = drawn_actions(alerts, 60, seed)
    case_ids = [case.case_id for case in ra.triage(alerts).cases]
    for place, action in enumerate(actions):
        if action.alert_id is not None and rng.random() < 0.4:
            actions[place] = msgspec.structs.replace(action, alert_id=None, case_id=rng.choice(case_ids))
    records: list[tuple[float, Alert | Action]] = [(each.event_time, each) for each in alerts]
    records += [(each.time, each) for each in actions + actions[:10]]
    return [record for _, record in sorted(records, key=lambda each: each[0] + rng.uniform(-DAY, DAY))]


def from_scratch(cases: list[Case]) -> Iterator[Case]:
    """Judge each alert by all actions of its case, and count all verdicts anew."""
    judged = []
    for case in cases:
        verdicts = [[action.verdict for action in verdicts_on(case, alert)] for alert in case.alerts]
        alerts = tuple(
            msgspec.structs.replace(alert, verdict=about[-1] if about else None)
            for alert, about in zip(case.alerts, verdicts, strict=True)
        )
        judged.append(msgspec.structs.replace(case, alerts=alerts))
    precision = Precision.of_cases(judged)
    return (prioritised(case, precision) for case in judged)


@pytest.mark.parametrize("seed", range(12))
def test_cases_are_those_that_all_their_actions_make(seed: int) -> None:
    each_time, once = Triage(memory=None), Triage(memory=None)
    store, late = each_time.new_store("store-0"), once.new_store("store-0")

    for record in history(seed):
        changed = each_time.process(record, store)
        now = each_time.cases(store)
        assert now == list(from_scratch(now))
        assert once.cases(late, once.take(record, late)) == changed

    assert once.cases(late) == now
    assert any(alert.verdict for case in now for alert in case.alerts)
    assert any(alert.suppressed_by for case in now for alert in case.alerts)


def test_taken_records_leave_the_state_that_processed_ones_leave() -> None:
    for seed in range(3):
        each_time, once = Triage(memory=5 * DAY), Triage(memory=5 * DAY)
        store, late = (one.load_store("store-0", lambda _: None) for one in (each_time, once))
        for record in history(seed):
            each_time.process(record, store)
            once.take(record, late)

        assert dict(late.records()) == dict(store.records())


def calls(alerts: list[Alert]) -> int:
    """Return how many functions are called until alerts are in their cases."""
    count = 0

    def called(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(called)
    try:
        ra.triage(alerts)
    finally:
        sys.setprofile(None)
    return count


def test_twice_the_alerts_of_a_subject_are_twice_the_work() -> None:
    one = drawn_alerts(1, 1, 5)[0]
    alerts = [msgspec.structs.replace(one, alert_id=f"a-{number}") for number in range(400)]
    calls(alerts)  # what is read once

    assert calls(alerts) < 2.2 * calls(alerts[:200])
