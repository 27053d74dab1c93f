"""The dashboards that ask InfluxDB, and the list of all six. A test runs every query on a real engine."""

from collections.abc import Callable
from typing import Any, Final

from helm.dashboards.case_board import cases
from helm.dashboards.health import pipeline_health
from helm.dashboards.layout import filled, renamed, store_board
from helm.dashboards.panels import bars, columns, figure, influx, lines, ranking, rows
from retail_anomaly.detectors import REGISTRY, Detector
from streamer.sinks.points import ALERT_POINTS, SCORE_POINTS, STORE_METRIC_POINTS

BUDGET: Final = 5.0
"""Alerts a store and day that people can look at; drawn as a dashed line."""

_SHOWN: Final = '$timeFilter AND "store" =~ /^$store$/'
_ALERTS: Final = f'FROM "{ALERT_POINTS}" WHERE {_SHOWN} AND "type" =~ /^$type$/'
_SALES: Final = f'FROM "{STORE_METRIC_POINTS}" WHERE {_SHOWN}'
_WINDOW: Final = "5m"  # of store metrics, and the narrowest column of a day's alerts
_QUARTER: Final = "15m"


def _types(looked_at: str, *others: str) -> str:
    """Return a pattern of the alert types whose detectors override one method and none of the others."""
    return "|".join(
        detector.alert_type
        for detector in REGISTRY.values()
        if _overrides(detector, looked_at) and not any(_overrides(detector, other) for other in others)
    )


def _overrides(detector: type[Detector[Any, Any]], method: str) -> bool:
    return getattr(detector, method) is not getattr(Detector, method)


# A detector that looks at counts is about stock; of the others, one that looks at gates is about gates.
_STOCK: Final = _types("on_count")
_GATES: Final = _types("on_security", "on_count")
_REFUNDS: Final = _types("on_refund", "on_count", "on_security")


def _of(types: str) -> str:
    return f'FROM "{ALERT_POINTS}" WHERE {_SHOWN} AND "type" =~ /^({types})$/'


def _judged(detector: str) -> str:
    return f'FROM "{SCORE_POINTS}" WHERE {_SHOWN} AND "detector" = \'{detector}\''


_USUAL: Final = {"observed": "Counted", "expected": "Expected", "lower": "At least", "upper": "At most"}
_ODD: Final = {"component": "What stood out", "score": "Score"}
_WHO: Final = {"Time": "Time", "store": "Store", "employee": "Employee"}
_WHAT: Final = {"riskScore": "Risk", "message": "What happened"}


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
            influx(f'SELECT SUM("salesAmount") AS "sales" {_SALES}'),
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
            every=_WINDOW,
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
            _WHO | {"type": "Type", "severity": "Severity"} | _WHAT | {"alertId": "Alert"},
            width=16,
        ),
    )


