"""The shipped detectors.

To ship a detector, add a file here, a line to `REGISTRY` and a section to ``settings/config.yaml``: tests,
documents, colours and dashboards follow from these. To try one in a notebook or a script, `register` it in
that process.
"""

from typing import Final

from retail_anomaly.core.detector import Detector
from retail_anomaly.core.parameters import Parameters, Range
from retail_anomaly.core.registry import known_detectors, looks, own_detectors, register, ship, unregister
from retail_anomaly.detectors.inventory_shrinkage import InventoryShrinkage
from retail_anomaly.detectors.refund_burst import RefundBurst
from retail_anomaly.detectors.refund_deviation import RefundDeviation
from retail_anomaly.detectors.refund_match import RefundMatch
from retail_anomaly.detectors.refund_without_sale import RefundWithoutSale
from retail_anomaly.detectors.sales_deviation import SalesDeviation
from retail_anomaly.detectors.security_correlation import SecurityCorrelation
from retail_anomaly.detectors.stock_discrepancy import StockDiscrepancy

REGISTRY: Final = ship(
    RefundBurst,
    RefundWithoutSale,
    RefundMatch,
    SecurityCorrelation,
    InventoryShrinkage,
    StockDiscrepancy,
    RefundDeviation,
    SalesDeviation,
)
"""Detector classes by name, in the order in which an event passes them."""

__all__ = [
    "REGISTRY",
    "Detector",
    "InventoryShrinkage",
    "Parameters",
    "Range",
    "RefundBurst",
    "RefundDeviation",
    "RefundMatch",
    "RefundWithoutSale",
    "SalesDeviation",
    "SecurityCorrelation",
    "StockDiscrepancy",
    "known_detectors",
    "looks",
    "own_detectors",
    "register",
    "unregister",
]
