"""The confidence of an alert: the probability that it is right, on one scale for all detectors.

The score of a detector is held against labelled alerts. The outcome is data, `confidence.json` beside this
file; `python -m benchmarks.calibration` makes it, and `retail-anomaly calibrate` learns on from verdicts.
"""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from math import exp, isfinite, log, log1p, log10
from numbers import Real
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from retail_anomaly.cases.precision import Prior
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.stakes import at_stake

Number: TypeAlias = Annotated[float, Meta(ge=-1e9, le=1e9, description="a number")]
Scale: TypeAlias = Literal["chance", "log", "linear"]
_RAREST: Final = 1e-300


class ScoreCurve(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The share of a detector's alerts that are right, by the score of the alert.

    Parameters
    ----------
    score
        The number that ranks the alerts: ``risk``, ``money`` (see `at_stake`), or a field of the evidence
        that goes on where the risk stops at 1.
    scale
        How it counts: ``chance`` takes minus the decimal logarithm, ``log`` the logarithm of one more, and
        ``linear`` the number itself.
    by
        The fields of the evidence that name the component of the alert.
    intercept, slope
        The log odds are ``intercept + slope * score + offset``.
    offsets
        By component, its values joined by a slash; a component without an entry has 0.
    highest
        The highest score of the labelled alerts. Beyond it the curve goes on ever more slowly.
    alerts, right
        How many alerts the curve was fitted to, and how many of them were right.

    Notes
    -----
    With the scale ``chance`` this is the Beta calibration of Kull, Silva Filho and Flach (*Beta calibration*,
    AISTATS 2017) of the score 1 - chance, without the term that vanishes where alerts are: near 1.

    Examples
    --------
    >>> curve = ScoreCurve("chance", "chance", ("component",), intercept=-3.0, slope=1.0, highest=4.0)
    >>> [round(curve.confidence({"chance": chance}, risk=1.0), 3) for chance in (1e-2, 1e-3, 1e-9, 1e-99)]
    [0.269, 0.5, 0.862, 0.88]
    """

    score: str = "risk"
    scale: Scale = "linear"
    by: tuple[str, ...] = ()
    intercept: Number = 0.0
    slope: Annotated[float, Meta(ge=0, le=1e9, description="a number >= 0")] = 0.0
    offsets: dict[str, Number] = {}
    highest: Number = 0.0
    alerts: int = 0
    right: int = 0

    def component(self, evidence: Mapping[str, Any]) -> str:
        """Return the component that an alert's evidence names.

        Examples
        --------
        >>> curve = ScoreCurve("money", by=("reasons", "offShift"))
        >>> curve.component({"reasons": ["OVER_PRICE", "QUICK"], "offShift": True})
        'OVER_PRICE/yes'
        """
        return "/".join(_word(evidence.get(field)) for field in self.by)

    def place(self, evidence: Mapping[str, Any], risk: float) -> float:
        """Return the score of an alert on the curve's scale; 0 where the evidence has no such number."""
        number: object
        if self.score == "risk":
            number = risk
        else:
            number = at_stake(evidence) if self.score == "money" else evidence.get(self.score)
        if isinstance(number, bool) or not isinstance(number, Real):
            return 0.0
        try:
            value = float(number)
        except OverflowError:
            return 0.0
        if not isfinite(value):
            return 0.0
        if self.scale == "chance":
            return -log10(min(max(value, _RAREST), 1.0))
        return log1p(max(value, 0.0)) if self.scale == "log" else value

    def confidence(self, evidence: Mapping[str, Any], risk: float) -> float:
        """Return the probability that an alert with this evidence and risk is right."""
        score = self.place(evidence, risk)
        if score > self.highest:
            beyond = score - self.highest
            score = self.highest + beyond / (1 + beyond)
        odds = self.intercept + self.slope * score + self.offsets.get(self.component(evidence), 0.0)
        return 1 / (1 + exp(-min(max(odds, -500.0), 500.0)))


UNKNOWN: Final = ScoreCurve(intercept=round(log(Prior().a / Prior().b), 4), slope=0.01)
"""The curve of a detector of which no alert was labelled."""


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The curve of each detector.

    Parameters
    ----------
    version
        Of this form of data.
    curves
        By detector. Of another detector's alerts one in five is taken for right, as of a type that nobody
        judged; the riskier ones rank higher.

    Examples
    --------
    >>> packaged_calibration().confidence("refund_burst", {"offShift": True}, risk=1.0) > 0.2
    True
    >>> round(packaged_calibration().confidence("rule:drawer_opened", {}, risk=1.0), 2)
    0.2
    """

    version: Literal[1] = 1
    curves: dict[str, ScoreCurve] = {}

    def confidence(self, detector: str, evidence: Mapping[str, Any], risk: float) -> float:
        """Return the probability that an alert of a detector is right."""
        return self.curves.get(detector, UNKNOWN).confidence(evidence, risk)

    def is_sure(self, alert: Alert, least: float) -> bool:
        """Tell whether an alert has a confidence of at least so much; one of a detector without a curve has.

        Examples
        --------
        >>> alert = Alert(alert_id="a", revision=1, type="DRAWER_OPENED", detector="rule:drawer_opened",
        ...     store_id="store-1", employee_id=None, risk_score=0.5, message="Opened 5 times.",
        ...     event_time=1, opened_at=1, evidence={}, config_hash="0")
        >>> packaged_calibration().is_sure(alert, 0.9)
        True
        """
        return self.sureness(alert) >= least - 1e-9

    def sureness(self, alert: Alert) -> float:
        """Return an alert's confidence; 1 where nobody labelled an alert of its detector."""
        curve = self.curves.get(alert.detector)
        return 1.0 if curve is None else curve.confidence(alert.evidence, alert.risk_score)

    def known(self, alert: Alert) -> float | None:
        """Return an alert's confidence, between 0 and 1; None where nobody labelled an alert of its detector.

        Examples
        --------
        >>> alert = Alert(alert_id="a", revision=1, type="DRAWER_OPENED", detector="rule:drawer_opened",
        ...     store_id="store-1", employee_id=None, risk_score=0.5, message="Opened 5 times.",
        ...     event_time=1, opened_at=1, evidence={}, config_hash="0")
        >>> packaged_calibration().known(alert)
        """
        curve = self.curves.get(alert.detector)
        if curve is None:
            return None
        return round(min(max(curve.confidence(alert.evidence, alert.risk_score), 1e-6), 1 - 1e-6), 6)

    def with_curves(self, curves: Mapping[str, ScoreCurve]) -> "Calibration":
        """Return the calibration with other curves for some detectors."""
        return Calibration(curves={**self.curves, **curves}) if curves else self


@lru_cache(maxsize=1)
def packaged_calibration() -> Calibration:
    """Return the calibration of the package, fitted to simulated worlds."""
    text = files("retail_anomaly.cases").joinpath("confidence.json").read_bytes()
    return msgspec.json.decode(text, type=Calibration)


def _word(value: object) -> str:
    """Return a value of evidence as a part of a component's name; of a list the first."""
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