def refunds() -> Any:
    """Return the page on refunds."""
    board = store_board("refunds", "Retail: refunds", "Refunds beside sales, and the alerts about them.")
    return filled(
        board,
        figure(
            "Refund alerts",
            influx(f'SELECT COUNT("alertId") AS "alerts" {_of(_REFUNDS)}'),
            "All types of them.",
            width=8,
        ),
        figure(
            "Refunded without a sale",
            influx(f'SELECT SUM("amount") AS "amount" {_of("REFUND_WITHOUT_SALE")}'),
            "Sum of the lines that raised the alerts, in the stores' currency.",
            width=8,
        ),
        figure(
            "Refunded",
            influx(f'SELECT SUM("refundAmount") / SUM("salesAmount") AS "share" {_SALES}'),
            "Share of the sales.",
            unit="percentunit",
            width=8,
        ),
        lines(
            "Refunds by store",
            influx(
                f'SELECT SUM("refundAmount") AS "refunds" {_SALES} '
                'GROUP BY time($__interval), "store" fill(0)',
                alias="$tag_store",
            ),
            "Amount in each interval, in the stores' currency.",
            every=_WINDOW,
        ),
        columns(
            "Refund alerts by type",
            influx(
                f'SELECT COUNT("alertId") AS "alerts" {_of(_REFUNDS)} '
                'GROUP BY time($__interval), "type" fill(0)',
                alias="$tag_type",
            ),
            "By the time at which they were opened.",
        ),
        rows(
            "Bursts",
            influx(
                'SELECT "store", "employee", "refundCount", "averageAmount", "riskScore", "revision", '
                f'"transactionIds", "message" {_of("REFUND_BURST")} ORDER BY time DESC LIMIT 100',
                form="table",
            ),
            "Many high refunds of one cashier within minutes, each with its last revision.",
            _WHO
            | {"refundCount": "High refunds", "averageAmount": "Average amount", "revision": "Revision"}
            | _WHAT
            | {"transactionIds": "Receipts"},
        ),
        rows(
            "Refunds beyond their receipt",
            influx(
                'SELECT "store", "employee", "transactionId", "originalTransactionId", "loss", "reasons", '
                f'"message" {_of("REFUND_MISMATCH")} ORDER BY time DESC LIMIT 100',
                form="table",
            ),
            "More, dearer or other goods than the receipt has left, each with its last revision.",
            _WHO
            | {"transactionId": "Refund", "originalTransactionId": "Receipt", "loss": "Not covered"}
            | {"reasons": "Reasons", "message": "What happened"},
        ),
        rows(
            "Refunds without a sale",
            influx(
                'SELECT "store", "employee", "transactionId", "amount", "sku", "message" '
                f"{_of('REFUND_WITHOUT_SALE')} ORDER BY time DESC LIMIT 100",
                form="table",
            ),
            "The store never made the sale that was refunded.",
            _WHO | {"transactionId": "Receipt", "amount": "Amount", "sku": "SKU", "message": "What happened"},
            width=16,
        ),
        ranking(
            "Cashiers in refund alerts",
            influx(f'SELECT "store", "employee", "alertId", "riskScore" {_of(_REFUNDS)}', form="table"),
            "An alert is a suspicion. Look at the evidence before you speak to anybody.",
            [("store", "Store"), ("employee", "Employee")],
            {"alertId": ("count", "Alerts"), "riskScore": ("max", "Highest risk")},
            width=8,
        ),
        rows(
            "Unusual days of cashiers",
            influx(
                'SELECT "store", "employee", "observed", "expected", "lower", "upper", "component", "score" '
                f'{_judged("refund_deviation")} AND "score" >= 0.95 ORDER BY time DESC LIMIT 100',
                form="table",
            ),
            "Refunds of the day so far, and the usual number for this cashier. The model's score is 0.95 or "
            "more. Needs streamer.scores.",
            _WHO | _USUAL | _ODD,
        ),
    )


