"""The dashboard of cases: what waits, how long it waits, and how right each type of alert was."""

from typing import Any, Final

from helm.dashboards.layout import filled, store_board
from helm.dashboards.panels import bars, columns, figure, influx, lines, rows
from helm.dashboards.selections import SHOWN
from streamer.sinks.case_points import CASE_POINTS, VERDICT_POINTS

_CASES: Final = f'FROM "{CASE_POINTS}" WHERE {SHOWN}'
_VERDICTS: Final = f'FROM "{VERDICT_POINTS}" WHERE {SHOWN}'
_PRECISION: Final = 'SUM("confirmed") / (SUM("confirmed") + SUM("wrong"))'


def cases() -> Any:
    """Return the page on cases and verdicts."""
    board = store_board("cases", "Retail: cases", "Cases that wait, and the verdicts on their alerts.")
    return filled(
        board,
        figure(
            "Cases open", influx(f'SELECT SUM("open") AS "cases" {_CASES}'), "By their first alert.", width=6
        ),
        figure(
            "Expected loss of open cases",
            influx(f'SELECT SUM("expectedLoss") AS "loss" {_CASES} AND "open" = 1'),
            "In the stores' currency.",
            width=6,
        ),
        figure(
            "Time to a verdict",
            influx(f'SELECT MEDIAN("secondsToVerdict") AS "wait" {_VERDICTS}'),
            "Half of the judged alerts waited longer.",
            unit="s",
            width=6,
        ),
        figure(
            "Alerts that were right",
            influx(f'SELECT {_PRECISION} AS "share" {_VERDICTS}'),
            "Of those judged confirmed, benign or training.",
            unit="percentunit",
            width=6,
        ),
        bars(
            "Alerts that were right, by type",
            influx(f'SELECT {_PRECISION} AS "share" {_VERDICTS} GROUP BY "type"', form="table"),
            "Of those judged confirmed, benign or training.",
            by="type",
        ),
        lines(
            "Alerts that were right, by week",
            influx(
                f'SELECT {_PRECISION} AS "share" {_VERDICTS} GROUP BY time(7d), "type" fill(none)',
                alias="$tag_type",
            ),
            "By the opening of the alert.",
            "percentunit",
        ),
        columns(
            "Alerts judged",
            influx(
                f'SELECT COUNT("confirmed") AS "alerts" {_VERDICTS} '
                'GROUP BY time($__interval), "type" fill(0)',
                alias="$tag_type",
            ),
            "By the opening of the alert.",
        ),
        bars(
            "Cases open by store",
            influx(f'SELECT SUM("open") AS "cases" {_CASES} GROUP BY "store"', form="table"),
            "All types.",
            by="store",
        ),
        rows(
            "Open cases",
            influx(
                'SELECT "store", "subject", "priority", "expectedLoss", "alerts", "assignee", "message" '
                f'{_CASES} AND "open" = 1 ORDER BY time DESC LIMIT 100',
                form="table",
            ),
            "The 100 newest. The board of `retail-anomaly review` has them in reading order.",
            {"Time": "First alert", "store": "Store", "subject": "About", "priority": "Likely right"}
            | {"expectedLoss": "Expected loss", "alerts": "Alerts", "assignee": "Who has it"}
            | {"message": "Newest alert"},
        ),
    )
