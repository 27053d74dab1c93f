"""The figures of a scorecard: sums over stores, ratios of them, and bootstrap intervals.

Every figure but the times is a ratio of two sums over stores. The bootstrap draws stores and not alerts,
since the alerts and incidents of one store depend on each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

LEVEL: Final = 0.95
_TAILS: Final = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
_CHUNK: Final = 2_000_000  # weights held at once while quantiles are drawn again


@dataclass(frozen=True)
class Resampling:
    """Stores drawn again and again, each time as many as there are, with replacement.

    Parameters
    ----------
    stores
        Names of the stores.
    weights
        How often each store was drawn: an array (resamples, stores).

    Examples
    --------
    >>> drawn = Resampling.draw(["a", "b"], resamples=3, seed=0)
    >>> drawn.weights.shape, drawn.weights.sum(axis=1).tolist()
    ((3, 2), [2, 2, 2])
    """

    stores: Sequence[str]
    weights: np.ndarray

    @classmethod
    def draw(cls, stores: Sequence[str], *, resamples: int, seed: int) -> "Resampling":
        """Draw `resamples` times."""
        count = len(stores)
        if not count:
            return cls(stores, np.empty((resamples, 0), dtype="int64"))
        rng = np.random.default_rng(seed)
        return cls(stores, rng.multinomial(count, np.full(count, 1 / count), size=resamples))

    def ratios(self, counts: pd.DataFrame, ratios: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
        """Return ratios of sums over stores with their intervals.

        Parameters
        ----------
        counts
            One row a store, in the order of `stores`.
        ratios
            Columns of numerator and denominator by name.

        Returns
        -------
        pandas.DataFrame
            One row a ratio: ``estimate``, ``low``, ``high``; NaN where the denominator is 0, and
            without an interval where there are fewer than two stores.

        Examples
        --------
        >>> counts = pd.DataFrame({"found": [1, 1], "incidents": [1, 3]})
        >>> drawn = Resampling.draw(["a", "b"], resamples=200, seed=0)
        >>> drawn.ratios(counts, {"recall": ("found", "incidents")}).round(2).to_dict("records")
        [{'estimate': 0.5, 'low': 0.33, 'high': 1.0}]
        """
        table = counts.to_numpy(dtype="float64")
        place = {name: index for index, name in enumerate(counts.columns)}
        upper = [place[numerator] for numerator, _ in ratios.values()]
        lower = [place[denominator] for _, denominator in ratios.values()]
        total = table.sum(axis=0)
        again = self.weights @ table
        with np.errstate(divide="ignore", invalid="ignore"):
            estimate = np.where(total[lower] > 0, total[upper] / total[lower], np.nan)
            drawn = np.where(again[:, lower] > 0, again[:, upper] / again[:, lower], np.nan)
        low, high = self._interval(drawn)
        return pd.DataFrame({"estimate": estimate, "low": low, "high": high}, index=list(ratios))

    def quantiles(self, values: np.ndarray, stores: np.ndarray, levels: Mapping[str, float]) -> pd.DataFrame:
        """Return quantiles of values with their intervals.

        A quantile is the smallest value that at least this share of the values does not exceed.

        Parameters
        ----------
        values
            Any number of them; NaN is left out.
        stores
            The store of each value.
        levels
            Quantiles, 0 to 1, by name.

        Returns
        -------
        pandas.DataFrame
            One row a quantile: ``estimate``, ``low``, ``high``.

        Examples
        --------
        >>> drawn = Resampling.draw(["a", "b"], resamples=200, seed=0)
        >>> values, stores = np.array([1.0, 2.0, 9.0]), np.array(["a", "a", "b"])
        >>> drawn.quantiles(values, stores, {"median": 0.5}).to_dict("records")
        [{'estimate': 2.0, 'low': 1.0, 'high': 9.0}]
        """
        estimate = list(quantiles_of(values, levels).values())
        order = np.argsort(values, kind="stable")  # NaN goes to the end
        order = order[~np.isnan(values[order])]
        values = values[order]
        place = {store: index for index, store in enumerate(self.stores)}
        columns = np.array([place[store] for store in stores[order]], dtype="int64")
        shares = np.array(list(levels.values()))
        rows = max(1, _CHUNK // max(1, len(values)))
        parts = [
            _quantiles(values, self.weights[start : start + rows][:, columns], shares)
            for start in range(0, len(self.weights), rows)
        ]
        low, high = self._interval(np.concatenate([np.empty((0, len(shares))), *parts]))
        return pd.DataFrame({"estimate": estimate, "low": low, "high": high}, index=list(levels))

    def _interval(self, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the interval of each column of drawn figures."""
        low = np.full(drawn.shape[1], np.nan)
        high = low.copy()
        # With one store every drawing is the same, which says nothing about other stores.
        known = ~np.isnan(drawn).all(axis=0) if len(drawn) else np.zeros(drawn.shape[1], dtype=bool)
        if len(self.stores) > 1 and known.any():
            low[known], high[known] = np.nanquantile(drawn[:, known], _TAILS, axis=0)
        return low, high


def quantiles_of(values: np.ndarray, levels: Mapping[str, float]) -> dict[str, float]:
    """Return quantiles of values by name, as `Resampling.quantiles` estimates them.

    Examples
    --------
    >>> quantiles_of(np.array([9.0, 1.0, np.nan, 2.0]), {"median": 0.5, "p90": 0.9})
    {'median': 2.0, 'p90': 9.0}
    """
    values = np.sort(values[~np.isnan(values)])
    found = _quantiles(values, np.ones((1, len(values))), np.array(list(levels.values())))[0]
    return dict(zip(levels, found.tolist(), strict=True))


def _quantiles(values: np.ndarray, weights: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return quantiles of sorted values: one row a row of weights, one column a level."""
    found = np.full((len(weights), len(levels)), np.nan)
    if not len(values):
        return found
    reached = weights.cumsum(axis=1)
    total = reached[:, -1]
    for column, level in enumerate(levels):
        # The tolerance is for shares such as 0.9 * 10, which is no whole number in binary.
        place = (reached < (level * total - 1e-9)[:, None]).sum(axis=1)
        found[:, column] = np.where(total > 0, values[np.minimum(place, len(values) - 1)], np.nan)
    return found