def inventory_and_gates() -> Any:
    """Return the page on missing stock and alarms at the gates."""
    board = store_board(
        "inventory",
        "Retail: inventory and gates",
        "Pieces that counts miss, and sales before an alarm at the gate.",
    )
    return filled(
        board,
        figure(
            "Pieces missing between counts",
            influx(f'SELECT SUM("missing") AS "pieces" {_of("STOCK_DISCREPANCY")}'),
            "Of the counts that raised an alert.",
            width=8,
        ),
        figure(
            "Pieces sold beyond the count",
            influx(f'SELECT SUM("difference") AS "pieces" {_of("SHRINKAGE")}'),
            "Sold since the last count, minus the pieces that the count found.",
            width=8,
        ),
        figure(
            "Sold just before a gate alarm",
            influx(f'SELECT SUM("saleAmount") AS "amount" {_of("SECURITY_CORRELATION")}'),
            "In the stores' currency.",
            width=8,
        ),
        columns(
            "Alerts by type",
            influx(
                f'SELECT COUNT("alertId") AS "alerts" {_of(f"{_STOCK}|{_GATES}")} '
                'GROUP BY time($__interval), "type" fill(0)',
                alias="$tag_type",
            ),
            "By the time at which they were opened.",
        ),
        bars(
            "Pieces missing by store",
            influx(
                f'SELECT SUM("missing") AS "pieces" {_of("STOCK_DISCREPANCY")} GROUP BY "store"', form="table"
            ),
            "Between two counts.",
            by="store",
        ),
        ranking(
            "SKUs that are missing most",
            influx(f'SELECT "sku", "missing", "alertId" {_of("STOCK_DISCREPANCY")}', form="table"),
            "All stores shown.",
            [("sku", "SKU")],
            {"missing": ("sum", "Pieces"), "alertId": ("count", "Counts")},
        ),
        ranking(
            "SKUs sold beyond the count",
            influx(f'SELECT "sku", "difference", "alertId" {_of("SHRINKAGE")}', form="table"),
            "All stores shown.",
            [("sku", "SKU")],
            {"difference": ("sum", "Pieces"), "alertId": ("count", "Counts")},
        ),
        rows(
            "Alarms after a high-value sale",
            influx(
                'SELECT "store", "employee", "gateId", "saleAmount", "secondsAfterSale", "transactionId", '
                f'"message" {_of("SECURITY_CORRELATION")} ORDER BY time DESC LIMIT 100',
                form="table",
            ),
            "The newest sale before the alarm.",
            _WHO
            | {
                "gateId": "Gate",
                "saleAmount": "Sale",
                "secondsAfterSale": "After the sale",
                "transactionId": "Receipt",
            }
            | {"message": "What happened"},
            units={"secondsAfterSale": "s"},
        ),
    )


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
            influx(f'SELECT SUM("salesAmount") AS "sales" {_SALES}'),
            "In the stores' currency.",
            width=8,
        ),
        figure(
            "Lines sold",
            influx(f'SELECT SUM("salesLines") AS "lines" {_SALES}'),
            "Lines of receipts.",
            width=8,
        ),
        figure(
            "Average line",
            influx(f'SELECT SUM("salesAmount") / SUM("salesLines") AS "amount" {_SALES}'),
            "In the stores' currency.",
            width=8,
        ),
        lines(
            "Receipts of a quarter of an hour, and the usual number",
            influx(
                'SELECT MEAN("lower") AS "usual at least", MEAN("upper") AS "usual at most", '
                'MEAN("expected") AS "expected", MEAN("observed") AS "counted" '
                f"{_judged('sales_deviation')} GROUP BY time($__interval) fill(null)",
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
                f'{_judged("sales_deviation")} AND "score" >= 0.99 ORDER BY time DESC LIMIT 100',
                form="table",
            ),
            "Receipts of the quarter. The hour, the day, the amounts or the prices may stand out instead. "
            "The score is 0.99 or more.",
            {"Time": "Time", "store": "Store"} | _USUAL | _ODD,
            width=14,
        ),
        rows(
            "When a model last had no score, and why",
            influx(
                f'SELECT LAST("silent") AS "silent" FROM "{SCORE_POINTS}" '
                f'WHERE {_SHOWN} AND "silent" != \'\' GROUP BY "store", "detector"',
                form="table",
            ),
            "A store that is new has none for weeks.",
            {"Time": "Time", "store": "Store", "detector": "Model", "silent": "Why"},
            width=10,
        ),
        lines(
            "Sales of an interval, beside the range of all stores",
            influx(
                f'SELECT MEAN("salesAmount") AS "sales" {_SALES} '
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
            every=_WINDOW,
            width=24,
        ),
        columns(
            "Lines by store",
            influx(
                f'SELECT SUM("salesLines") AS "lines" {_SALES} GROUP BY time($__interval), "store" fill(0)',
                alias="$tag_store",
            ),
            "Lines of receipts in each interval.",
        ),
        bars(
            "Sales by store",
            influx(f'SELECT SUM("salesAmount") AS "sales" {_SALES} GROUP BY "store"', form="table"),
            "In the stores' currency.",
            by="store",
        ),
    )


BOARDS: Final[dict[str, Callable[[], Any]]] = {
    "overview": overview,
    "refunds": refunds,
    "inventory-and-gates": inventory_and_gates,
    "sales": sales,
    "cases": cases,
    "pipeline-health": pipeline_health,
}
"""By the name of the file."""
