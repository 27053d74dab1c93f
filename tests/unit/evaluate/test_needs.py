"""Which rules a log can be used for, and what it lacks for the others."""

from __future__ import annotations

import pytest

import retail_anomaly as ra
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.evaluate.needs import FACTS
from tests.support.events import DAY, HOUR, count, gate, line, refund, sale, shift

SOLD = [sale(), refund(HOUR, transaction_id="r", original_transaction_id="t-1")]
COUNTED = "counts (inventory-counts)"
TWICE = "an article that was counted twice"


@pytest.mark.parametrize(
    ("rule", "events", "lacks"),
    [
        ("refund_burst", SOLD, ""),
        ("refund_burst", [sale()], "refunds"),
        ("refund_without_sale", SOLD, ""),
        ("refund_without_sale", [refund()], FACTS["references"][0]),
        ("refund_match", SOLD, ""),
        ("security_correlation", [sale(), gate()], ""),
        ("security_correlation", [sale(), gate(alarm=False)], FACTS["alarms"][0]),
        ("inventory_shrinkage", [sale(), count(0, 3)], ""),
        ("inventory_shrinkage", SOLD, COUNTED),
        ("stock_discrepancy", [count(0, 3), count(HOUR, 3)], ""),
        ("stock_discrepancy", [count(0, 3), count(HOUR, 3, sku="other")], TWICE),
        ("sales_deviation", SOLD, "four weeks of one store"),
        ("sales_deviation", [sale(), sale(28 * DAY)], ""),
        ("rule:no_sale_abuse", [line("NO_SALE")], ""),
        ("rule:no_sale_abuse", SOLD, "events of type NO_SALE or DRAWER_OPEN"),
        ("rule:keyed_lines", SOLD, "entryMethod"),
        ("rule:keyed_lines", [sale(entry_method="KEYED")], ""),
    ],
)  # fmt: skip
def test_a_rule_says_what_keeps_it_silent(rule, events, lacks):
    found = ra.rule_needs(events).set_index("rule").loc[rule]
    assert (found["lacks"], found["can_be_used"]) == (lacks, not lacks)


def test_cashiers_of_a_constant_are_named_by_nobody():
    rows = [{"transactionId": "t", "storeId": "s", "sku": "k", "amount": 9.0, "eventType": "REFUND",
             "eventTime": 1_760_000_000_000}]  # fmt: skip
    needs = ra.rule_needs(rows, mapping={"constants": {"cashierId": "unknown"}}).set_index("rule")
    assert needs.loc["refund_burst", "lacks"] == "cashiers who are named"


def test_shifts_make_refund_rules_better():
    better = ra.rule_needs(SOLD).set_index("rule")["better_with"]
    with_shifts = ra.rule_needs([shift(0, HOUR), *SOLD]).set_index("rule")["better_with"]
    assert (better["refund_burst"], with_shifts["refund_burst"]) == ("shifts (staff-shifts)", "")


def test_each_detector_says_what_it_needs():
    for detector in REGISTRY.values():
        assert detector.needs
        assert {*detector.needs, *detector.better_with} <= set(FACTS)
