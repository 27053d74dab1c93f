"""The engine of the streamer, which goes on where a model of somebody else fails."""

from collections.abc import Sequence
from functools import partial

import structlog

from retail_anomaly.core.engine import Engine
from retail_anomaly.settings import Settings, build_engine

_log = structlog.stdlib.get_logger(__name__)


def build_streaming_engine(settings: Settings, only: Sequence[str] | None = None) -> Engine:
    """Build the engine that the settings describe, and have its models' faults logged.

    Parameters
    ----------
    settings, only
        As for `build_engine`.

    Raises
    ------
    SettingsError
        As `build_engine` does.

    Examples
    --------
    >>> build_streaming_engine(Settings(), ["refund_deviation"]).needs_ticks
    False
    """
    engine = build_engine(settings, only)
    for detector in engine.all_detectors:
        detector.tell = partial(_log_fault, detector.name)
    engine.too_many.tell = _log_fault
    return engine


def _log_fault(detector: str, store: str, said: str) -> None:
    _log.warning(said, detector=detector, store=store)
