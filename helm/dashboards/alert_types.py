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


def types_about_refunds() -> str:
    """Return a pattern of the alert types whose detectors need refunds.

    A detector that does not say what it needs counts where it looks at refunds, and at neither counts nor
    gates.
    """
    undeclared = types_of("on_refund", "on_count", "on_security").split("|")
    return "|".join(
        d.alert_type
        for d in REGISTRY.values()
        if "refunds" in d.needs or (not d.needs and d.alert_type in undeclared)
    )


def _overrides(detector: type[Detector[Any, Any]], method: str) -> bool:
    return getattr(detector, method) is not getattr(Detector, method)
