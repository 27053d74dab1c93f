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

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from retail_anomaly.contract import check_detector
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.core.events import CountEvent, Event, GateData, PosEvent, SecurityEvent, ShiftEvent
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.detectors import Detector, Parameters, register

# `retail_anomaly.replay` is the function; `from retail_anomaly.replay import ...` still finds the module.
from retail_anomaly.replay import ReplayResult, replay, replay_events
from retail_anomaly.rules import Rule, RuleError
from retail_anomaly.settings import Settings, SettingsError, build_engine, load_settings
from retail_anomaly.sources import SourceError
from retail_anomaly.sources.columns import ColumnsError
from retail_anomaly.sources.loaded import Events, load
from retail_anomaly.sources.mapping_file import MappingError

if TYPE_CHECKING:
    from retail_anomaly import plots
    from retail_anomaly.evaluate import (
        alerts_by_value,
        compare_alerts,
        differing_alerts,
        match_incidents,
        near_misses,
    )
    from retail_anomaly.evaluate.drift import drift
    from retail_anomaly.evaluate.explain import explain
    from retail_anomaly.evaluate.needs import rule_needs
    from retail_anomaly.evaluate.scorecard import Scorecard, scorecard
    from retail_anomaly.frames.alerts import alerts_frame, read_alerts
    from retail_anomaly.frames.cases import triage
    from retail_anomaly.frames.enriched import enrich
    from retail_anomaly.frames.incidents import incidents_frame, read_incidents
    from retail_anomaly.frames.notifications import notify
    from retail_anomaly.frames.quality import data_quality
    from retail_anomaly.report.profile_page import profile

__all__ = [
    "Alert",
    "ColumnsError",
    "CountEvent",
    "Detector",
    "Engine",
    "Event",
    "Events",
    "GateData",
    "InvalidEvent",
    "MappingError",
    "Parameters",
    "PosEvent",
    "ReplayResult",
    "RetailAnomalyError",
    "Rule",
    "RuleError",
    "Scorecard",
    "SecurityEvent",
    "Settings",
    "SettingsError",
    "ShiftEvent",
    "SourceError",
    "alerts_by_value",
    "alerts_frame",
    "build_engine",
    "check_detector",
    "compare_alerts",
    "data_quality",
    "differing_alerts",
    "drift",
    "enrich",
    "explain",
    "incidents_frame",
    "load",
    "load_settings",
    "match_incidents",
    "near_misses",
    "notify",
    "plots",
    "profile",
    "read_alerts",
    "read_incidents",
    "register",
    "replay",
    "replay_events",
    "rule_needs",
    "scorecard",
    "triage",
]

# Imported when you first use them: pandas and Plotly take longer to import than all the rest, and the
# streamer never needs them.
_LATER: Final = {
    "alerts_frame": "frames.alerts",
    "read_alerts": "frames.alerts",
    "incidents_frame": "frames.incidents",
    "read_incidents": "frames.incidents",
    "data_quality": "frames.quality",
    "enrich": "frames.enriched",
    "notify": "frames.notifications",
    "triage": "frames.cases",
    "drift": "evaluate.drift",
    "explain": "evaluate.explain",
    "profile": "report.profile_page",
    "rule_needs": "evaluate.needs",
    **dict.fromkeys(
        [
            *(
                "Scorecard",
                "alerts_by_value",
                "compare_alerts",
                "differing_alerts",
                "match_incidents",
            ),
            *("near_misses", "scorecard"),
        ],
        "evaluate",
    ),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from retail_anomaly.cli.frame import installed_version

        return installed_version()
    if name == "plots":
        return import_module("retail_anomaly.plots")
    if name in _LATER:
        return getattr(import_module(f"retail_anomaly.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
