"""Grafana's alert rules, over InfluxDB. Prometheus has the rules about the processes, see the chart."""

from typing import Any, Final

from helm.dashboards.overview_board import BUDGET
from streamer.sinks.points import ALERT_POINTS, STORE_METRIC_POINTS

_SOURCE: Final = "influxdb"  # the uid that the chart provisions
_HOUR: Final = 3_600


def rules() -> dict[str, Any]:
    """Return Grafana's provisioning file."""
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": "retail-anomaly",
                "folder": "Retail anomaly",
                "interval": "1m",
                "rules": [
                    _rule(
                        "retail-high-risk",
                        "High-risk alert",
                        f'SELECT COUNT("alertId") AS "alerts" FROM "{ALERT_POINTS}" '
                        'WHERE $timeFilter AND "severity" = \'high\' GROUP BY "store", "type"',
                        seconds=600,
                        above=0,
                        severity="warning",
                        summary="{{ $labels.store }}: {{ $labels.type }} with a risk of 0.8 or more in the "
                        "last 10 minutes.",
                    ),
                    _rule(
                        "retail-over-budget",
                        "More alerts than someone can look at",
                        f'SELECT COUNT("alertId") AS "alerts" FROM "{ALERT_POINTS}" '
                        'WHERE $timeFilter GROUP BY "store"',
                        seconds=24 * _HOUR,
                        above=BUDGET,
                        severity="info",
                        summary=f"{{{{ $labels.store }}}} had more than {BUDGET:g} alerts in 24 hours: "
                        "look at its till, or tune the limits.",
                    ),
                    _rule(
                        "retail-no-sales-data",
                        "No sales figures",
                        f'SELECT COUNT("salesLines") AS "intervals" FROM "{STORE_METRIC_POINTS}" '
                        "WHERE $timeFilter",
                        seconds=6 * _HOUR,
                        above=None,
                        severity="warning",
                        summary="No store sent sales for six hours. If shops are open, look at the tills' "
                        "connection, `retail-streamer metrics` and the sink.",
                    ),
                ],
            }
        ],
    }


def _rule(
    uid: str, title: str, query: str, *, seconds: int, above: float | None, severity: str, summary: str
) -> dict[str, Any]:
    """Return a rule that fires when a count is above a limit; without a limit, when there is no data."""
    evaluator = {"type": "gt", "params": [above]} if above is not None else {"type": "lt", "params": [1]}
    return {
        "uid": uid,
        "title": title,
        "condition": "C",
        "for": "0s",
        "noDataState": "OK" if above is not None else "Alerting",
        "execErrState": "Error",
        "labels": {"severity": severity},
        "annotations": {"summary": summary},
        "data": [
            {
                "refId": "A",
                "relativeTimeRange": {"from": seconds, "to": 0},
                "datasourceUid": _SOURCE,
                "model": {"refId": "A", "rawQuery": True, "resultFormat": "time_series", "query": query},
            },
            {
                "refId": "B",
                "datasourceUid": "__expr__",
                "model": {
                    "refId": "B",
                    "type": "reduce",
                    "reducer": "sum",
                    "expression": "A",
                    "datasource": {"type": "__expr__", "uid": "__expr__"},
                },
            },
            {
                "refId": "C",
                "datasourceUid": "__expr__",
                "model": {
                    "refId": "C",
                    "type": "threshold",
                    "expression": "B",
                    "conditions": [{"evaluator": evaluator}],
                    "datasource": {"type": "__expr__", "uid": "__expr__"},
                },
            },
        ],
    }
