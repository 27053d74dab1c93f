"""Settings: what they are, where they come from, and the engine they describe."""

from retail_anomaly.settings.layers import Loaded, load, load_settings
from retail_anomaly.settings.model import (
    DetectorSettings,
    Settings,
    SettingsError,
    StoreSettings,
    StreamerSettings,
    TopicSettings,
    build_engine,
    flatten,
)
from retail_anomaly.settings.schema import json_schema

__all__ = [
    "DetectorSettings",
    "Loaded",
    "Settings",
    "SettingsError",
    "StoreSettings",
    "StreamerSettings",
    "TopicSettings",
    "build_engine",
    "flatten",
    "json_schema",
    "load",
    "load_settings",
]
