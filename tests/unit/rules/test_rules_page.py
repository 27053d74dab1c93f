"""The rules on the page about rules are rules, and two of them open the alerts of built-in detectors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_anomaly.contract import Run
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import Event, PosEvent, SecurityEvent
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.rules import Rule, load_rules, rule_detectors
from tests.support.events import DAY, MINUTE, SECOND, gate, refund, sale

PAGE = (Path(__file__).parents[3] / "docs" / "rules.md").read_text("utf-8")
RULES = {rule.id: rule for rule in map(Rule.load, re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S))}


def test_each_rule_on_the_page_is_one() -> None:
    assert list(RULES) == ["drawer_opened", "burst_as_a_rule", "gate_as_a_rule", "alarm_without_a_sale"]


def test_the_configuration_on_the_page_names_packaged_rules() -> None:
    (text,) = re.findall(r'^```yaml title="config.yaml"\n(.*?)^```', PAGE, re.M | re.S)
    section = yaml.safe_load(text)["rules"]

    rules = load_rules(packs=section["packs"], changes=section["set"])

    assert [rule.id for rule in rules if rule.status == "live"] == ["no_sale_abuse"]


minutes = st.integers(0, 40)
refunds = st.lists(
    st.tuples(minutes, st.sampled_from([20.0, 100.0, 150.0]), st.sampled_from(["c-1", "c-2"])), max_size=25
)


@settings(max_examples=200)
@given(refunds)
def test_a_burst_of_refunds_opens_at_the_same_events_as_the_detector(
    rows: list[tuple[int, float, str]],
) -> None:
    events: list[PosEvent | SecurityEvent] = [
        refund(minute * MINUTE, transaction_id=f"t-{n}", amount=amount, cashier_id=cashier)
        for n, (minute, amount, cashier) in enumerate(rows)
    ]

    assert opened("burst_as_a_rule", events) == opened_by_detector("refund_burst", events)


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.sampled_from([50.0, 200.0, 900.0])), max_size=25)
)
def test_a_gate_matches_the_same_sales_as_the_detector(rows: list[tuple[int, bool, float]]) -> None:
    events: list[PosEvent | SecurityEvent] = [
        gate(at * 30 * SECOND, f"g-{n}")
        if is_gate
        else sale(at * 30 * SECOND, transaction_id=f"t-{n}", amount=amount, cashier_id=f"c-{n}")
        for n, (at, is_gate, amount) in enumerate(rows)
    ]

    assert opened("gate_as_a_rule", events) == opened_by_detector("security_correlation", events)


def test_an_alarm_without_a_sale_after_it() -> None:
    events: list[PosEvent | SecurityEvent] = [gate(0), sale(4 * MINUTE), gate(10 * MINUTE), sale(16 * MINUTE)]

    assert opened("alarm_without_a_sale", events) == [(events[2].event_time, None)]


def opened(name: str, events: Sequence[Event]) -> list[tuple[int, str | None]]:
    return _opened(Engine(rule_detectors([RULES[name]], DAY)), events)


def opened_by_detector(name: str, events: Sequence[Event]) -> list[tuple[int, str | None]]:
    detector = REGISTRY[name]
    return _opened(Engine([detector(detector.Parameters(), DAY)]), events)


def _opened(engine: Engine, events: Sequence[Event]) -> list[tuple[int, str | None]]:
    alerts = Run(engine).alerts(events)
    return [(alert.event_time, alert.employee_id) for alert in alerts if alert.revision == 1]
