"""How grave an alert is, in one word, from its risk."""

from typing import Final

SEVERITIES: Final = ("low", "medium", "high", "critical")
"""From the least to the gravest."""
_FROM: Final = ((0.8, "high"), (0.5, "medium"))


def severity(risk: float, critical: float | None = None) -> str:
    """Return the name of a risk.

    Parameters
    ----------
    risk
        From 0 to 1.
    critical
        The risk from which an alert is critical; None: none is.

    Examples
    --------
    >>> severity(0.8), severity(0.79), severity(0.1), severity(0.95, critical=0.95)
    ('high', 'medium', 'low', 'critical')
    """
    if critical is not None and risk >= critical:
        return "critical"
    return next((name for limit, name in _FROM if risk >= limit), "low")
