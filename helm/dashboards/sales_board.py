"""The dashboard of sales: each store beside its model's expectation, and among all stores."""

from typing import Any, Final

from helm.dashboards.layout import filled, renamed, store_board
from helm.dashboards.panels import bars, columns, figure, influx, lines, rows
from helm.dashboards.selections import ODD, SALES, SHOWN, USUAL, WINDOW, judged
from streamer.sinks.points import SCORE_POINTS, STORE_METRIC_POINTS

_QUARTER: Final = "15m"


def sales() -> Any:
    """Return the page on sales: each store beside its model's expectation, and among all stores."""
    board = store_board(
        "sales",
        "Retail: sales",
        "Sales of each store, the model's expectation, and the range of all stores.",
    )
    band = f'FROM "{STORE_METRIC_POINTS}" WHERE $timeFilter GROUP BY time($__interval) fill(null)'
    return filled(
        board,
        figure(
            "Sales",
            influx(f'SELECT SUM("salesAmount") AS "sales" {SALES}'),
            "In the stores' currency.",
            width=8,
        ),
        figure(
            "Lines sold",
            influx(f'SELECT SUM("salesLines") AS "lines" {SALES}'),
            "Lines of receipts.",
            width=8,
        ),
        figure(
            "Average line",
            influx(f'SELECT SUM("salesAmount") / SUM("salesLines") AS "amount" {SALES}'),
            "In the stores' currency.",
            width=8,
        ),
        lines(
            "Receipts of a quarter of an hour, and the usual number",
            influx(
                'SELECT MEAN("lower") AS "usual at least", MEAN("upper") AS "usual at most", '
                'MEAN("expected") AS "expected", MEAN("observed") AS "counted" '
                f"{judged('sales_deviation')} GROUP BY time($__interval) fill(null)",
                alias="$col",
            ),
            "At the end of each quarter; the model's band holds 95 % of honest quarters. Of several stores "
            "it is the average: choose one. Needs streamer.scores.",
            ranges=("expected",),
            band=("usual at least", "usual at most"),
            every=_QUARTER,
            width=24,
        ),
        rows(
            "Unusual quarters of an hour",
            influx(
                'SELECT "store", "observed", "expected", "lower", "upper", "component", "score" '
                f'{judged("sales_deviation")} AND "score" >= 0.99 ORDER BY time DESC LIMIT 100',
                form="table",
            ),
            "Receipts of the quarter. The hour, the day, the amounts or the prices may stand out instead. "
            "The score is 0.99 or more.",
            {"Time": "Time", "store": "Store"} | USUAL | ODD,
            width=14,
        ),
        rows(
            "When a model last had no score, and why",
            influx(
                f'SELECT LAST("silent") AS "silent" FROM "{SCORE_POINTS}" '
                f'WHERE {SHOWN} AND "silent" != \'\' GROUP BY "store", "detector"',
                form="table",
            ),
            "A store that is new has none for weeks.",
            {"Time": "Time", "store": "Store", "detector": "Model", "silent": "Why"},
            width=10,
        ),
        columns(
            "Quarters of an hour with a score of 0.98 or more",
            influx(
                f'SELECT COUNT("score") AS "quarters" {judged("sales_deviation")} AND "score" >= 0.98 '
                'GROUP BY time($__interval), "store" fill(0)',
                alias="$tag_store",
            ),
            "Of a hundred quarters of honest trade four at most. If a store has far more for a week, its "
            "trade is no longer as the model learned it: see `retail-anomaly drift`.",
            every="1d",
            width=24,
        ),
        lines(
            "Sales of an interval, beside the range of all stores",
            influx(
                f'SELECT MEAN("salesAmount") AS "sales" {SALES} '
                'GROUP BY time($__interval), "store" fill(null)',
                alias="$tag_store",
            )
            + renamed(
                influx(
                    'SELECT PERCENTILE("salesAmount", 10) AS "10 % of all", MEDIAN("salesAmount") AS '
                    f'"half of all", PERCENTILE("salesAmount", 90) AS "90 % of all" {band}',
                    alias="$col",
                )
            ),
            "Average of the intervals that one point stands for. "
            "The range is of all stores, whichever are shown.",
            ranges=("half of all",),
            band=("10 % of all", "90 % of all"),
            every=WINDOW,
            width=24,
        ),
        columns(
            "Lines by store",
            influx(
                f'SELECT SUM("salesLines") AS "lines" {SALES} GROUP BY time($__interval), "store" fill(0)',
                alias="$tag_store",
            ),
            "Lines of receipts in each interval.",
        ),
        bars(
            "Sales by store",
            influx(f'SELECT SUM("salesAmount") AS "sales" {SALES} GROUP BY "store"', form="table"),
            "In the stores' currency.",
            by="store",
        ),
    )
