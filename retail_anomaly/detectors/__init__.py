"""The detectors, and the registry that everything else lists them from."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from retail_anomaly.detectors.base import Detector, Parameters, Range
from retail_anomaly.detectors.inventory_shrinkage import InventoryShrinkage
from retail_anomaly.detectors.refund_burst import RefundBurst
from retail_anomaly.detectors.refund_deviation import RefundDeviation
from retail_anomaly.detectors.refund_without_sale import RefundWithoutSale
from retail_anomaly.detectors.sales_deviation import SalesDeviation
from retail_anomaly.detectors.security_correlation import SecurityCorrelation
from retail_anomaly.detectors.stock_discrepancy import StockDiscrepancy

REGISTRY: Final[Mapping[str, type[Detector[Any, Any]]]] = MappingProxyType(
    {
        detector.name: detector
        for detector in (
            RefundBurst,
            RefundWithoutSale,
            SecurityCorrelation,
            InventoryShrinkage,
            StockDiscrepancy,
            RefundDeviation,
            SalesDeviation,
        )
    }
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
    "RefundWithoutSale",
    "SalesDeviation",
    "SecurityCorrelation",
    "StockDiscrepancy",
]
