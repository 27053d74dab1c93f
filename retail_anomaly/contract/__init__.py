"""What is true of every detector, whatever it looks for, as checks that anybody can run on a new one.

The tests run them over all detectors that are shipped, a notebook on one that is being written.

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
