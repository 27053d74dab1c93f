"""The rows of InfluxDB that several dashboards select, and the columns that their tables share."""

from typing import Final

from streamer.sinks.points import ALERT_POINTS, SCORE_POINTS, STORE_METRIC_POINTS

SHOWN: Final = '$timeFilter AND "store" =~ /^$store$/'
"""The time and the stores that the reader chose."""
SALES: Final = f'FROM "{STORE_METRIC_POINTS}" WHERE {SHOWN}'
WINDOW: Final = "5m"
"""The interval of store metrics, and the narrowest column of a day's alerts."""

USUAL: Final = {"observed": "Counted", "expected": "Expected", "lower": "At least", "upper": "At most"}
ODD: Final = {"component": "What stood out", "score": "Score"}
WHO: Final = {"Time": "Time", "store": "Store", "employee": "Employee"}
WHAT: Final = {"riskScore": "Risk", "message": "What happened"}


def alerts_of(types: str) -> str:
    """Return the selection of alerts whose type matches a pattern."""
    return f'FROM "{ALERT_POINTS}" WHERE {SHOWN} AND "type" =~ /^({types})$/'


def judged(detector: str) -> str:
    """Return the selection of the scores that a model gave."""
    return f'FROM "{SCORE_POINTS}" WHERE {SHOWN} AND "detector" = \'{detector}\''
