"""The rules of a configuration, from which the rules in force begin, and the detectors of both."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from retail_anomaly.core.dispatch import Dispatch
from retail_anomaly.rules.detectors_of import FLOOD, detector_class
from retail_anomaly.rules.model import Rule
from retail_anomaly.rules.rule_check import checked_rule
from retail_anomaly.rules.rule_detector import RuleDetector
from retail_anomaly.rules.state import RuleState
from retail_anomaly.rules.written import written

_MOST_DETECTORS: Final = 2_000


class ConfiguredRules:
    """The rules that a configuration loads, and how detectors are made of rules.

    Parameters
    ----------
    rules
        The rules of every store, those that are off among them.
    max_late
        As for `Detector`, in milliseconds.
    by_store
        The rules of the stores that have their own.
    own_keys
        By store and id, the keys that a store lays over a rule, one that is pushed included.
    flood
        How many live alerts of one rule in one store within 24 h are too many.
    only
        Names of detectors: of all rules only these run; None: all.
    """

    def __init__(
        self,
        rules: Iterable[Rule] = (),
        *,
        max_late: int,
        by_store: Mapping[str, Iterable[Rule]] | None = None,
        own_keys: Mapping[str, Mapping[str, Any]] | None = None,
        flood: int = FLOOD,
        only: Collection[str] | None = None,
    ) -> None:
        self.everywhere = {rule.id: rule for rule in rules}
        self.by_store = {
            store: {rule.id: rule for rule in given} for store, given in (by_store or {}).items()
        }
        self._own_keys = own_keys or {}
        self._max_late = max_late
        self._flood = flood
        self._only = only
        self._detectors: dict[tuple[str, int, str, str, int], RuleDetector] = {}

    def own(self, rule: Rule, store_id: str) -> Rule:
        """Return a changed rule with the keys that a store lays over it.

        The status of the change holds: a rule that is switched off is off in every store.

        Raises
        ------
        RuleError
            The keys do not fit this rule.
        """
        given = self._own_keys.get(store_id, {}).get(rule.id) or {}
        keys = {name: value for name, value in given.items() if name != "status"}
        if not keys:
            return rule
        place = f"stores.{store_id}.rules.{rule.id}"
        return checked_rule(written(keys, place).over(written(rule.written, place)))

    def detectors(self, rules: Iterable[tuple[Rule, int]]) -> list[RuleDetector]:
        """Return the detectors of the rules that are to run, each with the change at which its groups began.

        Equal rules have one detector, which keeps no state: a change of one leaves the others as they are.
        """
        return [
            self._detector(rule, since)
            for rule, since in rules
            if rule.status != "off" and (self._only is None or rule.name in self._only)
        ]

    def dispatch(self, rules: Iterable[tuple[Rule, int]]) -> Dispatch:
        """Return the index of the detectors of some rules."""
        return Dispatch(self.detectors(rules), RuleState)

    def _detector(self, rule: Rule, since: int) -> RuleDetector:
        key = (rule.id, rule.version, rule.status, rule.config_hash, since)
        found = self._detectors.get(key)
        if found is None:
            if len(self._detectors) >= _MOST_DETECTORS:
                self._detectors.clear()
            made = detector_class(rule, self._flood, since)(RuleDetector.Parameters(), self._max_late)
            found = self._detectors[key] = made
        return found
