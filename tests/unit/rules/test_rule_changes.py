"""Rules that change while the events go on: what a change does, and what it leaves as it is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

import retail_anomaly as ra
from retail_anomaly.cli import main
from retail_anomaly.core.events import TillEvent
from retail_anomaly.core.key_partitions import KeyPartitions
from retail_anomaly.core.records import InvalidRecord
from retail_anomaly.replay import Replay
from retail_anomaly.replay.rules_log import PlacedChange, RunningRules
from retail_anomaly.rules.changes import RuleChange, decode_change
from retail_anomaly.rules.rule_book import RuleBook
from retail_anomaly.rules.rule_detector import RuleDetector
from retail_anomaly.settings import build_engine, load, rules_of_settings
from tests.support.rule_changes import rule_changes

START, MINUTE = 1_760_000_000_000, 60_000
DRAWER: dict[str, Any] = {
    "id": "drawer",
    "version": 1,
    "status": "live",
    "events": {"e": {"eventType": "NO_SALE"}},
    "by": ["cashierId"],
    "window": "1h",
    "when": {"count": "e", "gte": 3},
}


def push(**changes: Any) -> dict[str, Any]:
    return {"action": "push", "by": "kim", "time": START, "rule": {**DRAWER, **changes}}


def set_to(action: str, rule: str = "drawer") -> dict[str, Any]:
    return {"action": action, "by": "kim", "time": START, "id": rule}


def at(minute: float, value: dict[str, Any] | None, **place: int) -> PlacedChange:
    return PlacedChange(START + int(minute * MINUTE), value, **place)


def drawer(*minutes: float, store: str = "s", kind: str = "NO_SALE") -> list[TillEvent]:
    return [TillEvent(store, "c", kind, START + int(minute * MINUTE)) for minute in minutes]


def raised(
    events: Iterable[TillEvent], log: list[PlacedChange], config: Path | None = None
) -> list[tuple[float, str, int]]:
    """Return minute, type and version of the live alerts."""
    settings = load(config, environ={}).settings
    run = Replay(build_engine(settings), rules=RunningRules(rules_of_settings(settings), log))
    return [
        ((alert.event_time - START) / MINUTE, alert.type, alert.evidence["version"])
        for alert in run.alerts(events)
    ]


def book(*changes: dict[str, Any], config: Path | None = None) -> RuleBook:
    made = RuleBook(rules_of_settings(load(config, environ={}).settings))
    for change in changes:
        made.apply(decode_change(json.dumps(change).encode()))
    return made


def test_a_pushed_rule_sees_the_events_from_its_place_on() -> None:
    assert raised(drawer(0, 1, 2, 3, 4, 5), [at(2.5, push())]) == [(5, "DRAWER", 1)]


def test_a_new_threshold_counts_on_over_the_events_that_the_rule_has() -> None:
    log = [at(0, push(when={"count": "e", "gte": 9})), at(3.5, push(version=2))]

    assert raised(drawer(1, 2, 3, 4), log) == [(4, "DRAWER", 2)]


@pytest.mark.parametrize(
    "between",
    [[set_to("off"), set_to("promote")], [push(version=2, window="2h"), push(version=3)]],
    ids=["off", "other windows"],
)
def test_a_rule_that_was_off_or_another_one_begins_with_empty_groups(between: list[dict[str, Any]]) -> None:
    log = [at(0, push()), *(at(2.5, change) for change in between)]

    assert [minute for minute, _, _ in raised(drawer(1, 2, 3, 4, 5), log)] == [5]


def test_a_rule_that_is_off_is_silent_and_one_in_the_shadow_raises_no_live_alert() -> None:
    for action in ("off", "shadow"):
        assert raised(drawer(1, 2, 3), [at(0, push()), at(2.5, set_to(action))]) == []


def test_a_rule_of_the_configuration_is_switched_by_its_id(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"rules": {"inline": [{**DRAWER, "status": "off"}]}}))

    assert raised(drawer(1, 2, 3), [at(0, set_to("promote"))], config) == [(3, "DRAWER", 1)]


def test_the_keys_of_a_store_are_laid_over_a_pushed_rule(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    own = {"s": {"rules": {"drawer": {"when": {"gte": 2}}}}}
    config.write_text(json.dumps({"rules": {"inline": [DRAWER]}, "stores": own}))
    log = [at(0, push(version=2, by=[]))]

    assert raised(drawer(1, 2) + drawer(1, 2, store="t"), log, config) == [(2, "DRAWER", 2)]


def test_a_higher_version_in_the_configuration_counts_again(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"rules": {"inline": [{**DRAWER, "version": 3}]}}))
    packed = book(push(), set_to("off")).packed()

    found = RuleBook(rules_of_settings(load(config, environ={}).settings), packed)

    assert [(rule.version, rule.status) for rule in found.rules()] == [(3, "live")]


def test_a_book_that_was_stored_goes_on_as_it_was() -> None:
    before = book(push(), set_to("off"), set_to("shadow"), push(id="other"))
    configured = rules_of_settings(load(environ={}).settings)

    after = RuleBook(configured, before.packed())

    assert prefixes(after) == prefixes(before)
    assert after.packed() == before.packed()


def test_a_rule_that_is_pushed_without_a_status_is_the_same_one_in_a_book_that_was_stored() -> None:
    without = {name: value for name, value in DRAWER.items() if name != "status"}
    running = book({**push(), "rule": without})
    restarted = RuleBook(rules_of_settings(load(environ={}).settings), running.packed())

    hashes = [[rule.config_hash for rule in each.rules()] for each in (running, restarted)]
    again = [each.apply(RuleChange("push", "kim", START, rule=DRAWER)) for each in (running, restarted)]

    assert hashes[0] == hashes[1]
    assert [rule.status for rule in again] == ["live", "live"]


@pytest.mark.parametrize(("action", "statuses"), [("off", []), ("shadow", ["shadow"]), ("promote", ["live"])])
def test_the_status_of_a_change_holds_in_a_store_with_a_status_of_its_own(
    tmp_path: Path, action: str, statuses: list[str]
) -> None:
    config = tmp_path / "config.yaml"
    own = {"s": {"rules": {"drawer": {"status": "live", "when": {"gte": 2}}}}}
    config.write_text(json.dumps({"rules": {"inline": [{**DRAWER, "status": "shadow"}]}, "stores": own}))

    def rules_in_store(book: RuleBook) -> list[tuple[str, float]]:
        found = [each.rule for each in book.dispatch("s").detectors if isinstance(each, RuleDetector)]
        return [(rule.status, rule.when.gte) for rule in found]

    assert rules_in_store(book(config=config)) == [("live", 2)]
    changed = book(set_to(action), config=config)
    restarted = RuleBook(rules_of_settings(load(config, environ={}).settings), changed.packed())
    assert rules_in_store(changed) == rules_in_store(restarted) == [(each, 2) for each in statuses]


def prefixes(book: RuleBook) -> list[str]:
    """Return the names under which the rules keep their groups."""
    return [each.prefix for each in book.dispatch().detectors if isinstance(each, RuleDetector)]


def with_version(folder: Path, version: int) -> Path:
    config = folder / f"config-{version}.yaml"
    config.write_text(json.dumps({"rules": {"inline": [{**DRAWER, "version": version}]}}))
    return config


def after_upgrade(config: Path, before: RuleBook) -> RuleBook:
    return RuleBook(rules_of_settings(load(config, environ={}).settings), before.packed())


def test_a_higher_version_in_the_configuration_begins_anew_if_the_rule_was_off(tmp_path: Path) -> None:
    first, second, third = (with_version(tmp_path, version) for version in (1, 2, 3))
    begun = prefixes(book(config=first))
    switched = book(set_to("off"), config=first)

    upgraded = after_upgrade(second, switched)
    again = after_upgrade(third, upgraded)

    assert prefixes(upgraded) == prefixes(again) != begun
    upgraded.apply(RuleChange("promote", "kim", START, id="drawer"))
    upgraded.apply(RuleChange("off", "kim", START, id="drawer"))
    assert prefixes(after_upgrade(third, upgraded))[0] not in (begun[0], prefixes(again)[0])


def test_a_higher_version_in_the_configuration_goes_on_if_the_rule_was_never_off(tmp_path: Path) -> None:
    for before in (book(set_to("shadow"), config=with_version(tmp_path, 1)), book(push())):
        assert prefixes(after_upgrade(with_version(tmp_path, 2), before)) == prefixes(before)


def test_time_that_passes_meets_the_rules_of_that_time_in_a_partition_without_events() -> None:
    keys = KeyPartitions(2)
    quiet = next(f"s-{n}" for n in range(99) if keys.of(f"s-{n}".encode()) == 0)
    busy = [f"s-{n}" for n in range(99) if keys.of(f"s-{n}".encode()) == 1][:3]
    absent = push(
        id="gone",
        events={"a": {"eventType": "NO_SALE"}, "b": {"eventType": "CASH_COUNT"}},
        window="30m",
        when={"absent": "b", "after": "a"},
    )
    events = drawer(1, store=quiet)
    events += [each for store in busy for each in drawer(*range(0, 120, 2), store=store, kind="X")]
    events.sort(key=lambda each: each.event_time)
    log = [at(0, absent, partition=n, partitions=2) for n in (0, 1)]

    assert [kind for _, kind, _ in raised(events, log)] == ["GONE"]
    log += [at(5, set_to("off", "gone"), partition=n, partitions=2) for n in (0, 1)]
    assert raised(events, log) == []


BAD = {
    "an older version": (push(version=0), "rule.version: rule drawer has version 1 already, got 0"),
    "another rule of one version": (push(window="2h"), "is another rule already; give this one version 2"),
    "an unknown word": (push(widnow="2h"), "unknown key widnow; did you mean window?"),
    "an unknown rule": (set_to("off", "drawr"), "there is no rule drawr; did you mean drawer?"),
    "an unknown action": (set_to("of"), "action: expected one of push, promote, shadow and off"),
    "a push without a rule": ({"action": "push", "by": "k", "time": START}, "rule: expected the rule"),
    "a long message": (push(version=2, message="m" * 1_001), "expected at most 1,000 characters, got 1,001"),
    "nobody": ({**set_to("off"), "by": ""}, "by: expected text"),
    "a number beyond all": (push(version=2, risk=10**400), "risk: expected a number, got 1000"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_change_is_refused_with_a_reason_and_changes_nothing(name: str) -> None:
    change, reason = BAD[name]
    known = book(push())
    before = known.packed()

    with pytest.raises(InvalidRecord) as refused:
        known.apply(decode_change(json.dumps(change).encode()))

    assert reason in str(refused.value)
    assert known.packed() == before
    assert raised(drawer(1, 2, 3), [at(0, push()), at(0, change)]) == [(3, "DRAWER", 1)]


def test_a_push_that_is_repeated_changes_nothing_but_the_status() -> None:
    log = [at(0, push()), at(2.5, push())]

    assert raised(drawer(1, 2, 3), log) == [(3, "DRAWER", 1)]


def test_a_change_holds_for_the_stores_of_its_partition() -> None:
    keys = KeyPartitions(2)
    here, there = (next(f"s-{n}" for n in range(99) if keys.of(f"s-{n}".encode()) == p) for p in (0, 1))
    events = sorted(drawer(1, 2, 3, store=here) + drawer(1, 2, 3, store=there), key=lambda e: e.event_time)
    settings = load(environ={}).settings
    log = [at(0, push(), partition=1, partitions=2)]

    run = Replay(build_engine(settings), rules=RunningRules(rules_of_settings(settings), log))

    assert [alert.store_id for alert in run.alerts(events)] == [there]


def written_log(folder: Path, *changes: PlacedChange) -> Path:
    path = folder / "rules-log.jsonl"
    rows = [
        {name: value for name in each.__struct_fields__ if (value := getattr(each, name)) is not None}
        for each in changes
    ]
    path.write_text("\n".join(json.dumps({"value": None, **row}) for row in rows))
    return path


def test_a_replay_repeats_a_log_of_changes_and_says_what_was_refused(tmp_path: Path) -> None:
    log = written_log(tmp_path, at(0, push()), at(0, set_to("off", "drawr")), at(0, None))

    result = ra.replay(drawer(1, 2, 3), rules_log=log)

    assert result.alerts["type"].tolist() == ["DRAWER"]
    assert "there is no rule drawr; did you mean drawer?, and 1 more" in result.remarks[0]
    assert not any("no rule looks at" in remark for remark in result.remarks)


def test_several_processes_repeat_a_log_of_changes_as_one_does(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    events = [drawer(minute, store=f"s-{minute * 7 % 5}") for minute in range(60)]
    source = tmp_path / "log.jsonl"
    rows = [
        {"topic": "pos-events", "value": {"storeId": e.store_id, "cashierId": "c", "eventType": "NO_SALE",
                                          "eventTime": e.event_time}}
        for (e,) in events
    ]  # fmt: skip
    source.write_text("\n".join(map(json.dumps, rows)))
    changes = [push(), push(version=2, when={"count": "e", "gte": 2}), set_to("off"), set_to("promote")]
    log = written_log(
        tmp_path,
        *(
            at(10 * n + 3 * partition, change, partition=partition, partitions=3)
            for n, change in enumerate(changes)
            for partition in range(3)
        ),
    )

    outputs = []
    for jobs in ("1", "2"):
        assert main(["replay", str(source), "--rules-log", str(log), "--jobs", jobs]) == 0
        alerts = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
        outputs.append([{**alert, "detectedAt": 0} for alert in alerts])

    assert len(outputs[0]) > 5
    assert outputs[0] == outputs[1]


def test_a_wrong_line_of_a_log_of_changes_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "rules-log.jsonl"
    log.write_text('{"time": 1760000000000, "value": null, "partition": 3}')
    source = tmp_path / "log.jsonl"
    source.write_text("")

    assert main(["replay", str(source), "--rules-log", str(log)]) == 1
    assert f"{log}:1: partition: expected a number below partitions" in capsys.readouterr().err


def test_a_rule_change_shows_the_status_that_it_gives() -> None:
    assert RuleChange("promote", "kim", START, id="a").status == "live"


def test_a_till_that_is_ahead_does_not_bring_a_later_change() -> None:
    """The record of a till 45 minutes ahead, and one of the next year, stand among those of the others."""
    fast = [each for minute in range(0, 30, 5) for each in drawer(minute + 45, kind="X")]
    right = drawer(*range(30), kind="X")
    events = sorted([*right, *fast], key=lambda e: e.event_time - 45 * MINUTE * (e in fast))
    events[8:8] = drawer(365 * 24 * 60, kind="X")
    events[4:4] = drawer(4)  # before the change
    events += drawer(31, 32)
    log = [at(30.5, push(when={"count": "e", "gte": 2}, window="7d"))]

    assert raised(events, log) == [(32, "DRAWER", 1)]


def test_where_most_clocks_are_ahead_their_times_count() -> None:
    events = drawer(60, 61, 62) + drawer(0, kind="X")

    assert raised(events, [at(50, push())]) == [(62, "DRAWER", 1)]


def test_a_till_that_is_ahead_passes_no_time_for_a_change(tmp_path: Path) -> None:
    absent = push(
        id="gone",
        events={"a": {"eventType": "NO_SALE"}, "b": {"eventType": "CASH_COUNT"}},
        window="30m",
        when={"absent": "b", "after": "a"},
    )
    log = [at(0, absent), at(40, set_to("off", "gone"))]
    ahead = drawer(2, kind="X") + drawer(60, kind="X") + drawer(3, kind="X")
    events = drawer(1) + ahead + drawer(*range(4, 20), kind="X")

    assert [kind for _, kind, _ in raised(events, log)] == ["GONE"]


def test_thousands_of_changes_leave_a_book_no_larger_than_its_rules() -> None:
    made, known = rule_changes(Random(4)), book()
    sizes = []

    for number in range(2_000):
        with suppress(InvalidRecord):
            known.apply(next(made))
        if number >= 100:
            sizes.append(len(known.packed()))

    # The numbers of changes and versions grow by a few bytes.
    assert max(sizes) < min(sizes) + 100
    assert len(list(known.rules())) == 3
