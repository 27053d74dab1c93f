"""Loss prevention for shops: the same detectors over history and live on Kafka.

Examples
--------
>>> import pandas as pd
>>> import retail_anomaly as ra
>>> tills = pd.DataFrame({"transactionId": ["t1"], "storeId": ["s"], "cashierId": ["c"], "sku": ["k"],
...     "amount": [20.0], "eventType": ["REFUND"], "eventTime": [pd.Timestamp("2025-10-09")]})
>>> ra.replay(tills).alerts["type"].tolist()
['REFUND_WITHOUT_SALE']
"""

from typing import TYPE_CHECKING, Any

from retail_anomaly.alerts import Alert
from retail_anomaly.codec import InvalidEvent
from retail_anomaly.columns import ColumnsError
from retail_anomaly.engine import Engine
from retail_anomaly.events import CountEvent, Event, GateData, PosEvent, SecurityEvent, ShiftEvent

# The function takes the place of the module of its name; `from retail_anomaly.replay import ...`
# finds the module all the same.
from retail_anomaly.replay import ReplayResult, replay, replay_events
from retail_anomaly.settings import Settings, SettingsError, build_engine, load_settings
from retail_anomaly.sources import SourceError

if TYPE_CHECKING:
    from retail_anomaly.frames import alerts_frame, read_alerts

__all__ = [
    "Alert",
    "ColumnsError",
    "CountEvent",
    "Engine",
    "Event",
    "GateData",
    "InvalidEvent",
    "PosEvent",
    "ReplayResult",
    "SecurityEvent",
    "Settings",
    "SettingsError",
    "ShiftEvent",
    "SourceError",
    "alerts_frame",
    "build_engine",
    "load_settings",
    "read_alerts",
    "replay",
    "replay_events",
]


def __getattr__(name: str) -> Any:
    # pandas takes longer to import than everything else here, and the streamer never needs it.
    if name in {"alerts_frame", "read_alerts"}:
        from retail_anomaly import frames

        return getattr(frames, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
