"""The detectors, and the registry that everything else lists them from.

A detector that goes live is a file here and a line in `REGISTRY`. One that is being written in a notebook
or a script is registered for that process, see `register`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from retail_anomaly.core.detector import Detector, Parameters, Range
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

_OWN: dict[str, tuple[type[Detector[Any, Any]], Parameters]] = {}
AnyDetector = TypeVar("AnyDetector", bound=type[Detector[Any, Any]])


def register(detector: AnyDetector, parameters: Parameters | None = None) -> AnyDetector:
    """Let a detector of one's own run in this process, behind those of `REGISTRY`.

    `build_engine` and `replay` then know it by its name; the streamer, tuning and configuration files
    don't. A class of the same name replaces an earlier one, as when a notebook's cell runs again.

    Parameters
    ----------
    detector
        Its class; `retail_anomaly.contract.check_detector` says whether it is fit for more.
    parameters
        What it runs with; by default the class's own.

    Returns
    -------
    type
        The same class, so that this serves as a decorator.

    Raises
    ------
    ValueError
        Its name or its type of alert is that of another detector.

    Examples
    --------
    >>> class Louder(RefundBurst):
    ...     name = "louder"
    ...     alert_type = "LOUDER"
    >>> register(Louder).name, "louder" in own_detectors()
    ('louder', True)
    >>> unregister("louder")
    """
    name, alert_type = detector.name, detector.alert_type
    others = [*REGISTRY.values(), *(other for other, _ in _OWN.values() if other.name != name)]
    if name in REGISTRY or any(other.alert_type == alert_type for other in others):
        raise ValueError(f"{name}, {alert_type}: another detector has this name or type of alert")
    _OWN[name] = detector, detector.Parameters() if parameters is None else parameters
    return detector


def unregister(name: str) -> None:
    """Forget a detector of one's own; nothing happens where there is none of that name."""
    _OWN.pop(name, None)


def own_detectors() -> Mapping[str, tuple[type[Detector[Any, Any]], Parameters]]:
    """Return what was registered in this process, by name, with the parameters."""
    return MappingProxyType(_OWN)


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
    "own_detectors",
    "register",
    "unregister",
]
