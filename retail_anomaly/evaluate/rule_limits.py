"""A rule's alerts over history for several limits, read in one pass."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import pandas as pd

from retail_anomaly.evaluate.backtest import Backtest, backtest
from retail_anomaly.rules import Rule, RuleError
from retail_anomaly.settings import Settings
from retail_anomaly.sources import Where
from retail_anomaly.sources.mapping import EventMapping

_WITHOUT_LIMIT: Final = ("sequence", "absent")


def by_limit(
    rule: Rule,
    source: Where,
    limits: Iterable[float],
    *,
    settings: Settings | None = None,
    incidents: pd.DataFrame | None = None,
    mapping: EventMapping | None = None,
) -> Backtest:
    """Judge a rule on history with other limits in `when.gte`; the history is read once for all of them.

    Parameters
    ----------
    rule
        The rule.
    source, settings, incidents, mapping
        As for `backtest`. Changes to the rule in the settings do not apply.
    limits
        The limits to try, in the unit of the rule's value.

    Returns
    -------
    Backtest
        Its table has one row for each limit and begins with the column ``limit``; its alerts have it too.
        Ids of these alerts differ from those of the rule itself.

    Raises
    ------
    RuleError
        The rule's condition has no limit, or a limit is no number.

    Examples
    --------
    >>> from retail_anomaly.core.events import TillEvent
    >>> drawer = [TillEvent("s", "c", "NO_SALE", 1_760_000_000_000 + n) for n in range(3)]
    >>> rule = Rule.load({"id": "a", "events": {"e": {"eventType": "NO_SALE"}}, "by": ["cashierId"],
    ...     "window": "1h", "when": {"count": "e", "gte": 2}})
    >>> by_limit(rule, drawer, [2, 4]).table[["limit", "alerts"]].values.tolist()
    [[2, 1], [4, 0]]
    """
    if rule.when.kind in _WITHOUT_LIMIT:
        raise RuleError(rule.place or f"rule {rule.id}", f"when: {rule.when.kind} has no limit to try")
    tried = list(limits)
    # A rule of its own for each limit: one pass then serves all, and their groups do not mix.
    ids = [f"limit_{number}" for number in range(len(tried))]
    rules = [_with_limit(rule, name, limit) for name, limit in zip(ids, tried, strict=True)]
    judged = backtest(rules, source, settings=settings, incidents=incidents, mapping=mapping)
    limit_of = dict(zip(ids, tried, strict=True))
    table = judged.table.assign(rule=rule.id)
    table.insert(0, "limit", judged.table["rule"].map(limit_of))
    alerts = judged.alerts.assign(
        limit=judged.alerts["type"].str.lower().map(limit_of), type=rule.alert_type, detector=rule.name
    )
    return replace(judged, table=table, alerts=alerts)


def _with_limit(rule: Rule, name: str, limit: float) -> Rule:
    changed = {**rule.written, "id": name, "when": {**rule.written["when"], "gte": limit}}
    return Rule.load({key: value for key, value in changed.items() if key != "examples"})
