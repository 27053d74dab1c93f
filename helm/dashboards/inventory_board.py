"""The dashboard of missing stock and alarms at the gates."""

from typing import Any, Final

from helm.dashboards.alert_types import types_of
from helm.dashboards.layout import filled, store_board
from helm.dashboards.panels import bars, columns, figure, influx, ranking, rows
from helm.dashboards.selections import WHO, alerts_of

# A detector that looks at counts is about stock; of the others, one that looks at gates is about gates.
_STOCK: Final = types_of("on_count")
_GATES: Final = types_of("on_security", "on_count")


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
            influx(f'SELECT SUM("missing") AS "pieces" {alerts_of("STOCK_DISCREPANCY")}'),
            "Of the counts that raised an alert.",
            width=8,
        ),
        figure(
            "Pieces sold beyond the count",
            influx(f'SELECT SUM("difference") AS "pieces" {alerts_of("SHRINKAGE")}'),
            "Sold since the last count, minus the pieces that the count found.",
            width=8,
        ),
        figure(
            "Sold just before a gate alarm",
            influx(f'SELECT SUM("saleAmount") AS "amount" {alerts_of("SECURITY_CORRELATION")}'),
            "In the stores' currency.",
            width=8,
        ),
        columns(
            "Alerts by type",
            influx(
                f'SELECT COUNT("alertId") AS "alerts" {alerts_of(f"{_STOCK}|{_GATES}")} '
                'GROUP BY time($__interval), "type" fill(0)',
                alias="$tag_type",
            ),
            "By the time at which they were opened.",
        ),
        bars(
            "Pieces missing by store",
            influx(
                f'SELECT SUM("missing") AS "pieces" {alerts_of("STOCK_DISCREPANCY")} GROUP BY "store"',
                form="table",
            ),
            "Between two counts.",
            by="store",
        ),
        ranking(
            "SKUs that are missing most",
            influx(f'SELECT "sku", "missing", "alertId" {alerts_of("STOCK_DISCREPANCY")}', form="table"),
            "All stores shown.",
            [("sku", "SKU")],
            {"missing": ("sum", "Pieces"), "alertId": ("count", "Counts")},
        ),
        ranking(
            "SKUs sold beyond the count",
            influx(f'SELECT "sku", "difference", "alertId" {alerts_of("SHRINKAGE")}', form="table"),
            "All stores shown.",
            [("sku", "SKU")],
            {"difference": ("sum", "Pieces"), "alertId": ("count", "Counts")},
        ),
        rows(
            "Alarms after a high-value sale",
            influx(
                'SELECT "store", "employee", "gateId", "saleAmount", "secondsAfterSale", "transactionId", '
                f'"message" {alerts_of("SECURITY_CORRELATION")} ORDER BY time DESC LIMIT 100',
                form="table",
            ),
            "The newest sale before the alarm.",
            WHO
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
