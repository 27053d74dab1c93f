"""The alerts that a person should read first, kept while all of them are written."""

from heapq import nlargest
from typing import Final

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.stakes import at_stake

_SHOWN: Final = 3
_KEPT: Final = 100


class ReadFirst:
    """The alerts with the highest risk, and of equal risk those with the most money.

    Examples
    --------
    >>> first = ReadFirst()
    >>> first.lines()
    []
    """

    def __init__(self) -> None:
        self._best: dict[str, tuple[float, float, Alert]] = {}

    def take(self, alert: Alert) -> None:
        """Take note of an alert; a revision replaces the alert before it."""
        self._best[alert.alert_id] = (alert.risk_score, at_stake(alert.evidence) or 0.0, alert)
        if len(self._best) > 2 * _KEPT:
            kept = nlargest(_KEPT, self._best.items(), key=lambda item: item[1][:2])
            self._best = dict(kept)

    def lines(self) -> list[str]:
        """Return a line for each of the first few."""
        best = nlargest(_SHOWN, self._best.values(), key=lambda item: item[:2])
        return [f"  read first: {alert.message} (risk {risk:.2f})" for risk, _, alert in best]
