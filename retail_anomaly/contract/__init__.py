"""The contract of a detector, as checks that you can run on your own.

The test suite runs them on every shipped detector. `check_detector` runs them on yours and returns a table.

Examples
--------
>>> from retail_anomaly.detectors import StockDiscrepancy
>>> from retail_anomaly.core.events import CountEvent
>>> counts = [CountEvent("store-1", "sku-1", left, 1_760_000_000_000 + left) for left in (20, 12)]
>>> checked = check_detector(StockDiscrepancy, counts, kept={"stock_discrepancy.stock"})
>>> bool(checked["passed"].all())
True
"""

from retail_anomaly.contract.behaviour import BEHAVIOUR
from retail_anomaly.contract.check import CHECKS, check_detector
from retail_anomaly.contract.declaration import FORM
from retail_anomaly.contract.runs import RestartingRun, Run, Step, TimePasses
from retail_anomaly.contract.storage import STORAGE
from retail_anomaly.contract.subject import ContractError, Subject

__all__ = [
    "BEHAVIOUR",
    "CHECKS",
    "FORM",
    "STORAGE",
    "ContractError",
    "RestartingRun",
    "Run",
    "Step",
    "Subject",
    "TimePasses",
    "check_detector",
]
