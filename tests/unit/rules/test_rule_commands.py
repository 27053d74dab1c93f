"""The commands about rules, and rules in a replay."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pandas as pd
import pytest
import yaml

import retail_anomaly as ra
from retail_anomaly.cli import main
from retail_anomaly.core.events import TillEvent
from retail_anomaly.rules.rule_schema import rule_schema
from tests.support.events import HOUR, MINUTE, T0
from tests.unit.rules.test_broken_rules import GOOD

DRAWER = {
    "id": "drawer_opened",
    "status": "live",
    "events": {"drawer": {"eventType": "NO_SALE"}},
    "by": ["cashierId"],
    "window": "8h",
    "when": {"count": "drawer", "gte": 2},
    "subject": "cashierId",
}


def drawers(*minutes: int, store: str = "store-1", cashier: str = "c-1") -> list[TillEvent]:
    return [TillEvent(store, cashier, "NO_SALE", T0 + minute * MINUTE) for minute in minutes]


def test_new_prints_a_rule_that_check_accepts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "new", "my_rule"]) == 0
    file = tmp_path / "my.yaml"
    file.write_text(capsys.readouterr().out)

    assert main(["rules", "check", str(file)]) == 0
    assert capsys.readouterr().out == "my_rule version 1, shadow: all right, 2 examples\n"


def test_an_example_that_does_not_fire_is_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(f"{GOOD}examples: {{fires: [[{{at: 1m, eventType: NO_SALE}}]]}}\n")

    assert main(["rules", "check", str(file)]) == 2
    assert capsys.readouterr().err == f"retail-anomaly: {file}:1: example 1 of fires raises no alert\n"


def test_test_prints_the_alerts_of_a_rule_in_the_shadow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule, log = tmp_path / "my.yaml", tmp_path / "log.jsonl"
    rule.write_text(yaml.safe_dump({**DRAWER, "status": "shadow"}))
    value = {"storeId": "s", "cashierId": "c", "eventType": "NO_SALE"}
    log.write_text(
        "".join(
            json.dumps({"topic": "pos-events", "value": {**value, "eventTime": T0 + n}}) + "\n"
            for n in range(3)
        )
    )

    assert main(["rules", "test", str(rule), str(log)]) == 0
    out, err = capsys.readouterr()
    assert [json.loads(line)["type"] for line in out.splitlines()] == ["DRAWER_OPENED"]
    assert err == "3 events: 1 alert\n"


def test_a_backtest_counts_alerts_that_are_new_and_those_that_are_lost(tmp_path: Path) -> None:
    from retail_anomaly.evaluate.backtest import backtest

    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"rules": {"inline": [DRAWER]}}))
    events = [*drawers(0, 1, 2), *drawers(0, 1, cashier="c-2")]

    stricter = {**DRAWER, "when": {"count": "drawer", "gte": 3}}
    table = backtest([stricter], events, against=config).table

    # c-1's alert rises at another event, so it is another alert; c-2's vanishes.
    assert table[["rule", "alerts", "a_store_day", "new", "lost"]].values.tolist() == [
        ["drawer_opened", 1, 1.0, 1, 2]
    ]


def test_limits_tried_in_one_pass_give_the_alerts_of_each_limit_alone() -> None:
    events = [*drawers(0, 1, 2), *drawers(0, 1, cashier="c-2")]

    tried = ra.rules.by_limit(ra.Rule.load(DRAWER), events, [2, 3, 4])

    limits = [{**DRAWER, "when": {"count": "drawer", "gte": limit}} for limit in (2, 3, 4)]
    alone = [ra.rules.backtest([rule], events) for rule in limits]
    rows = pd.concat([each.table for each in alone], ignore_index=True)
    assert tried.table.drop(columns="limit").equals(rows)
    columns = ["type", "detector", "event_time", "employee_id", "risk_score"]
    for limit, each in zip((2, 3, 4), alone, strict=True):
        own = tried.alerts[tried.alerts["limit"] == limit]
        assert own[columns].values.tolist() == each.alerts[columns].values.tolist()


def test_a_rule_without_a_limit_is_refused() -> None:
    rule = {**DRAWER, "when": {"sequence": ["drawer", "drawer"]}}
    with pytest.raises(ra.RuleError, match="sequence has no limit to try"):
        ra.rules.by_limit(ra.Rule.load(rule), [], [2])


def test_the_schema_accepts_good_rules_and_refuses_unknown_words() -> None:
    schema = rule_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    good = yaml.safe_load(GOOD)
    jsonschema.validate(good, schema)
    jsonschema.validate([good, DRAWER], schema)
    for wrong in (
        {**good, "evnts": {}},
        {**good, "events": {"a": {"amuont": 5}}},
        {**good, "when": {"count": "drawer"}},
        {**good, "status": "on"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_a_replay_keeps_alerts_in_the_shadow_apart() -> None:
    shadow = {**DRAWER, "id": "other", "status": "shadow"}

    result = ra.replay(drawers(0, 1), rules=[DRAWER, ra.Rule.load(shadow)])

    assert result.alerts["type"].tolist() == ["DRAWER_OPENED"]
    assert result.shadow is not None
    assert result.shadow["type"].tolist() == ["OTHER"]


def test_a_rule_that_is_off_raises_nothing() -> None:
    result = ra.replay(drawers(0, 1), rules=[{**DRAWER, "status": "off"}])

    assert result.alerts.empty
    assert result.shadow is not None
    assert result.shadow.empty


def test_a_store_has_thresholds_of_its_own(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "rules": {"inline": [DRAWER]},
                "stores": {"quiet": {"rules": {"drawer_opened": {"when": {"gte": 3}}}}},
            }
        )
    )
    events = [*drawers(0, 1), *drawers(0, 1, store="quiet")]

    result = ra.replay(events, settings=ra.load_settings(config))

    assert result.alerts["store_id"].tolist() == ["store-1"]


def test_a_change_of_an_unknown_rule_names_the_nearest(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"rules": {"inline": [DRAWER], "set": {"drawer_opend": {}}}}))

    with pytest.raises(ra.RuleError, match=r"rules\.set\.drawer_opend: .* did you mean drawer_opened\?"):
        ra.replay([], settings=ra.load_settings(config))


def test_a_flood_goes_to_the_shadow_until_the_last_day_has_fewer() -> None:
    once = {**DRAWER, "by": ["cashierId"], "when": {"count": "drawer", "gte": 1}}
    events = [
        *(event for n in range(5) for event in drawers(n, cashier=f"c-{n}")),
        # 24 h and a minute after the second alert: one of the last 24 h is left.
        *drawers(24 * 60 + 2, cashier="c-9"),
    ]

    settings = ra.Settings(rules=ra.Settings().rules.__class__(flood=3))
    result = ra.replay(events, settings=settings, rules=[once])

    assert result.alerts["type"].tolist() == [*["DRAWER_OPENED"] * 3, "RULE_FLOOD", "DRAWER_OPENED"]
    flood = result.alerts.iloc[3]
    assert flood[["employee_id"]].isna().all()
    assert (flood["risk_score"], flood["evidence"]) == (
        0.5,
        {"rule": "drawer_opened", "flood": 3},
    )
    assert result.shadow is not None
    assert result.shadow["employee_id"].tolist() == ["c-3", "c-4"]


def test_revisions_follow_their_alert_into_the_shadow() -> None:
    rule = {**DRAWER, "when": {"count": "drawer", "gte": 1}, "risk": [[1, 0.2], [2, 0.9]]}
    events = [*drawers(0, cashier="c-1"), *drawers(1, 2, cashier="c-2"), *drawers(3, cashier="c-1")]

    settings = ra.Settings(rules=ra.Settings().rules.__class__(flood=1))
    result = ra.replay(events, settings=settings, rules=[rule])

    live = result.alerts[result.alerts["type"] == "DRAWER_OPENED"]
    assert live[["employee_id", "revision"]].values.tolist() == [["c-1", 1], ["c-1", 2]]
    assert result.shadow is not None
    assert result.shadow[["employee_id", "revision"]].values.tolist() == [["c-2", 1], ["c-2", 2]]


def test_an_absence_is_raised_by_time_alone() -> None:
    rule = {
        "id": "unfinished",
        "status": "live",
        "events": {"a": {"eventType": "NO_SALE"}, "b": {"eventType": "SALE"}},
        "window": "1h",
        "when": {"absent": "b", "after": "a"},
    }
    # Another store's events move the time of both.
    others = [TillEvent("other", "c", "PING", T0 + n * HOUR) for n in range(1, 4)]

    result = ra.replay([*drawers(0), *others], rules=[rule])

    assert result.alerts[["type", "store_id"]].values.tolist() == [["UNFINISHED", "store-1"]]


def test_a_receipt_is_told_apart_as_the_configuration_numbers_receipts(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    rule = {**DRAWER, "window": "receipt", "events": {"drawer": {"eventType": "COPY"}}}
    copies = [
        TillEvent("s", "c-1", "COPY", T0 + n, transaction_id="7", register_id=f"r-{n}") for n in range(2)
    ]
    by_numbering = {}

    for numbering in ("store", "register"):
        config.write_text(yaml.safe_dump({"numbered_by": numbering, "rules": {"inline": [rule]}}))
        by_numbering[numbering] = len(ra.replay(copies, settings=ra.load_settings(config)).alerts)

    assert by_numbering == {"store": 1, "register": 0}


def test_a_backtest_reads_foreign_columns_and_packs_by_their_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"s,c,NO_SALE,{1_760_000_000_000 + n * 60_000}" for n in range(6)]
    log = tmp_path / "till.csv"
    log.write_text("\n".join(["shop,clerk,kind,at", *rows]))
    columns = "storeId=shop,cashierId=clerk,eventType=kind,eventTime=at"

    assert main(["rules", "backtest", "pos", str(log), "--columns", columns]) == 0

    said = capsys.readouterr()
    assert any(line.split()[:3] == ["no_sale_abuse", "1", "1"] for line in said.out.splitlines())
    assert "1 alert in 1 store-day: 1.000 a store-day" in said.err
