"""The packaged rules fire and stay quiet as their examples say, and tell people how to read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import retail_anomaly as ra
from retail_anomaly.core.events import TillEvent
from retail_anomaly.rules import PACKS, Rule, load_rules
from retail_anomaly.rules.choice import PACKAGED_TYPES
from retail_anomaly.rules.examples import alerts_of_example, check_examples
from retail_anomaly.rules.vocabulary import TEXT_KEYS
from retail_anomaly.settings import load_settings

POS = {rule.id: rule for rule in load_rules(packs=["pos"])}
OTHERS = [
    (pack, rule)
    for pack in PACKS
    for rule in load_rules(packs=[pack])
    if rule.place.startswith(f"{pack}/") and pack != "pos"
]


@pytest.mark.parametrize("name", POS)
def test_the_examples_of_a_packaged_rule_hold(name: str) -> None:
    rule = POS[name]

    assert check_examples(rule) >= 1
    assert rule.status == "shadow"
    assert set(TEXT_KEYS) <= rule.written.keys()
    assert name == "own_card" or {"fires", "quiet"} == rule.written["examples"].keys()


def test_the_packs_have_these_rules() -> None:
    assert len(POS) == 22
    assert {pack for pack, _ in OTHERS} == {"grocery", "fashion"}


@pytest.mark.parametrize(("pack", "rule"), OTHERS, ids=lambda given: getattr(given, "id", given))
def test_another_pack_moves_a_threshold_of_the_same_rule(pack: str, rule: Rule) -> None:
    usual = POS[rule.id]
    examples = usual.written["examples"]["fires"]

    fires = bool(alerts_of_example(rule, examples[0], "example"))

    assert rule.version > usual.version
    # What fires by the usual threshold is quiet by a higher one; a lower one fires too.
    is_stricter = rule.when.gte > usual.when.gte or rule.when.minimum > usual.when.minimum
    assert fires != (is_stricter or rule.id == "sweetheart")


def test_a_pack_replaces_the_rules_of_pos_and_keeps_the_others() -> None:
    rules = {rule.id: rule for rule in load_rules(packs=["grocery"])}

    assert rules.keys() == POS.keys()
    assert rules["line_void_rate"].when.gte == 0.15
    assert rules["gift_drain"] == POS["gift_drain"]


def test_a_card_of_the_staff_is_found_by_the_list_of_the_configuration() -> None:
    (rule,) = (
        rule for rule in load_rules(packs=["pos"], lists={"staff_tokens": ["x-1"]}) if rule.id == "own_card"
    )
    refund = {"eventType": "REFUND", "transactionId": "t", "sku": "k", "amount": 5, "at": "1m"}

    assert alerts_of_example(rule, [{**refund, "cardToken": "x-1"}], "example")
    assert not alerts_of_example(rule, [{**refund, "cardToken": "x-2"}], "example")


def test_a_rule_of_ones_own_extends_a_packaged_one() -> None:
    rule = Rule.load({"id": "mine", "extends": "pos/no_sale_abuse", "when": {"gte": 9}, "status": "live"})

    assert (rule.alert_type, rule.when.gte, rule.when.first) == ("MINE", 9, "drawer")
    assert rule.events == POS["no_sale_abuse"].events


@pytest.mark.parametrize("pack", PACKS)
def test_a_packaged_rule_is_the_same_after_it_was_sent_as_json(pack: str) -> None:
    for rule in load_rules(packs=[pack]):
        sent = json.loads(json.dumps({k: v for k, v in rule.written.items() if k != "examples"}))

        assert Rule.load(sent).config_hash == rule.config_hash


@pytest.mark.parametrize("pack", PACKS)
def test_the_types_of_the_packaged_rules_are_those_that_their_files_name(pack: str) -> None:
    tests = [
        test
        for rule in load_rules(packs=[pack])
        for filters in rule.events.values()
        for each in filters
        for test in each.tests
    ]

    named = {
        name for test in tests if (test.field, test.modifier) == ("eventType", "") for name in test.wanted
    }

    assert named == PACKAGED_TYPES


def test_types_of_packaged_rules_are_remarked_on_with_the_setting_that_runs_these(tmp_path: Path) -> None:
    till = sorted(PACKAGED_TYPES - {"SALE", "REFUND", "LINE_VOID", "VOID", "POST_VOID"})
    log = [TillEvent("s", "c", name, 1_760_000_000_000) for name in till]
    config = tmp_path / "shop.yaml"
    config.write_text("rules: {packs: [pos], choice: default}")

    without = " ".join(ra.replay(log).remarks)

    assert "only packaged rules look at these event types: 'CASH_COUNT' (1)" in without
    assert "`rules: {packs: [pos], choice: default}`" in without
    assert "REFUND" not in without
    assert ra.replay(log, settings=load_settings(config)).remarks == []
