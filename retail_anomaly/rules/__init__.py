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
from typing import Any, Final

from retail_anomaly.rules.detectors_of import detector_class, rule_detectors
from retail_anomaly.rules.load import PACKS, load_rules
from retail_anomaly.rules.model import Rule
from retail_anomaly.rules.written import RuleError

__all__ = ["PACKS", "Rule", "RuleError", "detector_class", "load_rules", "rule_detectors"]


_LATER: Final = {"backtest": "backtest", "by_limit": "rule_limits"}


def __getattr__(name: str) -> Any:
    """Give functions that judge rules a short name, such as `ra.rules.backtest`.

    They stand above the rules and need pandas.
    """
    if name in _LATER:
        return getattr(import_module(f"retail_anomaly.evaluate.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
