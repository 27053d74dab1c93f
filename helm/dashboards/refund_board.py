"""The dashboard of refunds: the alerts about them, beside sales and the models' scores."""

from typing import Any, Final

from helm.dashboards.alert_types import types_about_refunds
from helm.dashboards.layout import filled, store_board
from helm.dashboards.panels import columns, figure, influx, lines, ranking, rows
from helm.dashboards.selections import ODD, SALES, USUAL, WHAT, WHO, WINDOW, alerts_of, judged

_REFUNDS: Final = types_about_refunds()


def refunds() -> Any:
    """Return the page on refunds."""
    board = store_board("refunds", "Retail: refunds", "Refunds beside sales, and the alerts about them.")
    return filled(
        board,
        figure(
            "Refund alerts",
            influx(f'SELECT COUNT("alertId") AS "alerts" {alerts_of(_REFUNDS)}'),
            "All types of them.",
            width=8,
        ),
        figure(
            "Refunded without a sale",
            influx(f'SELECT SUM("amount") AS "amount" {alerts_of("REFUND_WITHOUT_SALE")}'),
            "Sum of the lines that raised the alerts, in the stores' currency.",
            width=8,
        ),
        figure(
            "Refunded",
            influx(f'SELECT SUM("refundAmount") / SUM("salesAmount") AS "share" {SALES}'),
            "Share of the sales.",
            unit="percentunit",
            width=8,
        ),
        lines(
            "Refunds by store",
            influx(
                f'SELECT SUM("refundAmount") AS "refunds" {SALES} '
                'GROUP BY time($__interval), "store" fill(0)',
                alias="$tag_store",
            ),
            "Amount in each interval, in the stores' currency.",
            every=WINDOW,
        ),
        columns(
            "Refund alerts by type",
            influx(
                f'SELECT COUNT("alertId") AS "alerts" {alerts_of(_REFUNDS)} '
                'GROUP BY time($__interval), "type" fill(0)',
                alias="$tag_type",
            ),
            "By the time at which they were opened.",
        ),
        rows(
            "Bursts",
            influx(
                'SELECT "store", "employee", "refundCount", "averageAmount", "riskScore", "revision", '
                f'"transactionIds", "message" {alerts_of("REFUND_BURST")} ORDER BY time DESC LIMIT 100',
                form="table",
            ),
            "Many high refunds of one cashier within minutes, each with its last revision.",
            WHO
            | {"refundCount": "High refunds", "averageAmount": "Average amount", "revision": "Revision"}
            | WHAT
            | {"transactionIds": "Receipts"},
        ),
        rows(
            "Refunds beyond their receipt",
            influx(
                'SELECT "store", "employee", "transactionId", "originalTransactionId", "loss", "reasons", '
                f'"message" {alerts_of("REFUND_MISMATCH")} ORDER BY time DESC LIMIT 100',
                form="table",
            ),
            "More, dearer or other goods than the receipt has left, each with its last revision.",
            WHO
            | {"transactionId": "Refund", "originalTransactionId": "Receipt", "loss": "Not covered"}
            | {"reasons": "Reasons", "message": "What happened"},
        ),
        rows(
            "Refunds without a sale",
            influx(
                'SELECT "store", "employee", "transactionId", "amount", "sku", "message" '
                f"{alerts_of('REFUND_WITHOUT_SALE')} ORDER BY time DESC LIMIT 100",
                form="table",
            ),
            "The store never made the sale that was refunded.",
            WHO | {"transactionId": "Receipt", "amount": "Amount", "sku": "SKU", "message": "What happened"},
            width=16,
        ),
        ranking(
            "Cashiers in refund alerts",
            influx(f'SELECT "store", "employee", "alertId", "riskScore" {alerts_of(_REFUNDS)}', form="table"),
            "An alert is a suspicion. Look at the evidence before you speak to anybody.",
            [("store", "Store"), ("employee", "Employee")],
            {"alertId": ("count", "Alerts"), "riskScore": ("max", "Highest risk")},
            width=8,
        ),
        rows(
            "Unusual days of cashiers",
            influx(
                'SELECT "store", "employee", "observed", "expected", "lower", "upper", "component", "score" '
                f'{judged("refund_deviation")} AND "score" >= 0.95 ORDER BY time DESC LIMIT 100',
                form="table",
            ),
            "Refunds of the day so far, and the usual number for this cashier. The model's score is 0.95 or "
            "more. Needs streamer.scores.",
            WHO | USUAL | ODD,
        ),
    )
