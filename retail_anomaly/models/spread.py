"""How much more counts vary from day to day than a Poisson count with a known rate would."""

import msgspec

_LARGEST_SHAPE = 1e4


class ExcessSpread(msgspec.Struct, array_like=True):
    """Decayed sums from which the spread of a rate is estimated by its moments.

    The variance of a count is mean + mean**2 / shape. The part that exceeds the mean gives the shape.

    Parameters
    ----------
    squares
        Squares of the means that were expected; 1 for each where relative deviations are added.
    excess
        Squared deviations from those means, less the means.

    Examples
    --------
    >>> spread = ExcessSpread()
    >>> for count in (2, 18) * 50:
    ...     spread.add(count, 10.0)
    >>> round(spread.shape(prior=2.0, prior_shape=6.0), 2)
    1.85
    """

    squares: float = 0.0
    excess: float = 0.0

    def add(self, count: float, mean: float) -> None:
        """Learn a count, with the weight of its squared mean."""
        self.squares += mean**2
        self.excess += max((count - mean) ** 2 - mean, -mean)

    def add_relative(self, count: float, mean: float) -> None:
        """Learn a count relative to its mean: counts of busy and of quiet times weigh the same."""
        self.squares += 1.0
        self.excess += max(((count - mean) ** 2 - mean) / mean**2, -1.0 / mean)

    def shape(self, prior: float, prior_shape: float) -> float:
        """Return the shape of the rate's Gamma distribution; `prior_shape` weighs as `prior` squares do."""
        return min((self.squares + prior) / max(self.excess + prior / prior_shape, 1e-6), _LARGEST_SHAPE)

    def decay(self, factor: float) -> None:
        """Make the past count less."""
        self.squares *= factor
        self.excess *= factor
