"""The first dashboard: alerts by time, store, type and employee."""

from typing import Any, Final

from helm.dashboards.layout import filled, store_board
from helm.dashboards.panels import bars, columns, figure, influx, lines, ranking, rows
from helm.dashboards.selections import SALES, SHOWN, WHAT, WHO, WINDOW
from streamer.sinks.points import ALERT_POINTS

BUDGET: Final = 5.0
"""Alerts a store and day that people can look at; drawn as a dashed line."""
_ALERTS: Final = f'FROM "{ALERT_POINTS}" WHERE {SHOWN} AND "type" =~ /^$type$/'


def overview() -> Any:
    """Return the first page: alerts by time, store, type and employee."""
    board = store_board(
        "overview", "Retail: overview", "Alerts by type and store, and the newest of them.", types=True
    )
    return filled(
        board,
        figure(
            "Alerts",
            influx(f'SELECT COUNT("alertId") AS "alerts" {_ALERTS}'),
            "Revisions count as their alert.",
        ),
        figure(
            "High severity",
            influx(f'SELECT COUNT("alertId") AS "alerts" {_ALERTS} AND "severity" = \'high\''),
            "Risk of 0.8 or more.",
        ),
        figure(
            "Average risk",
            influx(f'SELECT MEAN("riskScore") AS "risk" {_ALERTS}'),
            "0 to 1.",
            unit="percentunit",
        ),
        figure(
            "Sales",
            influx(f'SELECT SUM("salesAmount") AS "sales" {SALES}'),
            "Of complete intervals, in the stores' currency.",
        ),
        columns(
            "Alerts by type",
            influx(
                f'SELECT COUNT("alertId") AS "alerts" {_ALERTS} GROUP BY time($__interval), "type" fill(0)',
                alias="$tag_type",
            ),
            "By the time at which they were opened.",
        ),
        bars(
            "Alerts by store",
            influx(f'SELECT COUNT("alertId") AS "alerts" {_ALERTS} GROUP BY "store"', form="table"),
            "All types shown.",
            by="store",
        ),
        lines(
            "Alerts a day and store",
            influx(
                f'SELECT COUNT("alertId") AS "alerts" {_ALERTS} GROUP BY time(1d), "store" fill(0)',
                alias="$tag_store",
            ),
            f"Dashed: the budget of {BUDGET:g} a day and store. Days are in UTC.",
            limit=BUDGET,
        ),
        lines(
            "Risk",
            influx(
                f'SELECT MAX("riskScore") AS "highest", MEAN("riskScore") AS "average" {_ALERTS} '
                "GROUP BY time($__interval) fill(none)",
                alias="$col",
            ),
            "Of the alerts opened in each interval.",
            "percentunit",
            every=WINDOW,
        ),
        ranking(
            "Who is named most",
            influx(
                f'SELECT "store", "employee", "alertId", "riskScore" {_ALERTS} AND "employee" != \'\'',
                form="table",
            ),
            "An alert is a suspicion. Look at the evidence before you speak to anybody.",
            [("store", "Store"), ("employee", "Employee")],
            {"alertId": ("count", "Alerts"), "riskScore": ("max", "Highest risk")},
            width=8,
        ),
        rows(
            "Newest alerts",
            influx(
                'SELECT "type", "store", "employee", "riskScore", "severity", "message", "alertId" '
                f"{_ALERTS} ORDER BY time DESC LIMIT 100",
                form="table",
            ),
            "The 100 newest of the time shown.",
            WHO | {"type": "Type", "severity": "Severity"} | WHAT | {"alertId": "Alert"},
            width=16,
        ),
    )
