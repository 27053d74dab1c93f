"""Everything that a detector's file imports.

Examples
--------
>>> from retail_anomaly.detector import Detector, DetectorState, Parameters, Range, Table, reaches, register
"""

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.collections import AgedIds, Table, TimedIds
from retail_anomaly.core.detector import Detector, reaches
from retail_anomaly.core.detector_state import DetectorState
from retail_anomaly.core.durations import Duration
from retail_anomaly.core.episode import Episode
from retail_anomaly.core.events import (
    REFUND,
    SALE,
    CountEvent,
    Event,
    GateData,
    MovementEvent,
    PosEvent,
    SecurityEvent,
    ShiftEvent,
    TillEvent,
)
from retail_anomaly.core.forgotten_sales import ForgottenSales
from retail_anomaly.core.kept_line import KeptSale
from retail_anomaly.core.margins import Margin
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.most_ids import MOST_CASHIERS, MOST_SKUS
from retail_anomaly.core.parameters import Parameters, Range
from retail_anomaly.core.quantities import Number, rounded
from retail_anomaly.core.receipts import Named, Receipt, agrees, series_hash, text_hash, token_hash
from retail_anomaly.core.registry import register, unregister
from retail_anomaly.core.sale_run import SaleRun
from retail_anomaly.core.score import Score
from retail_anomaly.core.taking_back import TakenLine

__all__ = [
    "MOST_CASHIERS",
    "MOST_SKUS",
    "REFUND",
    "SALE",
    "AgedIds",
    "Alert",
    "CountEvent",
    "Detector",
    "DetectorState",
    "Duration",
    "Episode",
    "Event",
    "ForgottenSales",
    "GateData",
    "KeptSale",
    "Margin",
    "MovementEvent",
    "Named",
    "Number",
    "Parameters",
    "PosEvent",
    "Range",
    "Receipt",
    "SaleRun",
    "Score",
    "SecurityEvent",
    "ShiftEvent",
    "StoreMemory",
    "Table",
    "TakenLine",
    "TillEvent",
    "TimedIds",
    "agrees",
    "reaches",
    "register",
    "rounded",
    "series_hash",
    "text_hash",
    "token_hash",
    "unregister",
]
