"""Alerts become cases, and actions change them; the outcome does not depend on the order of the actions."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_anomaly.cases import Action, Case, Prior, Scope, Triage, reading_order
from retail_anomaly.core.alerts import Alert

T0 = 1_760_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR


def alert(name: str, at: int = 0, *, revision: int = 1, **fields: Any) -> Alert:
    given_fields: dict[str, Any] = {"type": "REFUND_BURST", "employee_id": "c-1", "evidence": {}} | fields
    return Alert(
        alert_id=name,
        revision=revision,
        detector=given_fields["type"].lower(),
        store_id="store-1",
        risk_score=0.9,
        message="Three refunds.",
        event_time=T0 + at,
        opened_at=T0 + at,
        config_hash="0",
        **given_fields,
    )


def action(name: str, kind: Any = "verdict", at: int = 0, **fields: Any) -> Action:
    return Action(name, T0 + at, "kim", kind, "store-1", "looked at it", **fields)


def cases_of(records: Iterable[Alert | Action], triage: Triage | None = None) -> list[Case]:
    triage = triage or Triage()
    store = triage.new_store("store-1")
    for record in records:
        triage.process(record, store)
    return triage.cases(store)


@pytest.mark.parametrize(
    ("second", "cases"),
    [
        (alert("b", 24 * HOUR), 1),
        (alert("b", 24 * HOUR + 1), 2),
        (alert("b", HOUR, employee_id="c-2"), 2),
        (alert("b", HOUR, type="SHRINKAGE"), 1),
        (alert("b", HOUR, employee_id=None, evidence={"sku": "c-1"}), 2),
        (alert("b", -48 * HOUR), 1),  # a late one
    ],
)
def test_an_alert_joins_its_subjects_newest_case_for_a_day(second: Alert, cases: int) -> None:
    assert len(cases_of([alert("a"), second])) == cases


def test_a_case_ends_after_seven_days() -> None:
    daily = [alert(str(day), day * DAY) for day in range(8)]

    assert [len(case.alerts) for case in cases_of(daily)] == [7, 1]


def test_a_revision_belongs_to_its_alert_and_a_repeated_one_changes_nothing() -> None:
    first, worse = alert("a"), alert("a", HOUR, revision=2)

    [case] = cases_of([first, worse, first, worse])

    assert [(each.alert_id, each.revision) for each in case.alerts] == [("a", 2)]
    assert case.revision == 2


def test_priority_is_the_probability_that_one_alert_is_right() -> None:
    triage = Triage(priors={"REFUND_BURST": Prior(1, 1), "SHRINKAGE": Prior(1, 3)})

    [case] = cases_of([alert("a"), alert("b", 1, type="SHRINKAGE")], triage)

    assert case.priority == 0.625  # 1 - 1/2 * 3/4


def test_verdicts_teach_the_precision_of_a_type() -> None:
    triage = Triage(priors={"REFUND_BURST": Prior(1, 1)})
    verdict = action("v", alert_id="a", verdict="benign")

    cases = cases_of([alert("a"), verdict, alert("b", 3 * DAY)], triage)

    assert [(case.state, case.priority) for case in cases] == [("closed", 0), ("open", 0.333333)]


def test_the_newer_of_two_verdicts_counts() -> None:
    newer = action("v2", at=2, alert_id="a", verdict="confirmed")
    older = action("v1", at=1, alert_id="a", verdict="benign")

    [case] = cases_of([alert("a"), newer, older])

    assert case.alerts[0].verdict == "confirmed"
    assert [each.action_id for each in case.actions] == ["v1", "v2"]


def test_a_verdict_on_a_case_is_one_on_the_alerts_that_were_open_by_then() -> None:
    [case] = cases_of([alert("a")])
    verdict = action("v", at=HOUR, case_id=case.case_id, verdict="benign")

    [case] = cases_of([alert("a"), verdict, alert("b", 2 * HOUR)])

    assert [each.verdict for each in case.alerts] == ["benign", None]
    assert case.state == "open"


def test_a_reopened_case_is_open_until_the_next_verdict() -> None:
    verdict = action("v1", at=1, alert_id="a", verdict="benign")
    reopened = action("r", "reopen", at=2, alert_id="a")
    again = action("v2", at=3, alert_id="a", verdict="benign")

    histories = [verdict], [verdict, reopened], [verdict, reopened, again]

    states = [cases_of([alert("a"), *history])[0].state for history in histories]

    assert states == ["closed", "open", "closed"]


def test_a_case_belongs_to_the_newest_assignee() -> None:
    taken = action("a1", "assign", at=1, alert_id="a")
    given_away = action("a2", "assign", at=2, alert_id="a", assignee="alex")

    assert cases_of([alert("a"), taken])[0].assignee == "kim"
    assert cases_of([alert("a"), given_away, taken])[0].assignee == "alex"


def test_a_suppressed_alert_stays_in_its_case_and_nobody_has_to_judge_it() -> None:
    scope = Scope(type="REFUND_BURST", employee_id="c-1")
    entry = action("s", "snooze", at=HOUR, scope=scope, expires_at=T0 + DAY)

    before, covered, other, after = (
        cases_of([entry, each])[0]
        for each in (
            alert("a"),
            alert("a", HOUR),
            alert("a", HOUR, type="SHRINKAGE"),
            alert("a", DAY + 1),
        )
    )

    assert covered.alerts[0].suppressed_by == "s"
    assert (covered.state, covered.priority) == ("closed", 0)
    assert [case.alerts[0].suppressed_by for case in (before, other, after)] == [None] * 3


def test_an_action_on_an_unknown_alert_waits_seven_days() -> None:
    verdict = action("v", alert_id="a", verdict="benign")
    later = alert("other", 7 * DAY, employee_id="c-9")
    too_late = alert("other", 7 * DAY + 1, employee_id="c-9")

    kept = cases_of([verdict, later, alert("a")])
    lost = cases_of([verdict, alert("x", HOUR, employee_id="c-8"), too_late, alert("a")])

    assert [case.state for case in kept if case.subject.id == "c-1"] == ["closed"]
    assert [case.state for case in lost if case.subject.id == "c-1"] == ["open"]


def test_one_wrong_clock_expires_no_case() -> None:
    far = alert("far", 20_000 * DAY, employee_id="c-9")

    cases = cases_of([alert("a"), far, alert("b", HOUR)])

    assert sorted(len(case.alerts) for case in cases) == [1, 2]


def test_a_till_whose_clock_is_ahead_expires_no_case() -> None:
    far = [alert(f"far-{n}", 365 * DAY + n, employee_id="c-9").detected(T0 + n) for n in range(2)]

    assert [case.subject.id for case in cases_of([alert("a").detected(T0), *far])] == ["c-1", "c-9"]


def test_old_cases_are_forgotten() -> None:
    triage = Triage(memory=10 * DAY)
    weekly = [alert(str(week), week * 7 * DAY, employee_id=f"c-{week}") for week in range(9)]

    assert [case.subject.id for case in cases_of(weekly, triage)] == ["c-7", "c-8"]


def test_money_that_two_alerts_are_about_counts_once() -> None:
    triage = Triage(priors={"A": Prior(1, 1), "B": Prior(1, 3)})
    one = alert("a", type="A", evidence={"amount": 80.0, "transactionId": "t"})
    two = alert("b", type="B", evidence={"amount": 80.0, "transactionId": "t"})

    assert cases_of([one, two], triage)[0].expected_loss == 40


def test_the_reading_order_has_open_cases_the_most_probable_first() -> None:
    triage = Triage(priors={"A": Prior(1, 1), "B": Prior(1, 3)})
    judged = action("v", alert_id="c", verdict="confirmed")
    kinds = {"b": "B", "a": "A", "c": "A"}
    alerts = [alert(name, type=kind, employee_id=name) for name, kind in kinds.items()]

    assert [case.subject.id for case in reading_order(cases_of([*alerts, judged], triage))] == ["a", "b"]


ALERTS = [alert(str(n), n * 5 * HOUR, employee_id=f"c-{n % 2}") for n in range(6)]
CASES = [case.case_id for case in cases_of(ALERTS)]
ACTIONS = st.lists(
    st.builds(
        lambda name, at, kind, target: action(
            f"a{name}",
            kind,
            at * HOUR,
            verdict=("confirmed", "benign", "unclear")[name % 3] if kind == "verdict" else None,
            **target,
        ),
        st.integers(0, 1_000),
        st.integers(0, 40),
        st.sampled_from(["verdict", "assign", "reopen"]),
        st.sampled_from([{"alert_id": str(n)} for n in range(6)] + [{"case_id": name} for name in CASES]),
    )
    | st.builds(
        lambda name, at, employee: action(
            f"s{name}", "snooze", at * HOUR, scope=Scope(type="REFUND_BURST", employee_id=employee)
        ),
        st.integers(0, 1_000),
        st.integers(0, 40),
        st.sampled_from(["c-0", "c-1"]),
    ),
    max_size=8,
    unique_by=lambda each: each.action_id,
)


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[Sequence[Alert | Action], Sequence[Alert | Action], int]:
    """Draw the alerts with actions once after them, and once shuffled, repeated and in between."""
    actions = draw(ACTIONS)
    mixed: list[Alert | Action] = list(ALERTS)
    for each in draw(st.permutations([*actions, *actions])):
        mixed.insert(draw(st.integers(0, len(mixed))), each)
    return [*ALERTS, *actions], mixed, draw(st.integers(0, len(mixed)))


@given(interleaved())
def test_cases_are_the_same_in_any_order_of_the_actions_and_over_a_restart(
    records: tuple[Sequence[Alert | Action], Sequence[Alert | Action], int],
) -> None:
    plain, mixed, cut = records
    triage, stored = Triage(), dict[str, bytes | None]()
    store = triage.load_store("store-1", lambda name: None)
    for place, record in enumerate(mixed):
        if place == cut:
            stored |= dict(store.records())
            store = triage.load_store("store-1", stored.get)
        triage.process(record, store)

    assert sorted(triage.cases(store), key=lambda case: case.case_id) == sorted(
        cases_of(plain), key=lambda case: case.case_id
    )


def test_a_verdict_years_later_forgets_no_case() -> None:
    later = [action(f"v{n}", at=(3_000 + n) * DAY, alert_id="b", verdict="benign") for n in range(3)]

    assert len(cases_of([alert("a"), alert("b", 3 * DAY), *later])) == 2
