"""From alert to verdict: alerts become cases, and people decide about them.

The topics `alert-actions` and `alert-cases` carry the decisions and the cases.
"""

from retail_anomaly.cases.actions import Action, Scope, decode_action
from retail_anomaly.cases.case import Case, CaseAlert, CaseSubject
from retail_anomaly.cases.confidence import Calibration, ScoreCurve, packaged_calibration
from retail_anomaly.cases.precision import Precision, Prior, prioritised, reading_order
from retail_anomaly.cases.triage import Triage, covers, scope_of

__all__ = [
    "Action",
    "Calibration",
    "Case",
    "CaseAlert",
    "CaseSubject",
    "Precision",
    "Prior",
    "Scope",
    "ScoreCurve",
    "Triage",
    "covers",
    "decode_action",
    "packaged_calibration",
    "prioritised",
    "reading_order",
    "scope_of",
]
