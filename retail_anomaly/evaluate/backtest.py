"""Declarative rules judged on history, before anybody is bothered by their alerts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from retail_anomaly.evaluate.activity import Activity
from retail_anomaly.evaluate.match import match_pairs
from retail_anomaly.frames.incidents import read_incidents
from retail_anomaly.replay import replay
from retail_anomaly.rules import PACKS, Rule, RuleError, load_rules
from retail_anomaly.settings import Settings, load, with_rules
from retail_anomaly.settings.rule_settings import RuleSettings, rules_of
from retail_anomaly.sources import Where
from retail_anomaly.sources.loaded import Events
from retail_anomaly.sources.mapping import EventMapping

AnyRule = Rule | str | Path | Mapping[str, Any]
"""A rule, a file or folder with rules, the name of a pack, or a mapping."""
_NO_FLOOD = 10**9


@dataclass(frozen=True)
class Backtest:
    """Rules judged on history.

    Parameters
    ----------
    table
        One row for each rule: ``rule``, ``version``, ``alerts``, ``a_store_day``; ``new`` and ``lost`` if it
        was compared with other rules; ``found``, ``incidents`` and ``precision`` if incidents are known; and
        ``money``, the sum of the values of rules that add up amounts.
    alerts
        The alerts, one row a revision.
    store_days
        The number of days on which a store had events, summed over the stores.
    """

    table: pd.DataFrame
    alerts: pd.DataFrame
    store_days: int

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False, border=0))


def rules_alone(rules: Iterable[AnyRule], settings: Settings) -> tuple[Settings, list[str]]:
    """Return settings in which these rules are live, and the names of their detectors.

    Raises
    ------
    RuleError
        A rule is wrong, or there is none.
    """
    given = list(rules)
    packs = [str(each) for each in given if isinstance(each, str | Path) and str(each) in PACKS]
    packaged = load_rules(packs=packs) if packs else []
    others = [each for each in given if not (isinstance(each, str | Path) and str(each) in PACKS)]
    own = with_rules(Settings(), [*packaged, *others]).rules.inline
    if not own:
        raise RuleError("rules", "there is no rule to try")
    ids = {rule["id"] for rule in own}
    live = {name: {**settings.rules.set.get(name, {}), "status": "live"} for name in ids}
    section = RuleSettings(inline=own, set=live, lists=settings.rules.lists, flood=_NO_FLOOD)
    alone = Settings(stores=settings.stores, max_late=settings.max_late, rules=section)
    return alone, [rule.name for rule in rules_of(section)]


def rule_alerts(
    rules: Iterable[AnyRule],
    source: Where,
    settings: Settings | None = None,
    mapping: EventMapping | None = None,
) -> pd.DataFrame:
    """Return the alerts of some rules over history, whatever their status and however many they are.

    Parameters
    ----------
    rules
        Rules, files and folders with rules, or mappings.
    source
        As for `retail_anomaly.replay`.
    settings
        Time zones, lists and the keys of `rules.set` are taken from here.
    mapping
        How foreign data is read.

    Raises
    ------
    RuleError
        A rule is wrong, or there is none.

    Examples
    --------
    >>> counted = {"id": "a", "events": {"e": {"eventType": "NO_SALE"}}, "window": "1h",
    ...     "when": {"count": "e", "gte": 2}}
    >>> len(rule_alerts([counted], []))
    0
    """
    alone, names = rules_alone(rules, settings or Settings())
    return replay(source, settings=alone, detectors=names, mapping=mapping, progress=False).alerts


def backtest(
    rules: Iterable[AnyRule],
    source: Where,
    *,
    settings: Settings | None = None,
    against: str | Path | None = None,
    incidents: pd.DataFrame | str | Path | None = None,
    mapping: EventMapping | None = None,
) -> Backtest:
    """Judge rules on history.

    Parameters
    ----------
    rules, source, settings, mapping
        As for `rule_alerts`.
    against
        A configuration: its rules of the same ids are what the rules are compared with.
    incidents
        The incidents that were there to be found.

    Returns
    -------
    Backtest
        Figures by rule, and the alerts.

    Raises
    ------
    RuleError
        A rule is wrong.

    Examples
    --------
    >>> from retail_anomaly.core.events import TillEvent
    >>> drawer = [TillEvent("s", "c", "NO_SALE", 1_760_000_000_000 + n) for n in range(3)]
    >>> counted = {"id": "a", "events": {"e": {"eventType": "NO_SALE"}}, "window": "1h",
    ...     "when": {"count": "e", "gte": 2}}
    >>> backtest([counted], drawer).table[["rule", "alerts"]].values.tolist()
    [['a', 1]]
    """
    alone, _ = rules_alone(rules, settings or Settings())
    chosen = rules_of(alone.rules)
    zones = {name: store.time_zone for name, store in alone.stores.items()}
    if isinstance(source, Events):
        events = source
    else:
        events = Events(source, None, mapping or EventMapping(), zones, alone.privacy)
    alerts = rule_alerts(chosen, events, settings)
    days = int(Activity.of(events.read(zones, privacy=alone.privacy), zones=zones).store_days.sum())
    table = pd.DataFrame([_figures(rule, alerts, days) for rule in chosen])
    if against is not None:
        table = table.assign(**_changes(chosen, alerts, events, load(against).settings))
    if incidents is not None:
        known = incidents
        if not isinstance(known, pd.DataFrame):
            known = read_incidents(known, privacy=alone.privacy)
        table = table.assign(**_found(chosen, alerts, known))
    return Backtest(table, alerts, days)


def _of(rule: Rule, alerts: pd.DataFrame) -> pd.DataFrame:
    return alerts[alerts["type"] == rule.alert_type]


def _figures(rule: Rule, alerts: pd.DataFrame, days: int) -> dict[str, Any]:
    own = _of(rule, alerts).drop_duplicates("alert_id", keep="last")
    is_money = rule.when.kind == "sum" and rule.when.field in ("amount", "discountAmount")
    return {
        "rule": rule.id,
        "version": rule.version,
        "alerts": len(own),
        "a_store_day": round(len(own) / days, 3) if days else 0.0,
        "money": round(sum(each["value"] for each in own["evidence"]), 2) if is_money else None,
    }


def _changes(
    rules: list[Rule], alerts: pd.DataFrame, events: Events, settings: Settings
) -> dict[str, list[int]]:
    ids = {rule.id for rule in rules}
    other = [rule for rule in rules_of(settings.rules) if rule.id in ids]
    before = rule_alerts(other, events, settings) if other else alerts.iloc[:0]
    pairs = [(set(_of(r, alerts)["alert_id"]), set(_of(r, before)["alert_id"])) for r in rules]
    return {"new": [len(now - was) for now, was in pairs], "lost": [len(was - now) for now, was in pairs]}


def _found(rules: list[Rule], alerts: pd.DataFrame, incidents: pd.DataFrame) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {"found": [], "precision": []}
    honest = incidents["distractor"].fillna(False).astype(bool) if "distractor" in incidents else None
    for rule in rules:
        own = _of(rule, alerts).reset_index(drop=True)
        pairs = match_pairs(own, incidents)
        if honest is not None:
            pairs = pairs[~honest.to_numpy()[pairs["incident"]]]
        count = own["alert_id"].nunique()
        columns["found"].append(pairs["incident"].nunique())
        columns["precision"].append(round(pairs["alert_id"].nunique() / count, 3) if count else None)
    return columns
