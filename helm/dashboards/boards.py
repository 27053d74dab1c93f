"""The five dashboards. Every query is run against a real engine by a test."""

import warnings
from collections.abc import Callable
from typing import Any, Final

from helm.dashboards.panels import INFLUXDB, bars, columns, figure, influx, lines, promql, ranking, rows
from streamer.sinks.points import ALERT_POINTS, STORE_METRIC_POINTS

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import dashboard
    from grafana_foundation_sdk.models.dashboard import DashboardLinkType, VariableOption, VariableRefresh

BUDGET: Final = 5.0
"""Alerts a store and day that someone can look at; the dashed line."""

_SHOWN: Final = '$timeFilter AND "store" =~ /^$store$/'
_ALERTS: Final = f'FROM "{ALERT_POINTS}" WHERE {_SHOWN} AND "type" =~ /^$type$/'
_SALES: Final = f'FROM "{STORE_METRIC_POINTS}" WHERE {_SHOWN}'
_REFUNDS: Final = "REFUND_BURST|REFUND_WITHOUT_SALE|REFUND_DEVIATION"
_STOCK: Final = "SHRINKAGE|STOCK_DISCREPANCY"


def _of(types: str) -> str:
    return f'FROM "{ALERT_POINTS}" WHERE {_SHOWN} AND "type" =~ /^({types})$/'


_WHO: Final = {"time": "Time", "store": "Store", "employee": "Employee"}
_WHAT: Final = {"riskScore": "Risk", "message": "What happened"}


def overview() -> Any:
    """Return the first page: how many alerts, where, of what kind, about whom."""
    board = _board(
        "overview", "Retail: overview", "Alerts by type and store, and the newest of them.", types=True
    )
    return _with(
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
                f'SELECT MAX("riskScore") AS "highest", MEAN("riskScore") AS "average" {_ALERTS} GROUP BY time($__interval) fill(none)',
                alias="$col",
            ),
            "Of the alerts opened in each interval.",
            "percentunit",
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
                f'SELECT "type", "store", "employee", "riskScore", "severity", "message", "alertId" {_ALERTS} ORDER BY time DESC LIMIT 100',
                form="table",
            ),
            "The 100 newest of the time shown.",
            _WHO | {"type": "Type", "severity": "Severity"} | _WHAT | {"alertId": "Alert"},
            width=16,
        ),
    )


def refunds() -> Any:
    """Return the page on refunds."""
    board = _board("refunds", "Retail: refunds", "Refunds beside sales, and the alerts about them.")
    return _with(
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
                f'SELECT SUM("refundAmount") AS "refunds" {_SALES} GROUP BY time($__interval), "store" fill(0)',
                alias="$tag_store",
            ),
            "Amount in each interval, in the stores' currency.",
        ),
        columns(
            "Refund alerts by type",
            influx(
                f'SELECT COUNT("alertId") AS "alerts" {_of(_REFUNDS)} GROUP BY time($__interval), "type" fill(0)',
                alias="$tag_type",
            ),
            "By the time at which they were opened.",
        ),
        rows(
            "Bursts",
            influx(
                f'SELECT "store", "employee", "refundCount", "averageAmount", "riskScore", "revision", "transactionIds", "message" {_of("REFUND_BURST")} ORDER BY time DESC LIMIT 100',
                form="table",
            ),
            "Many high refunds of one cashier within minutes, each with its last revision.",
            _WHO
            | {"refundCount": "High refunds", "averageAmount": "Average amount", "revision": "Revision"}
            | _WHAT
            | {"transactionIds": "Receipts"},
        ),
        rows(
            "Refunds without a sale",
            influx(
                f'SELECT "store", "employee", "transactionId", "amount", "sku", "message" {_of("REFUND_WITHOUT_SALE")} ORDER BY time DESC LIMIT 100',
                form="table",
            ),
            "The store has not sold what was taken back.",
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
    )


