"""Very many open cases are ordered as a few are."""

import random

from retail_anomaly.cases import Case, CaseAlert, Precision, Prior, prioritised, reading_order
from retail_anomaly.cases.case import CaseSubject
from retail_anomaly.cases.ordering import OpenCases

PRECISION = {"": Precision(), "north": Precision({"D": Prior(2, 1)})}
PRECISION["north"].count("A", "confirmed", 7)
PRECISION["north"].count("B", "benign", 3)
for verdict in ("benign", "benign", "confirmed"):
    PRECISION[""].count("C", verdict, confidence=0.8)


def any_case(number: int, chance: random.Random) -> Case:
    alerts = tuple(
        CaseAlert(
            *(f"{number}-{place}", 1, chance.choice("ABCDEFGHIJ"), "d", None, 1.0, "", 1, 1),
            money=chance.choice([None, 10.0, 80.0]),
            transaction_ids=tuple(chance.sample(["t-1", "t-2", "t-3"], chance.randrange(3))),
            verdict=chance.choice([None, None, "benign", "confirmed", "unclear"]),
            confidence=chance.choice([None, 0.01, 0.5, 0.99]),
        )
        for place in range(chance.randrange(1, 5))
    )
    state = "open" if any(alert.waits for alert in alerts) else "closed"
    subject = CaseSubject("employee", f"c-{chance.randrange(400)}")
    return Case(str(number), 1, "s", subject, 1, chance.randrange(9), state, None, alerts, ())  # type: ignore[arg-type]


def test_the_order_is_that_of_the_priorities_also_after_changes() -> None:
    chance = random.Random(7)
    cases, groups, ordering = {}, {}, OpenCases()
    for _ in range(4_000):
        case = any_case(chance.randrange(1_500), chance)
        groups[case.case_id] = chance.choice(["", "north"])
        cases[case.case_id] = case
        ordering.put(case, groups[case.case_id])
    fresh = {name: prioritised(case, PRECISION[groups[name]]) for name, case in cases.items()}
    waiting = {name: case for name, case in fresh.items() if case.state == "open"}

    order = ordering.order(PRECISION)

    # Cases that nothing tells apart may stand in either order.
    def key(name: str) -> tuple[float, float, int]:
        return fresh[name].priority, fresh[name].expected_loss, fresh[name].newest_at

    assert sorted(order) == sorted(waiting)
    assert [key(name) for name in order] == [key(case.case_id) for case in reading_order(fresh.values())]
    assert abs(ordering.expected_loss(PRECISION) - sum(case.expected_loss for case in waiting.values())) < 1
