"""Alerts against incidents: the share of known incidents found, and the number of alerts it took.

`scorecard` gives all figures. `match_incidents` lists the alerts about each incident. If you know no
incidents, `compare_alerts` compares the alerts of two configurations.
"""

from retail_anomaly.evaluate.activity import Activity
from retail_anomaly.evaluate.bucket_activity import activity_of_buckets
from retail_anomaly.evaluate.compare import alerts_by_value, compare_alerts, differing_alerts, near_misses
from retail_anomaly.evaluate.covered_refunds import cover_by_memory, refund_cover
from retail_anomaly.evaluate.match import match_incidents
from retail_anomaly.evaluate.scorecard import Scorecard, scorecard
from retail_anomaly.frames.incidents import incidents_frame, read_incidents

__all__ = [
    "Activity",
    "Scorecard",
    "activity_of_buckets",
    "alerts_by_value",
    "compare_alerts",
    "cover_by_memory",
    "differing_alerts",
    "incidents_frame",
    "match_incidents",
    "near_misses",
    "read_incidents",
    "refund_cover",
    "scorecard",
]
