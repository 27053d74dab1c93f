"""The packaged rules find their incidents, and the default choice is quiet in honest trade."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from benchmarks.pack_alerts import FIGURES, found, honest_alerts, honest_world, packaged, world_of_tricks
from data_gen import SCENARIOS
from data_gen.scenarios import TILL_TRICKS, scenario_from
from retail_anomaly.rules import Rule
from retail_anomaly.rules.choice import DEFAULT_CHOICE
from retail_anomaly.settings import load_settings, rules_of_settings

RULES = [rule.id for rule in packaged()]
MEASURED: dict[str, Any] = msgspec.json.decode(FIGURES.read_bytes())
MOST_A_STORE_DAY = 0.3


@cache
def found_in_a_small_world() -> dict[str, tuple[int, int]]:
    return found(world_of_tricks(7501, stores=2, days=12, rate=0.5))


@pytest.mark.parametrize("rule", RULES)
def test_a_packaged_rule_finds_its_scenario(rule: str) -> None:
    hits, incidents = found_in_a_small_world()[rule]

    # An incident that the last day cuts off can't be found.
    assert hits >= max(1, round(0.6 * incidents))


def test_the_default_choice_is_quiet_in_a_small_honest_world() -> None:
    world = honest_world(7502, stores=2, days=10)

    alerts = honest_alerts(world)

    assert sum(alerts[name] for name in DEFAULT_CHOICE) <= MOST_A_STORE_DAY * world.store_days
    # The other rules see the same events: quiet is no silence.
    assert alerts["post_void"] > 0


def test_the_default_choice_is_quiet_in_the_figures_of_the_page() -> None:
    alerts = sum(MEASURED["rules"][name]["honest_alerts"] for name in DEFAULT_CHOICE)

    assert alerts <= MOST_A_STORE_DAY * MEASURED["honest"]["store_days"]
    assert all(each["found"] > 0 for each in MEASURED["rules"].values())


def test_the_figures_of_the_page_are_those_of_the_rules_of_today() -> None:
    measured = {name: each["hash"] for name, each in MEASURED["rules"].items()}

    assert measured == {rule.id: rule.config_hash for rule in packaged()}, "python -m benchmarks.pack_alerts"


def test_the_figures_of_the_page_are_those_of_the_simulator_of_today() -> None:
    small = MEASURED["small"]

    alerts = honest_alerts(honest_world(small["seed"], small["stores"], small["days"]))

    assert alerts == Counter(small["honest_alerts"]), "python -m benchmarks.pack_alerts"


@pytest.mark.parametrize("name", TILL_TRICKS)
def test_a_trick_is_in_a_world_only_if_it_is_named(name: str) -> None:
    assert name not in SCENARIOS
    assert scenario_from(f"{name}:rate=2").rate == 2


def configured(tmp_path: Path, section: dict[str, Any]) -> dict[str, Rule]:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump({"rules": section}))
    return rules_of_settings(load_settings(file)).everywhere


@pytest.mark.parametrize("pack", ["pos", "grocery", "fashion"])
def test_the_default_choice_makes_its_rules_live_and_no_others(tmp_path: Path, pack: str) -> None:
    rules = configured(tmp_path, {"packs": [pack], "choice": "default"})

    assert {name for name, rule in rules.items() if rule.status == "live"} == set(DEFAULT_CHOICE)


def test_without_a_choice_all_rules_are_in_the_shadow(tmp_path: Path) -> None:
    rules = configured(tmp_path, {"packs": ["pos"]})

    assert {rule.status for rule in rules.values()} == {"shadow"}


def test_one_takes_a_rule_out_of_the_choice_and_replaces_another(tmp_path: Path) -> None:
    own = {"id": "sweetheart", "extends": "pos/sweetheart", "version": 9}
    section = {
        "packs": ["pos"],
        "choice": "default",
        "inline": [own],
        "set": {"void_rate": {"status": "off"}},
    }

    rules = configured(tmp_path, section)

    assert [rules[name].status for name in ("void_rate", "sweetheart", "gift_drain")] == [
        "off",
        "shadow",
        "live",
    ]
