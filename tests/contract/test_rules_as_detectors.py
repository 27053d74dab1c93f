"""Rules keep the contract of a detector: one of each kind of condition."""

from __future__ import annotations

from typing import Any

import pytest

from retail_anomaly.contract import CHECKS, Subject
from retail_anomaly.core.events import TillEvent
from retail_anomaly.rules import Rule, detector_class
from tests.support.events import DAY, HOUR, MINUTE, T0, gate, sale

KINDS: dict[str, dict[str, Any]] = {
    "count": {"count": "drawer", "gte": 2},
    "sum": {"sum": "sale.amount", "gte": 200},
    "distinct": {"distinct": "sale.sku", "gte": 2},
    "ratio": {"ratio": ["drawer", "sale"], "gte": 0.5, "min": 2},
    "sequence": {"sequence": ["sale", "drawer"]},
    "absent": {"absent": "sale", "after": "drawer"},
}
RULES = [
    Rule.load(
        {
            "id": f"{kind}_{window}",
            "status": "live",
            "events": {"drawer": {"eventType": "DRAWER"}, "sale": {"eventType": "SALE"}},
            "by": ["cashierId"],
            "window": window,
            "when": when,
            "subject": "cashierId",
            "risk": [[2, 0.4], [4, 0.8]],
        }
    )
    for kind, when in KINDS.items()
    for window in (["10m"] if kind in ("sequence", "absent") else ["10m", "day"])
]


def events() -> list[Any]:
    log: list[Any] = []
    for n in range(60):
        at = n * MINUTE + (n // 20) * 12 * HOUR
        cashier = f"c-{n % 3}"
        if n % 2:
            fields = {"transaction_id": f"t-{n}", "sku": f"k-{n % 4}", "cashier_id": cashier}
            log.append(sale(at, event_id=f"e-{n}", **fields))
        else:
            log.append(TillEvent("store-1", cashier, "DRAWER", T0 + at, event_id=f"e-{n}"))
        if n % 7 == 0:
            log.append(gate(at + 1))
    return [*log, gate(10 * DAY, "late"), gate(10 * DAY + 1, "later")]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
@pytest.mark.parametrize(("name", "check"), CHECKS.items(), ids=list(CHECKS))
def test_a_rule_keeps_the_contract(rule: Rule, name: str, check: Any) -> None:
    check(Subject(detector_class(rule), events()))
