"""The alerts that a person should read first, kept while all of them are written."""

from collections import Counter
from heapq import nlargest
from typing import Final

from retail_anomaly.cases import Calibration
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.stakes import at_stake

_SHOWN: Final = 3
_NAMED: Final = 5
_KEPT: Final = 100
# An article with so many alerts, and with so large a part of all, is rarely one that people buy.
_MANY: Final = 20
_PART: Final = 0.02


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
        self._articles: Counter[str] = Counter()
        self._alerts = 0

    def take(self, alert: Alert) -> None:
        """Take note of an alert; a revision replaces the alert before it."""
        if alert.revision == 1:
            self._alerts += 1
            if alert.detector.startswith("refund_") and isinstance(sku := alert.evidence.get("sku"), str):
                self._articles[sku] += 1
        sure = self._calibration.confidence(alert.detector, alert.evidence, alert.risk_score)
        self._best[alert.alert_id] = (sure, at_stake(alert.evidence) or 0.0, alert)
        if len(self._best) > 2 * _KEPT:
            kept = nlargest(_KEPT, self._best.items(), key=lambda item: item[1][:2])
            self._best = dict(kept)

    def lines(self) -> list[str]:
        """Return a line for each of the first few, and one that names the articles with most alerts."""
        best = nlargest(_SHOWN, self._best.values(), key=lambda item: item[:2])
        shown = [f"  read first: {alert.message} (confidence {sure:.2f})" for sure, _, alert in best]
        least = max(_MANY, _PART * self._alerts)
        often = [(sku, count) for sku, count in self._articles.most_common(_NAMED) if count >= least]
        if often:
            named = ", ".join(f"{sku} ({count:,})" for sku, count in often)
            shown.append(
                f"  many alerts are about refunds of {named}: if these are codes for postage, fees or "
                "amounts typed by hand, name them in `exempt_skus` of refund_without_sale and refund_match"
            )
        return shown
