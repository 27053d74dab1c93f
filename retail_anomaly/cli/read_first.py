"""The alerts that a person should read first, kept while all of them are written."""

from heapq import nlargest
from typing import Final

from retail_anomaly.cases import Calibration
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.stakes import at_stake

_SHOWN: Final = 3
_KEPT: Final = 100


class ReadFirst:
    """The alerts that are most likely right, and of equal ones those with the most money.

    Parameters
    ----------
    calibration
        Gives the confidence of an alert.

    Examples
    --------
    >>> first = ReadFirst(Calibration())
    >>> first.lines()
    []
    """

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._best: dict[str, tuple[float, float, Alert]] = {}

    def take(self, alert: Alert) -> None:
        """Take note of an alert; a revision replaces the alert before it."""
        sure = self._calibration.confidence(alert.detector, alert.evidence, alert.risk_score)
        self._best[alert.alert_id] = (sure, at_stake(alert.evidence) or 0.0, alert)
        if len(self._best) > 2 * _KEPT:
            kept = nlargest(_KEPT, self._best.items(), key=lambda item: item[1][:2])
            self._best = dict(kept)

    def lines(self) -> list[str]:
        """Return a line for each of the first few."""
        best = nlargest(_SHOWN, self._best.values(), key=lambda item: item[:2])
        return [f"  read first: {alert.message} (confidence {sure:.2f})" for sure, _, alert in best]