def inventory_and_gates() -> Any:
    """Return the page on missing stock and alarms at the gates."""
    board = _board(
        "inventory", "Retail: inventory and gates", "What counts miss, and what left with an alarm."
    )
    return _with(
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
            "Sold since the last count, less what the count found.",
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
                f'SELECT COUNT("alertId") AS "alerts" {_of(_STOCK + "|SECURITY_CORRELATION")} GROUP BY time($__interval), "type" fill(0)',
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
                f'SELECT "store", "employee", "gateId", "saleAmount", "secondsAfterSale", "transactionId", "message" {_of("SECURITY_CORRELATION")} ORDER BY time DESC LIMIT 100',
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
    """Return the page on sales: each store among all stores."""
    board = _board(
        "sales", "Retail: sales", "Each store's sales, and the range in which those of all stores lie."
    )
    band = f'FROM "{STORE_METRIC_POINTS}" WHERE $timeFilter GROUP BY time($__interval) fill(null)'
    return _with(
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
            "Sales of an interval, beside the range of all stores",
            influx(
                f'SELECT MEAN("salesAmount") AS "sales" {_SALES} GROUP BY time($__interval), "store" fill(null)',
                alias="$tag_store",
            )
            + _renamed(
                influx(
                    f'SELECT PERCENTILE("salesAmount", 10) AS "10 % of all", MEDIAN("salesAmount") AS "half of all", PERCENTILE("salesAmount", 90) AS "90 % of all" {band}',
                    alias="$col",
                )
            ),
            "Average of the intervals that one point stands for. The range is of all stores, whichever are shown.",
            ranges=("10 % of all", "half of all", "90 % of all"),
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


def pipeline_health() -> Any:
    """Return the page on the processes themselves, from Prometheus."""
    board = _base("pipeline", "Retail: pipeline health", "Lag, throughput, latency, dead letters, state.")
    board.with_variable(dashboard.DatasourceVariable("prometheus").label("Prometheus").type("prometheus"))
    latency = "sum by (le) (rate(retail_alert_latency_seconds_bucket[$__rate_interval]))"
    return _with(
        board,
        figure(
            "Processes ready", promql(("sum(retail_ready)", "ready")), "With a place in their group.", width=6
        ),
        figure("Lag", promql(("sum(retail_lag_records)", "records")), "Records not committed yet.", width=6),
        figure(
            "Dead letters",
            promql(("sum(increase(retail_dead_letters_total[$__range]))", "records")),
            "In the time shown.",
            width=6,
        ),
        figure(
            "Writes put off",
            promql(("sum(increase(retail_backpressure_total[$__range]))", "times")),
            "InfluxDB took nothing.",
            width=6,
        ),
        lines(
            "Records processed",
            promql(("sum by (topic) (rate(retail_events_total[$__rate_interval]))", "{{topic}}")),
            "A second.",
            "cps",
        ),
        lines(
            "Lag by topic",
            promql(("sum by (topic) (retail_lag_records)", "{{topic}}")),
            "Records not committed yet.",
            "short",
        ),
        lines(
            "From event to alert",
            promql(
                (f"histogram_quantile(0.5, {latency})", "half"),
                (f"histogram_quantile(0.99, {latency})", "99 %"),
            ),
            "From the event's own time to the emission of its alert; a backlog counts from when it happened.",
            "s",
        ),
        lines(
            "Alerts",
            promql(("sum by (type) (rate(retail_alerts_total[$__rate_interval])) * 3600", "{{type}}")),
            "An hour.",
        ),
        lines(
            "Dead letters by reason",
            promql(("sum by (reason) (increase(retail_dead_letters_total[$__rate_interval]))", "{{reason}}")),
            "By the field that was wrong.",
        ),
        lines(
            "Detecting and committing",
            promql(
                (
                    "sum(rate(retail_processing_seconds_sum[$__rate_interval])) / sum(rate(retail_processing_seconds_count[$__rate_interval]))",
                    "an event",
                ),
                (
                    "sum(rate(retail_checkpoint_seconds_sum[$__rate_interval])) / sum(rate(retail_checkpoint_seconds_count[$__rate_interval]))",
                    "a checkpoint",
                ),
            ),
            "Average.",
            "s",
        ),
        lines(
            "Requests to InfluxDB",
            promql(
                (
                    "sum by (outcome) (rate(retail_sink_request_seconds_count[$__rate_interval]))",
                    "{{outcome}}",
                )
            ),
            "A second, by how they ended.",
            "reqps",
        ),
        lines(
            "State",
            promql(("sum by (collection) (retail_state_entries)", "{{collection}}")),
            "Entries of stores that had an event since the start.",
        ),
        lines("State on disk", promql(("sum(retail_state_bytes)", "bytes")), "All processes.", "bytes"),
        lines(
            "Since the last commit",
            promql(("time() - (retail_last_checkpoint_timestamp_seconds > 0)", "{{instance}}")),
            "Grows while nothing comes, too.",
            "s",
        ),
    )


BOARDS: Final[dict[str, Callable[[], Any]]] = {
    "overview": overview,
    "refunds": refunds,
    "inventory-and-gates": inventory_and_gates,
    "sales": sales,
    "pipeline-health": pipeline_health,
}
"""By the name of the file."""


def _base(uid: str, title: str, text: str) -> Any:
    return (
        dashboard.Dashboard(title)
        .uid(f"retail-{uid}")
        .description(text)
        .tags(["retail-anomaly"])
        .time("now-24h", "now")
        .refresh("30s")
        .timezone("browser")
        .link(
            dashboard.DashboardLink("Retail")
            .type(DashboardLinkType.DASHBOARDS)
            .tags(["retail-anomaly"])
            .keep_time(True)
            .include_vars(True)
        )
    )


def _board(uid: str, title: str, text: str, *, types: bool = False) -> Any:
    board = _base(uid, title, text)
    board.with_variable(dashboard.DatasourceVariable("influxdb").label("InfluxDB").type("influxdb"))
    tags = {"store": ("Store", 'SHOW TAG VALUES WITH KEY = "store"')}
    if types:
        tags["type"] = ("Type", f'SHOW TAG VALUES FROM "{ALERT_POINTS}" WITH KEY = "type"')
    for name, (label, query) in tags.items():
        board.with_variable(
            dashboard.QueryVariable(name)
            .label(label)
            .datasource(INFLUXDB)
            .query(query)
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(VariableOption(selected=True, text="All", value="$__all"))
        )
    return board


def _renamed(targets: list[Any]) -> list[Any]:
    """Call the targets Z, Y ... so that they can stand behind others."""
    for n, target in enumerate(targets):
        target.build().to_json()["refId"] = chr(90 - n)
    return targets


def _with(board: Any, *panels: Any) -> Any:
    for panel in panels:
        board.with_panel(panel)
    return board.build()
