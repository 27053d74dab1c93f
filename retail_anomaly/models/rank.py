"""Ranks: p-values calibrated by past strengths instead of by theory."""

from bisect import bisect_right
from itertools import accumulate
from math import exp, log
from typing import Final

import msgspec

_WIDTH: Final = 0.125
_BINS: Final = 33
_PRIOR: Final = 10.0
_TAIL: Final = 12.0
_EXCLUDED_AT_MOST: Final = 0.03
_FAR: Final = 1e-3
_BETA: Final = 1 / log(10)


class RollingRank(msgspec.Struct, array_like=True):
    """Keep the distribution of recent strengths, to tell the chance of one so high.

    A strength is minus the decimal logarithm of a p-value (see `tails.strength`). If the models were
    exact, one in a hundred would reach a strength of 2. They are not, least of all far out in the tail.
    So the share that did reach a strength replaces the theory as soon as there is one.

    Parameters
    ----------
    counts
        Decayed counts of strengths, in bins an eighth wide.
    excluded
        Decayed count of strengths that were too rare to be learned.
    limit, chance, scale
        Where the fitted tail begins, the chance of getting that far, and the tail's scale.

    Notes
    -----
    Beyond the point that a dozen strengths reached, the tail is exponential, its scale the mean
    excess: peaks over threshold as in Siffer et al., Anomaly Detection in Streams with Extreme Value
    Theory, KDD 2017, with the shape at zero. Theory takes part with the weight of ten observations.

    A strength rarer than one in a thousand is counted but does not lengthen the tail. Otherwise each incident
    that you want to find would hide the next. When more than three in a hundred are so rare, they are not
    incidents but the new normal, and are learned.

    Examples
    --------
    >>> rank = RollingRank()
    >>> round(rank.chance_of(2.0), 3)
    0.01
    >>> for n in range(2000):
    ...     rank.add(2.0 if n % 10 == 0 else 0.1)
    >>> rank.fit()
    >>> 0.05 < rank.chance_of(2.0) < 0.15
    True
    >>> before = rank.chance_of(2.0)
    >>> rank.add(9.0)
    >>> rank.chance_of(2.0) > before, rank.chance_of(9.0) < 1e-6
    (True, True)
    """

    counts: list[float] = msgspec.field(default_factory=lambda: [0.0] * _BINS)
    excluded: float = 0.0
    limit: float = 0.0
    chance: float = 1.0
    scale: float = _BETA

    @property
    def total(self) -> float:
        """How many strengths were learned; old ones count less."""
        return sum(self.counts)

    def chance_of(self, strength: float) -> float:
        """Return the calibrated p-value of a strength."""
        return self._chance_of(strength, self.excluded)

    def _chance_of(self, strength: float, excluded: float) -> float:
        if strength <= 0:
            return 1.0
        total = self.total + _PRIOR
        if strength >= self.limit:
            chance = (self.chance * total + excluded) / (total + excluded)
            return chance * exp(-(strength - self.limit) / self.scale)
        at = strength / _WIDTH
        first = int(at)
        above = sum(self.counts[first + 1 :]) + self.counts[first] * (1 - (at - first))
        return min(1.0, (above + _PRIOR * 10**-strength + excluded) / (total + excluded))

    def add(self, strength: float) -> None:
        """Learn a strength; `fit` makes it count."""
        if self._chance_of(strength, 0.0) < _FAR:
            self.excluded += 1
            if self.excluded < _EXCLUDED_AT_MOST * (self.total + _PRIOR):
                return
        self.counts[min(int(max(strength, 0.0) / _WIDTH), _BINS - 1)] += 1

    def decay(self, factor: float) -> None:
        """Make the past count less."""
        self.counts = [count * factor for count in self.counts]
        self.excluded *= factor

    def fit(self, theory: float = _PRIOR) -> None:
        """Bring the tail up to date.

        Parameters
        ----------
        theory
            How many observations the theory's scale weighs as much as.
        """
        above = list(accumulate(reversed(self.counts)))  # strengths in the last bin, in the last two, ...
        bins = bisect_right(above, _TAIL) + 1
        first = max(0, _BINS - bins)
        reached = sum(self.counts[first:])
        limit = first * _WIDTH
        excess = sum(
            count * ((index + 0.5) * _WIDTH - limit) for index, count in enumerate(self.counts[first:], first)
        )
        self.limit = limit
        self.chance = min(1.0, (reached + _PRIOR * 10**-limit) / (self.total + _PRIOR))
        self.scale = (excess + theory * _BETA) / (reached + theory)
