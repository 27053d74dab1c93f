"""Groups of alert types by the events that their detectors look at."""

from typing import Any

from retail_anomaly.detectors import REGISTRY, Detector


def types_of(looked_at: str, *others: str) -> str:
    """Return a pattern of the alert types whose detectors override one method and none of the others."""
    return "|".join(
        detector.alert_type
        for detector in REGISTRY.values()
        if _overrides(detector, looked_at) and not any(_overrides(detector, other) for other in others)
    )


def types_needing(need: str) -> str:
    """Return a pattern of the alert types whose detectors say that they need a kind of data."""
    return "|".join(d.alert_type for d in REGISTRY.values() if need in d.needs)


def _overrides(detector: type[Detector[Any, Any]], method: str) -> bool:
    return getattr(detector, method) is not getattr(Detector, method)
