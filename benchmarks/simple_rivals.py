"""Rivals of a few lines, all online: what somebody would write before taking a model.

Each scores before it learns, from the features of `model_worlds.py`. `count` is the one that it looks at,
`receipts` of a quarter or `refunds` of a cashier's day; `place` tells what counts are like each other.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from math import log10, sqrt
from statistics import fmean, median
from typing import Any

from retail_anomaly.models.tails import both_tails

Features = dict[str, Any]
Setting = dict[str, Any]


class SeasonalRival:
    """Base of those that compare a count with past counts of its place, such as this hour of this weekday."""

    def __init__(self, setting: Setting, figure: str, place: Sequence[str]) -> None:
        self._figure, self._place = figure, place
        self._past: dict[Any, deque[float]] = defaultdict(lambda: deque(maxlen=setting.get("window", 8)))

    def score_one(self, x: Features) -> float:
        past = self._past[self._of(x)]
        return self.score(x[self._figure], past) if len(past) >= 3 else 0.0

    def learn_one(self, x: Features) -> None:
        self._past[self._of(x)].append(x[self._figure])

    def _of(self, x: Features) -> Any:
        return tuple(x[name] for name in self._place)

    def score(self, count: float, past: Sequence[float]) -> float:
        raise NotImplementedError


class SeasonalMedian(SeasonalRival):
    """Distance from the place's median in its median absolute deviations, 5 % of the median at least."""

    def score(self, count: float, past: Sequence[float]) -> float:
        middle = median(past)
        distance = 1.4826 * median(abs(value - middle) for value in past)
        return abs(count - middle) / max(distance, 0.05 * middle, 1.0)


class SeasonalTails(SeasonalRival):
    """Tails of a negative binomial distribution with the place's mean and variance."""

    def __init__(self, setting: Setting, figure: str, place: Sequence[str]) -> None:
        super().__init__(setting, figure, place)
        self._least = setting.get("spread", 0.05)

    def score(self, count: float, past: Sequence[float]) -> float:
        mean = fmean(past) + 0.1
        variance = fmean((value - mean) ** 2 for value in past)
        spread = max((variance - mean) / mean**2, self._least**2) + 1 / (mean * len(past))
        return -log10(min(both_tails(count, mean, 1 / spread)))


class _Residuals:
    """Counts less their place's decayed mean, in units of that mean's root."""

    def __init__(self, figure: str, place: Sequence[str]) -> None:
        self._figure, self._place = figure, place
        self._means: dict[Any, float] = {}

    def of(self, x: Features) -> float:
        mean = self._means.get(self._key(x))
        return 0.0 if mean is None else (x[self._figure] - mean) / sqrt(mean + 1)

    def learn(self, x: Features) -> None:
        key, count = self._key(x), x[self._figure]
        mean = self._means.get(key)
        self._means[key] = count if mean is None else mean + 0.2 * (count - mean)

    def _key(self, x: Features) -> Any:
        return tuple(x[name] for name in self._place)


class Ewma:
    """The control chart of exponentially weighted residuals (Roberts 1959), one for each `whose`."""

    def __init__(self, setting: Setting, figure: str, place: Sequence[str], whose: str = "") -> None:
        self._weight, self._whose = setting["weight"], whose
        self._residuals = _Residuals(figure, place)
        self._averages: dict[Any, float] = defaultdict(float)

    def score_one(self, x: Features) -> float:
        return abs(self._next(x)) / sqrt(self._weight / (2 - self._weight))

    def learn_one(self, x: Features) -> None:
        self._averages[x.get(self._whose)] = self._next(x)
        self._residuals.learn(x)

    def _next(self, x: Features) -> float:
        before = self._averages[x.get(self._whose)]
        return before + self._weight * (self._residuals.of(x) - before)


class Cusum:
    """Cumulative sums of residuals beyond a slack, to both sides (Page 1954), one pair for each `whose`."""

    def __init__(self, setting: Setting, figure: str, place: Sequence[str], whose: str = "") -> None:
        self._slack, self._most, self._whose = setting["slack"], setting["most"], whose
        self._residuals = _Residuals(figure, place)
        self._sums: dict[Any, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))

    def score_one(self, x: Features) -> float:
        return max(self._next(x))

    def learn_one(self, x: Features) -> None:
        # A bound, or one long outage would hide all that follows it.
        low, high = (min(each, self._most) for each in self._next(x))
        self._sums[x.get(self._whose)] = low, high
        self._residuals.learn(x)

    def _next(self, x: Features) -> tuple[float, float]:
        low, high = self._sums[x.get(self._whose)]
        residual = self._residuals.of(x)
        return max(0.0, low - residual - self._slack), max(0.0, high + residual - self._slack)
