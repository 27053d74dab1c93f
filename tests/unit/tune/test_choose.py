"""The choice among combinations, against trying all of them."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from retail_anomaly.detectors import REGISTRY
from retail_anomaly.tune.choose import candidates_of, choose, combined, frontier
from retail_anomaly.tune.space import Space
from retail_anomaly.tune.store_share_trials import TrialOutcome
from retail_anomaly.tune.study import Trial

NAMES = ("inventory_shrinkage", "refund_burst", "stock_discrepancy")
WEIGHTS = [1.0] * 12


def worth(found):
    return sum(WEIGHTS[place] for place in sorted(found)) / sum(WEIGHTS)


def tried(name, number, alerts, found):
    field = "count" if name == "refund_burst" else "threshold"
    return Trial(REGISTRY[name].Parameters(**{field: number + 2}), TrialOutcome(alerts, tuple(sorted(found))))


@st.composite
def disjoint(draw):
    """Candidates of three detectors, each of which finds incidents of its own."""
    every = {}
    for place, name in enumerate(NAMES):
        own = st.sets(st.integers(4 * place, 4 * place + 3))
        outcomes = draw(st.lists(st.tuples(st.integers(0, 9), own), min_size=1, max_size=5))
        every[name] = [tried(name, number, *outcome) for number, outcome in enumerate(outcomes)]
    return every


def key(combination):
    return combination.worth, -combination.alerts


@given(disjoint(), st.integers(0, 30))
def test_last_of_the_frontier_is_the_best_of_all_combinations(every, most):
    front = frontier(every, worth, most)
    combinations = [combined(dict(zip(every, one, strict=True)), worth) for one in product(*every.values())]
    within = [one for one in combinations if one.alerts <= most]
    assert bool(front) == bool(within)
    if within:
        assert key(front[-1]) == max(map(key, within))
        assert [one.alerts for one in front] == sorted({one.alerts for one in front})
        assert [one.worth for one in front] == sorted({one.worth for one in front})
        assert front[0].alerts == min(one.alerts for one in within)


@given(disjoint(), st.integers(0, 30))
def test_choice_is_never_worse_than_the_base_and_keeps_the_budget(every, most):
    base = {name: found[0] for name, found in every.items()}
    spaces = [Space(name, base[name].parameters) for name in NAMES]
    front = choose(spaces, base, every, worth, most)
    assert all(one.alerts <= most for one in front)
    as_it_is = combined(base, worth)
    if as_it_is.alerts <= most:
        assert key(front[-1]) >= key(as_it_is)
        if key(front[-1]) == key(as_it_is):
            assert front[-1].parameters == as_it_is.parameters


def test_two_detectors_that_find_the_same_incident_find_it_once():
    every = {name: [tried(name, 0, 1, {0, 1})] for name in NAMES}
    (only,) = frontier(every, worth, 9)
    assert only.found == {0, 1}
    assert only.alerts == 3
    assert only.worth == 2 / 12


def test_of_equal_outcomes_the_nearest_to_the_base_is_a_candidate():
    name = "inventory_shrinkage"
    base = tried(name, 3, 5, {1})
    others = [tried(name, number, 2, {1}) for number in (30, 1, 5)]
    too_many = tried(name, 0, 10, {1, 2})
    found = candidates_of(Space(name, base.parameters), base, [*others, too_many], most=9)
    assert [one.parameters for one in found] == [base.parameters, others[2].parameters]


def test_a_detector_that_adds_nothing_stays_on_while_the_budget_is_kept():
    every = {name: [tried(name, 0, 1, {0, 1})] for name in NAMES}
    base = {name: found[0] for name, found in every.items()}
    spaces = [Space(name, base[name].parameters) for name in NAMES]
    assert all(one.enabled for one in choose(spaces, base, every, worth, 3)[-1].parameters.values())
    within_two = choose(spaces, base, every, worth, 2)[-1]
    assert (within_two.alerts, within_two.worth) == (1, 2 / 12)


def test_a_detector_is_switched_off_where_the_others_then_find_more():
    every = {
        "refund_burst": [tried("refund_burst", 0, 5, {0})],
        "stock_discrepancy": [
            tried("stock_discrepancy", 0, 2, {1}),
            tried("stock_discrepancy", 1, 6, {1, 2, 3}),
        ],
    }
    base = {name: found[0] for name, found in every.items()}
    spaces = [Space(name, base[name].parameters) for name in every]
    best = choose(spaces, base, every, worth, 8)[-1]
    assert not best.parameters["refund_burst"].enabled
    assert best.found == {1, 2, 3}
