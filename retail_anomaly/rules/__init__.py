"""Rules as data: written in YAML, checked, and run as detectors.

Examples
--------
>>> from retail_anomaly.rules import Rule, RuleError
>>> try:
...     Rule.load({"id": "a", "widnow": "1h"})
... except RuleError as error:
...     print(error)
rule a: unknown key widnow; did you mean window?
"""

from importlib import import_module
from typing import Any

from retail_anomaly.rules.detectors_of import detector_class, rule_detectors
from retail_anomaly.rules.load import PACKS, load_rules
from retail_anomaly.rules.model import Rule
from retail_anomaly.rules.written import RuleError

__all__ = ["PACKS", "Rule", "RuleError", "detector_class", "load_rules", "rule_detectors"]


def __getattr__(name: str) -> Any:
    """Give `backtest` its short name, `ra.rules.backtest`; it stands above the rules and needs pandas."""
    if name == "backtest":
        return import_module("retail_anomaly.evaluate.backtest").backtest
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
