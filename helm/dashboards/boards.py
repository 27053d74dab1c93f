"""The list of all six dashboards. A test runs each query on a real engine."""

from collections.abc import Callable
from typing import Any, Final

from helm.dashboards.case_board import cases
from helm.dashboards.health import pipeline_health
from helm.dashboards.inventory_board import inventory_and_gates
from helm.dashboards.overview_board import overview
from helm.dashboards.refund_board import refunds
from helm.dashboards.sales_board import sales

BOARDS: Final[dict[str, Callable[[], Any]]] = {
    "overview": overview,
    "refunds": refunds,
    "inventory-and-gates": inventory_and_gates,
    "sales": sales,
    "cases": cases,
    "pipeline-health": pipeline_health,
}
"""By the name of the file."""
