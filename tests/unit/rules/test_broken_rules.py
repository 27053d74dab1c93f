"""A broken rule is one line with file, line and the nearest right word, and exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from retail_anomaly.rules import RuleError, load_rules

GOOD = """\
id: drawer_opened
version: 1
status: live
message: "Cashier {cashierId} opened the drawer {value} times without a sale."
events:
  drawer: {eventType: NO_SALE}
  sale: {eventType: SALE, amount|gte: 5}
by: [cashierId]
window: 8h
when: {count: drawer, gte: 5}
subject: cashierId
risk: [[5, 0.5], [10, 0.9]]
"""

# The line of the good rule that is replaced, by what, the line of the error and its text.
BROKEN = [
    (
        1,
        "id: Drawer",
        1,
        "id: expected a small letter, then up to 39 small letters, digits or _, got 'Drawer'",
    ),
    (1, "id: [a]", 1, "id: expected a small letter, then up to 39 small letters, digits or _, got ['a']"),
    (2, "version: one", 2, "version: expected a whole number, got 'one'"),
    (2, "verison: 1", 2, "unknown key verison; did you mean version?"),
    (2, "id: twice", 2, "id is given twice"),
    (3, "status: lvie", 3, "status: unknown status lvie; did you mean live?"),
    (4, 'message: "{cashier}"', 4, "message: unknown field cashier; did you mean cashierId?"),
    (4, 'message: "{value:.2f}"', 4, "message: expected {value} alone, without a format"),
    (4, 'message: "{value"', 4, "message: expected '}' before end of string; write a brace twice to show it"),
    (4, 'message: "{cashierId.__class__}"', 4, "message: unknown field cashierId.__class__; did you mean"),
    (5, "evnets:", 5, "unknown key evnets; did you mean events?"),
    (6, "  drawer: {evntType: NO_SALE}", 6, "unknown field evntType; did you mean eventType?"),
    (6, "  drawer: {eventType|nto: SALE}", 6, "eventType: unknown modifier nto; did you mean not?"),
    (6, "  drawer: {amount|gte: five}", 6, "amount|gte: expected a number, got 'five'"),
    (6, "  drawer: {amount: five}", 6, "amount: expected a number, got 'five'"),
    (6, "  drawer: {sku|gt: 5}", 6, "sku|gt: expected a field with numbers, got 5"),
    (6, "  drawer: {training: maybe}", 6, "training: expected true or false, got 'maybe'"),
    (6, "  drawer: {sku|exists: maybe}", 6, "sku|exists: expected true or false, got 'maybe'"),
    (6, "  drawer: {amount|startswith: 5}", 6, "amount|startswith: expected a field with text, got 5"),
    (6, "  drawer: {approverId|field: cashier}", 6, "approverId|field: unknown field cashier; did you mean"),
    (
        6,
        "  drawer: {approverId|field: amount}",
        6,
        "approverId|field: expected another field with text, got amount",
    ),
    (
        6,
        "  drawer: {amount|share: 0.5}",
        6,
        "amount|share: expected a field and a number such as [listPrice, 0.5]",
    ),
    (6, "  drawer: {topic: pos-event}", 6, "drawer: unknown topic pos-event; did you mean pos-events?"),
    (
        6,
        "  drawer: {topic: inventory-counts, amount: 5}",
        6,
        "unknown field amount; expected one of storeId,",
    ),
    (6, "  drawer: {weekday: monday}", 6, "weekday: unknown day monday; did you mean mon?"),
    (6, "  drawer: {sku: $risky}", 6, "sku: unknown list risky; name it in `lists`"),
    (6, "  drawer: {sku: [a, $risky]}", 6, "sku: unknown list risky; name it in `lists`"),
    (
        6,
        "  drawer: {sku|startswith: $risky}",
        6,
        "sku|startswith: expected one text, got the list $risky; write a test for each text: "
        "[{sku|startswith: a}, {sku|startswith: b}]",
    ),
    (6, "  drawer: {amount|gte: $risky}", 6, "amount|gte: expected a number, got '$risky'"),
    (6, "  drawer: {sku|field: $risky}", 6, "sku|field: unknown field $risky; expected one of"),
    (
        7,
        "  sale: {sku: $a, amount: $a}\nlists: {a: [4711]}",
        8,
        "lists.a: stands for text (sku) and a number (amount); give each field a list of its own",
    ),
    (
        7,
        "  sale: {sku: $a}\nlists: {a: [x, $b], b: [y]}",
        8,
        "lists.a: a list can't name another; name both in the test: [$a, $b]",
    ),
    (6, "  drawer: NO_SALE", 6, "drawer: expected tests such as {eventType: NO_SALE}, got 'NO_SALE'"),
    (8, "by: cashierId", 8, "by: expected a list of fields such as [cashierId], got 'cashierId'"),
    (8, "by: [cashierID]", 8, "by: unknown field cashierID; did you mean cashierId?"),
    (9, "window: 8 hours", 9, "window: expected a duration such as 10m or 8h, day or receipt, got '8 hours'"),
    (9, "window: 0", 9, "window: expected a duration such as 10m or 8h, day or receipt, got 0"),
    (9, "", 1, "window: expected a value, the key is missing"),
    (10, "when: {count: draw, gte: 5}", 10, "when.count: unknown event draw; did you mean drawer?"),
    (10, "when: {cuont: drawer, gte: 5}", 10, "when: unknown key cuont; did you mean count?"),
    (10, "when: {count: drawer}", 10, "when: count needs gte, which is missing"),
    (
        10,
        "when: {ratio: [drawer, sale], gte: 1, min: 9007199254740992}",
        10,
        "when.min: expected a whole number from 1 to 9007199254740991, got 9007199254740992",
    ),
    (
        10,
        "when: {count: drawer, gte: 5, min: 3}",
        10,
        "when: unknown key min of count; expected one of count, gte",
    ),
    (
        10,
        "when: {sum: drawer, gte: 5}",
        10,
        "when.sum: expected an event and a field such as drawer.amount, got",
    ),
    (10, "when: {sum: drawer.amonut, gte: 5}", 10, "when.sum: unknown field amonut; did you mean amount?"),
    (10, "when: {sum: drawer.sku, gte: 5}", 10, "when.sum: expected a field with numbers, got sku"),
    (
        10,
        "when: {ratio: [drawer], gte: 1}",
        10,
        "when.ratio: expected two event names in a list, got ['drawer']",
    ),
    (10, "when: {sequence: [drawer, sael]}", 10, "when.sequence: unknown event sael; did you mean sale?"),
    (10, "when: {absent: sale}", 10, "when: absent needs after, which is missing"),
    (
        10,
        "when: {count: sale, sum: sale.amount, gte: 1}",
        10,
        "when: expected one of count, sum, distinct, ratio,",
    ),
    (11, "subject: cashirId", 11, "subject: unknown field cashirId; did you mean cashierId?"),
    (11, "subject: amount", 11, "subject: expected a field with text, such as cashierId, got amount"),
    (12, "risk: 7", 12, "risk: expected a number from 0 to 1, got 7"),
    (
        12,
        "risk: [[10, 0.9], [5, 0.5]]",
        12,
        "risk: expected the pairs in rising order of their first numbers",
    ),
    (12, "risk: [5, 0.5]", 12, "risk: expected pairs such as [5, 0.5], got 5"),
    (12, "extends: pos/no_sael", 12, "extends: unknown rule pos/no_sael;"),
    (12, "risk: [", 13, "not YAML: "),
]


def with_line(number: int, text: str) -> str:
    lines = GOOD.splitlines()
    lines[number - 1] = text
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("number", "text", "at", "said"), BROKEN, ids=[text for _, text, _, _ in BROKEN])
def test_a_broken_file_is_one_line_that_names_the_place_and_the_right_word(
    tmp_path: Path, number: int, text: str, at: int, said: str
) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(with_line(number, text))

    with pytest.raises(RuleError) as raised:
        load_rules([file])

    assert str(raised.value).startswith(f"{file}:{at}: {said}")
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 2


def test_the_good_rule_is_good(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(GOOD)

    (rule,) = load_rules([file])

    assert (rule.name, rule.status, rule.window) == ("rule:drawer_opened", "live", 8 * 3_600_000)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "expected a rule, got an empty file"),
        ("drawer", "a rule: expected keys and values, such as `id: drawer_opened`"),
        ("a: &a [*a]", "not YAML: "),
        ("- 5", "a rule: expected keys and values, such as `id: drawer_opened`"),
        ("\x00", "not YAML: "),
    ],
)
def test_a_file_without_a_rule_says_so(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(content)

    with pytest.raises(RuleError, match=r"my\.yaml") as raised:
        load_rules([file])

    assert said in str(raised.value)


def test_a_rule_may_be_written_as_json(tmp_path: Path) -> None:
    file = tmp_path / "my.json"
    file.write_text(
        '[{"id": "a", "events": {"e": {"eventType": "NO_SALE"}}, "window": "1h", '
        '"when": {"count": "e", "gte": 2}, "status": "off"}]'
    )

    assert [rule.status for rule in load_rules([file])] == ["off"]


@pytest.mark.parametrize("word", ["off", "shadow", "live"])
def test_a_status_is_a_word_though_yaml_has_other_ideas(word: str) -> None:
    (rule,) = load_rules(own=[yaml.safe_load(with_line(3, f"status: {word}"))])

    assert rule.status == word


def test_the_higher_version_of_a_rule_wins(tmp_path: Path) -> None:
    for version in (1, 3, 2):
        (tmp_path / f"{version}.yaml").write_text(with_line(2, f"version: {version}"))

    assert [rule.version for rule in load_rules([tmp_path])] == [3]


def test_two_rules_of_one_version_are_an_error(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(GOOD)

    with pytest.raises(RuleError, match=r"b\.yaml:1: rule drawer_opened version 1 is also in .*a\.yaml:1"):
        load_rules([tmp_path])


def test_text_keeps_its_zeros_and_a_list_is_found_by_its_name() -> None:
    rules = load_rules(
        own=[yaml.safe_load(with_line(6, '  drawer: {sku: ["0012"], registerId: $tills}'))],
        lists={"tills": ["r-1"], "unused": ["x"]},
    )

    tests = rules[0].events["drawer"][0].tests
    assert [test.wanted for test in tests] == [("0012",), ("r-1",)]
    assert rules[0].written["lists"] == {"tills": ["r-1"]}
