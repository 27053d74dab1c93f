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

from retail_anomaly.rules.detectors_of import detector_class, rule_detectors
from retail_anomaly.rules.load import PACKS, load_rules
from retail_anomaly.rules.model import Rule
from retail_anomaly.rules.written import RuleError

__all__ = ["PACKS", "Rule", "RuleError", "detector_class", "load_rules", "rule_detectors"]
