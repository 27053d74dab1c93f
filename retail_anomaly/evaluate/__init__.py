"""Alerts against incidents: which of the known truth was found, and at what price in alerts.

`scorecard` is the whole of it; `match_incidents` says which alert is about which incident.
"""

from retail_anomaly.evaluate.activity import Activity
from retail_anomaly.evaluate.incidents import incidents_frame, read_incidents
from retail_anomaly.evaluate.match import match_incidents
from retail_anomaly.evaluate.scorecard import Scorecard, scorecard

__all__ = [
    "Activity",
    "Scorecard",
    "incidents_frame",
    "match_incidents",
    "read_incidents",
    "scorecard",
]
