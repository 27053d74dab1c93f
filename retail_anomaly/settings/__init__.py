"""Settings: their sections, their layers, and the engine that they describe."""

from retail_anomaly.settings.detector_settings import DetectorSettings
from retail_anomaly.settings.engine_of_settings import build_engine, rules_of_settings
from retail_anomaly.settings.layers import Loaded, load, load_settings
from retail_anomaly.settings.model import Settings, SettingsError, with_parameters, with_rules
from retail_anomaly.settings.privacy_settings import NO_PSEUDONYMS, PrivacySettings, pseudonyms_of
from retail_anomaly.settings.rule_settings import RuleSettings
from retail_anomaly.settings.schema import json_schema
from retail_anomaly.settings.section import flatten
from retail_anomaly.settings.store_settings import StoreSettings
from retail_anomaly.settings.streamer_settings import StreamerSettings, TopicSettings

__all__ = [
    "NO_PSEUDONYMS",
    "DetectorSettings",
    "Loaded",
    "PrivacySettings",
    "RuleSettings",
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
    "pseudonyms_of",
    "rules_of_settings",
    "with_parameters",
    "with_rules",
]
