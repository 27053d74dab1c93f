"""The probability that an alert is right: its confidence, corrected by the verdicts on its type."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_anomaly.cases import Action, Case, CaseAlert, Precision, Prior, Triage, prioritised
from retail_anomaly.cases.actions import Verdict
from retail_anomaly.cases.case import CaseSubject
from tests.unit.cases.test_triage import HOUR, action, alert, cases_of

BURST = {"totalRefunds": 3, "averageAmount": 200.0, "offShift": True}


def judged(*verdicts: Verdict, confidence: float) -> Precision:
    precision = Precision()
    for verdict in verdicts:
        precision.count("A", verdict, confidence=confidence)
    return precision


def waiting(*alerts: tuple[float | None, Verdict | None]) -> Case:
    made = tuple(
        CaseAlert("a", 1, "A", "d", None, 1.0, "", 1, 1, confidence=confidence, verdict=verdict)
        for confidence, verdict in alerts
    )
    return Case("c", 1, "s", CaseSubject("store", "s"), 1, 1, "open", None, made, ())


def test_verdicts_as_the_confidences_promised_change_nothing() -> None:
    precision = judged("confirmed", "benign", "benign", "benign", confidence=0.25)

    assert precision.of("A", 0.9) == pytest.approx(0.9)


def test_verdicts_move_sure_and_unsure_alerts_of_a_type_alike_and_keep_their_order() -> None:
    precision = judged("benign", "benign", "benign", confidence=0.5)

    odds = [precision.of("A", p) / (1 - precision.of("A", p)) * (1 - p) / p for p in (0.1, 0.5, 0.9)]
    assert odds == pytest.approx([odds[0]] * 3)
    assert odds[0] < 1
    assert precision.of("B", 0.5) == 0.5


def test_a_prior_of_the_configuration_stands_in_for_the_confidence() -> None:
    assert Precision({"A": Prior(3, 1)}).of("A", 0.01) == 0.75


def test_a_confirmed_alert_does_not_lend_its_case_the_first_place_again() -> None:
    new: tuple[float, None] = (0.3, None)
    seen: tuple[float, Verdict] = (0.9, "confirmed")

    assert (
        prioritised(waiting(new, seen), Precision()).priority
        == prioritised(waiting(new), Precision()).priority
    )
    assert prioritised(waiting(seen), Precision()).priority == 1.0


def test_an_alert_keeps_its_confidence_in_the_case() -> None:
    [case] = cases_of([alert("a", evidence=BURST)])

    assert case.alerts[0].confidence == pytest.approx(case.priority)
    assert case.priority > 0.5


@given(st.permutations(range(5)))
def test_the_priority_does_not_depend_on_whether_a_verdict_came_before_a_revision(order: list[int]) -> None:
    alerts = [alert("a", evidence=BURST), alert("b", HOUR, evidence=BURST)]
    worse = msgspec.structs.replace(alerts[0], revision=2, evidence={**BURST, "averageAmount": 900.0})
    verdicts: list[Action] = [
        action("v1", at=2 * HOUR, alert_id="a", verdict="benign"),
        action("v2", at=3 * HOUR, alert_id="a", verdict="confirmed"),
        action("v3", at=4 * HOUR, alert_id="a", verdict="benign"),
    ]
    later: list[Any] = [worse, *verdicts, alert("c", 5 * HOUR, employee_id="c-2", evidence=BURST)]

    mixed = cases_of([*alerts, *(later[place] for place in order)], Triage())
    wanted = cases_of([*alerts, *later], Triage())

    assert [case.priority for case in mixed] == [case.priority for case in wanted]
