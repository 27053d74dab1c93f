"""At every step, every rule agrees with a naive reading of the contract."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from retail_anomaly.contract import Step
from retail_anomaly.core.alerts import Alert
from tests.properties import oracle
from tests.properties.oracle import Finding, History, finding_of
from tests.support.events import HOUR, MINUTE
from tests.support.logs import GATE_WINDOW, MAX_LATE, SALE_MEMORY, WINDOW, logs
from tests.support.runs import alerts_by_step, engine_of

DEDUPE_MEMORY = HOUR
Oracle = Callable[..., dict[int, list[Finding]]]
# Without the phase that explains: it runs a failing example hundreds of times more.
EXAMPLES = settings(max_examples=150, phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink))


def assert_as_the_oracle_says(name: str, expected: Oracle, steps: list[Step], **parameters: Any) -> None:
    """Compare a detector, step by step and store by store, with an oracle."""
    engine = engine_of(name, max_late=MAX_LATE, dedupe_memory=DEDUPE_MEMORY, **parameters)
    raised = alerts_by_step(engine, steps)
    for store in {step.store_id for step in steps}:
        findings = expected(History(steps, store, DEDUPE_MEMORY), **parameters)
        for index, alerts in enumerate(raised):
            said = findings.get(index, [])
            mine = [alert for alert in alerts if alert.store_id == store]
            assert _in_order(_findings(mine, said)) == [
                _rounding_forgiven(finding) for finding in _in_order(said)
            ], f"at step {index} of {store}"


def _findings(alerts: list[Alert], said: list[Finding]) -> list[Finding]:
    names = said[0].evidence if said else ()
    return [finding_of(alert, names) for alert in alerts]


def _in_order(findings: list[Finding]) -> list[Finding]:
    """Sort alerts whose order the contract leaves open."""
    ordered = [
        finding._replace(
            evidence={k: sorted(v) if isinstance(v, list) else v for k, v in finding.evidence.items()}
        )
        for finding in findings
    ]
    return sorted(ordered, key=lambda f: (f.time, f.evidence.get("transactionId", ""), f.revision))


def _rounding_forgiven(finding: Finding) -> Finding:
    near: Any = functools.partial(pytest.approx, abs=2e-6)
    evidence = {k: near(v) if isinstance(v, float) else v for k, v in finding.evidence.items()}
    return finding._replace(risk=near(finding.risk), evidence=evidence)


burst_rules = st.fixed_dictionaries(
    {
        "window": st.sampled_from([WINDOW, MINUTE]),
        "count": st.sampled_from([3, 2, 1]),
        "amount": st.sampled_from([100.0, 99.99]),
        "off_shift_bump": st.sampled_from([0.2, 0.0, 1.0]),
        "revise_by": st.sampled_from([0.05, 0.01, 0.3]),
    }
)


@EXAMPLES
@given(logs("bursts", repeated=True), burst_rules)
def test_refund_burst(steps, rule):
    assert_as_the_oracle_says("refund_burst", oracle.refund_bursts, steps, **rule)


@EXAMPLES
@given(logs("refunds", repeated=True), st.sampled_from([SALE_MEMORY, MINUTE]))
def test_refund_without_sale(steps, sale_memory):
    rule = {"sale_memory": sale_memory, "match_grace": 0, "warm_up": 0}
    assert_as_the_oracle_says("refund_without_sale", oracle.refunds_without_sale, steps, **rule)


@EXAMPLES
@given(
    logs("refunds", ticks=True),
    st.sampled_from([MINUTE, WINDOW, HOUR]),
    st.sampled_from([0, WINDOW, 2 * HOUR]),
)
def test_refund_without_sale_that_waits_for_its_sale(steps, match_grace, warm_up):
    rule = {"sale_memory": SALE_MEMORY, "match_grace": match_grace, "warm_up": warm_up}
    assert_as_the_oracle_says("refund_without_sale", oracle.refunds_without_sale, steps, **rule)


@EXAMPLES
@given(
    logs("gates", repeated=True), st.sampled_from([GATE_WINDOW, WINDOW, 0]), st.sampled_from([200.0, 100.0])
)
def test_security_correlation(steps, window, amount):
    rule = {"window": window, "amount": amount, "risk": 0.85}
    assert_as_the_oracle_says("security_correlation", oracle.security_correlations, steps, **rule)


@EXAMPLES
@given(logs("counts", repeated=True), st.sampled_from([5, 1, 3]))
def test_inventory_shrinkage(steps, threshold):
    assert_as_the_oracle_says("inventory_shrinkage", oracle.shrinkages, steps, threshold=threshold)


@EXAMPLES
@given(logs("counts", repeated=True), st.sampled_from([5, 1, 3]))
def test_stock_discrepancy(steps, threshold):
    assert_as_the_oracle_says("stock_discrepancy", oracle.stock_discrepancies, steps, threshold=threshold)
