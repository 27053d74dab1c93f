"""What loads from a file is sent, stored and read back as the same rule, whatever YAML takes a text for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_anomaly.rules import Rule, RuleError, load_rules
from retail_anomaly.rules.changes import RuleChange, decode_change
from retail_anomaly.rules.configured import ConfiguredRules
from retail_anomaly.rules.load import PACKS
from retail_anomaly.rules.rule_book import RuleBook

FORM = """\
id: watched
version: {version}
status: {status}
message: {text}
description: {text}
events:
  off: {{eventType: SALE, sku: [{skus}, $watched], registerId|not: {text}, receipt|startswith: {text}}}
  yes:
    - {{amount: [{numbers}, $sums], quantity|gte: {number}, amount|share: [listPrice, {number}]}}
    - {{training: {flag}, approverId|exists: {flag}, approverId|field: cashierId}}
    - {{topic: stock-movements, reason: {text}, quantity|lt: {number}}}
lists: {{watched: [{skus}], sums: [{numbers}], unused: [{skus}]}}
by: [cashierId]
window: {window}
when: {when}
risk: [[{number}, 0.5]]
"""
# YAML takes each of these for a number, a flag, a date or bytes, or nearly does.
TAKEN = (
    *("4711", "0012", "10", "0o14", "0x10", "1_000", "1e3", "1.0e+3", "1.50", "-0", "+7", ".5", "012.50"),
    *(
        "9999999999999999999999",
        "1:30",
        "190:20:30.15",
        ".inf",
        ".NaN",
        "NO",
        "no",
        "off",
        "Yes",
        "true",
        "y",
    ),
    *("2025-10-09", "2025-10-09 10:00:00", "2025-10-09T10:00:00Z", "!!binary aGk=", "!!str 0012", "'0012'"),
    *("a", "é", "0b11", "0099"),
)
texts = st.sampled_from(TAKEN) | st.from_regex(
    r"[0-9][0-9_]{0,5}(\.[0-9]{1,3})?(e[+-]?[0-9])?", fullmatch=True
)
numbers = st.sampled_from(["5", "2.50", "0x10", "012", "1_000", "-3", "1.0e+3", "1" + 30 * "0", "9" * 19])
flags = st.sampled_from(["true", "NO", "off", "Yes"])


def many(each: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(each, min_size=1, max_size=3).map(", ".join)


rules = st.fixed_dictionaries(
    {
        "version": st.sampled_from(["1", "0x10", "1_000"]),
        "status": st.sampled_from(["off", "shadow", "live"]),
        "text": texts,
        "skus": many(texts),
        "number": numbers,
        "numbers": many(numbers),
        "flag": flags,
        "window": st.sampled_from(["8h", "10m"]),
        "when": st.sampled_from(
            [
                "{count: off, gte: 0x2}",
                "{sum: yes.amount, gte: 1" + 30 * "0" + "}",
                "{ratio: [yes, off], gte: .5, min: 05}",
                "{sequence: [off, yes]}",
                "{absent: off, after: yes}",
            ]
        ),
    }
).map(lambda given: FORM.format(**given))


def sent_and_read_back(rule: Rule) -> list[Rule]:
    """Return the rule of its mapping, of the mapping as JSON, and of a book that was pushed to and stored."""
    pushed = {name: value for name, value in rule.written.items() if name != "examples"}
    change = decode_change(msgspec.json.encode(RuleChange("push", "kim", 1_760_000_000_000, rule=pushed)))
    book = RuleBook(ConfiguredRules(max_late=1))
    book.apply(change)
    stored = RuleBook(ConfiguredRules(max_late=1), book.packed())
    return [
        *load_rules(own=[rule.written]),
        *load_rules(own=[json.loads(json.dumps(pushed))]),
        *stored.rules(),
    ]


def without_place(rule: Rule) -> Rule:
    written = {name: value for name, value in rule.written.items() if name != "examples"}
    # A book writes the status out.
    return msgspec.structs.replace(rule, place="", written={**written, "status": rule.status})


@settings(max_examples=150)
@given(rules)
def test_a_rule_of_a_file_is_the_same_after_it_was_sent(text: str) -> None:
    rule = Rule.load(text)

    for again in sent_and_read_back(rule):
        assert without_place(again) == without_place(rule)
        assert (again.shape, without_place(again).config_hash) == (rule.shape, rule.config_hash)


@pytest.mark.parametrize("pack", PACKS)
def test_a_packaged_rule_is_the_same_after_it_was_sent(pack: str) -> None:
    lists = {"clearance": ["0012"], "loose": ["bread"], "staff_tokens": ["t"]}
    for rule in load_rules(packs=[pack], lists=lists):
        for again in sent_and_read_back(rule):
            assert without_place(again) == without_place(rule)


def watched(skus: str) -> Rule:
    return Rule.load(f"id: a\nevents: {{e: {{sku: {skus}}}}}\nwindow: 1h\nwhen: {{count: e, gte: 2}}\n")


def test_rules_that_differ_in_a_text_have_hashes_that_differ() -> None:
    """YAML takes 0012 for ten: to the state and the alerts these were one rule."""
    hashes = {watched(f"[4711, {sku}]").config_hash for sku in ("0012", "10", "012", "1_0", "0xA", "10.0")}

    assert len(hashes) == 6
    assert watched("0012").config_hash == watched("'0012'").config_hash


def test_a_list_in_a_list_adds_its_values(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(
        "{id: a, events: {e: {sku: [$own, zzz, $common], amount|not: [$sums, 7]}}, window: 1h, "
        "when: {count: e, gte: 2}, lists: {own: [4711, 0012], sums: [5, 0x10]}}"
    )

    (rule,) = load_rules([file], lists={"common": ["c"]})

    assert [test.wanted for test in rule.events["e"][0].tests] == [("4711", "0012", "zzz", "c"), (5, 16, 7)]
    assert rule.written["lists"] == {"common": ["c"], "own": ["4711", "0012"], "sums": [5, 16]}


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ({"own": [4711]}, "rules.lists.own: sku: expected text, got 4711; put it in quotes"),
        ({"own": [True]}, "rules.lists.own: sku: expected text, got True; put it in quotes"),
        (
            {"own": ["$other"], "other": ["a"]},
            "rules.lists.own: lists.own: a list can't name another; name both in the test: [$own, $other]",
        ),
    ],
)
def test_a_list_of_the_configuration_that_cannot_stand_is_one_line(lists: dict[str, Any], said: str) -> None:
    own = {"id": "a", "events": {"e": {"sku": "$own"}}, "window": "1h", "when": {"count": "e", "gte": 2}}

    with pytest.raises(RuleError) as raised:
        load_rules(own=[own], lists=lists)

    assert str(raised.value) == said
