"""The engine of the streamer: detectors whose state can be written to disk."""

from collections.abc import Sequence

from retail_anomaly.core.engine import Engine
from retail_anomaly.settings import Settings, SettingsError, build_engine


def build_streaming_engine(settings: Settings, only: Sequence[str] | None = None) -> Engine:
    """Build the engine that the settings describe, if all its detectors can run on a stream.

    Parameters
    ----------
    settings, only
        As for `build_engine`.

    Raises
    ------
    SettingsError
        As `build_engine` does; or a detector has a model for replay and notebooks only.

    Examples
    --------
    >>> build_streaming_engine(Settings(), ["refund_deviation"]).needs_ticks
    False
    """
    engine = build_engine(settings, only)
    for detector in engine.all_detectors:
        reason = detector.parameters.replay_only
        if reason is not None:
            raise SettingsError(
                f"detectors.{detector.name}.{reason}: it is for replay and notebooks; the streamer runs "
                "`model: packaged`"
            )
    return engine
