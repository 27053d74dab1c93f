"""The detectors of rules."""

from collections.abc import Iterable
from typing import Final

from retail_anomaly.rules.absences import AbsenceRule
from retail_anomaly.rules.model import Rule
from retail_anomaly.rules.rule_detector import RuleDetector
from retail_anomaly.rules.sequences import SequenceRule
from retail_anomaly.rules.windows import WindowRule

FLOOD: Final = 50
"""Live alerts of one rule in one store within 24 h, after which further ones go to the shadow."""


def detector_class(rule: Rule, flood: int = FLOOD, since: int = 0) -> type[RuleDetector]:
    """Return the detector of a rule as a class, as `retail_anomaly.register` takes it.

    Parameters
    ----------
    rule
        The rule.
    flood
        How many live alerts in one store within 24 h are too many.
    since
        The number of the change of rules with which its groups began; 0: none.

    Examples
    --------
    >>> counted = {"id": "drawer_opened", "events": {"e": {"eventType": "NO_SALE"}}, "window": "1h",
    ...     "when": {"count": "e", "gte": 2}}
    >>> detector_class(Rule.load(counted)).alert_type
    'DRAWER_OPENED'
    """
    kinds: dict[str, type[RuleDetector]] = {"sequence": SequenceRule, "absent": AbsenceRule}
    base = kinds.get(rule.when.kind, WindowRule)
    names = {"name": rule.name, "alert_type": rule.alert_type, "rule": rule, "flood": flood, "since": since}
    return type(base.__name__, (base,), {**names, "__doc__": base.__doc__, "__module__": base.__module__})


def rule_detectors(rules: Iterable[Rule], max_late: int, flood: int = FLOOD) -> list[RuleDetector]:
    """Return the detectors of all rules that are not off."""
    return [
        detector_class(rule, flood)(RuleDetector.Parameters(), max_late)
        for rule in rules
        if rule.status != "off"
    ]
