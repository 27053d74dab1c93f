"""Alerts against incidents: which of the known truth was found, and at what price in alerts.

`scorecard` is the whole of it; `match_incidents` says which alert is about which incident. Where there is
no truth, `compare_alerts` puts two configurations beside each other.
"""

from retail_anomaly.evaluate.activity import Activity
from retail_anomaly.evaluate.compare import alerts_by_value, compare_alerts, differing_alerts, near_misses
from retail_anomaly.evaluate.match import match_incidents
from retail_anomaly.evaluate.scorecard import Scorecard, scorecard
from retail_anomaly.frames.incidents import incidents_frame, read_incidents

__all__ = [
    "Activity",
    "Scorecard",
    "alerts_by_value",
    "compare_alerts",
    "differing_alerts",
    "incidents_frame",
    "match_incidents",
    "near_misses",
    "read_incidents",
    "scorecard",
]
