"""A River detector at work: it takes features and returns the share of recent ones that were as strange."""

from bisect import bisect_left, insort
from collections import deque
from math import isfinite, log10
from typing import Any, Final

from retail_anomaly.models.river_choice import NO_SCALER, Features, ModelError, RiverChoice, learn, score

_REMEMBERED: Final = 2_000


class RiverModel:
    """Run a River detector and keep its recent scores.

    The detector scores before it learns, and learns everything. Each detector has a scale of its own, so a
    score is replaced by the share of the last 2,000 scores that were as high.

    Parameters
    ----------
    choice
        The detector.

    Attributes
    ----------
    strength
        Minus the decimal logarithm of the last share.

    Examples
    --------
    >>> model = RiverModel(RiverChoice("river.anomaly.GaussianScorer", {"grace_period": 10}))
    >>> for n in range(199):
    ...     share = model.share_as_high({"refunds": float(n % 5)})
    >>> model.share_as_high({"refunds": 50.0})
    0.005
    """

    def __init__(self, choice: RiverChoice) -> None:
        self._choice = choice
        self._detector, self._scaler = choice.make()
        self._scores: deque[float] = deque()
        self._sorted: list[float] = []
        self._score = 0.0
        self._features: Features = {}
        self.strength = 0.0

    def share_as_high(self, features: Features) -> float:
        """Return the share of the scores so far that were at least as high; then learn.

        Parameters
        ----------
        features
            Finite numbers; a supervised detector takes the first as its target.

        Returns
        -------
        float
            In (0, 1], and at least one divided by the number of scores. 1 for a score that is not a number.

        Raises
        ------
        ModelError
            The detector failed.
        """
        try:
            self._score = score(self._detector, self._scaler, features)
            learn(self._detector, self._scaler, features)
        except Exception as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())
            raise ModelError(f"{self._choice.model} failed on {features}: {said}") from error
        self._features = features
        if not isfinite(self._score):
            self._score, self.strength = 0.0, 0.0
            return 1.0
        as_high = len(self._sorted) - bisect_left(self._sorted, self._score)
        share = (1 + as_high) / (1 + len(self._sorted))
        self._remember(self._score)
        self.strength = -log10(share)
        return share

    def evidence(self) -> dict[str, Any]:
        """Return the detector, its last score and its features."""
        return {
            "model": self._choice.model,
            "modelParameters": dict(self._choice.parameters),
            "scaler": None if self._choice.scaler == NO_SCALER else self._choice.scaler,
            "modelScore": float(f"{self._score:.6g}"),
            "features": {name: float(f"{value:.6g}") for name, value in self._features.items()},
        }

    def _remember(self, value: float) -> None:
        self._scores.append(value)
        insort(self._sorted, value)
        if len(self._scores) > _REMEMBERED:
            oldest = self._scores.popleft()
            del self._sorted[bisect_left(self._sorted, oldest)]
