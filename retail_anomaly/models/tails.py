"""P-values of counts, and one p-value from several."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from math import log10
from typing import Final

from retail_anomaly.models.negative_binomial import central_counts, tails

_SMALLEST: Final = 1e-300
_SMALLEST_MEAN: Final = 1e-9
_WALKED: Final = 500.0  # means below are cheaper to walk up to than to bisect
_POISSON: Final = 1e12  # the shape of a rate that is known


def both_tails(count: float, mean: float, shape: float) -> tuple[float, float]:
    """Return `at_most` and `at_least` of a count; that costs no more than one of them.

    Examples
    --------
    >>> both_tails(3, 1.0, 2.0) == (at_most(3, 1.0, 2.0), at_least(3, 1.0, 2.0))
    True
    """
    low, high = tails(max(count, 0.0), max(mean, _SMALLEST_MEAN), shape)
    return max(low, _SMALLEST), max(high, _SMALLEST)


def at_least(count: float, mean: float, shape: float) -> float:
    """Return the chance of a count this high or higher.

    The count is negative binomial: Poisson with a rate that is itself Gamma distributed.

    Parameters
    ----------
    count
        The count.
    mean
        The expected count.
    shape
        Shape of the rate's Gamma distribution: one over the square of its coefficient of variation.

    Returns
    -------
    float
        A p-value in (0, 1].

    Notes
    -----
    Gelman et al., Bayesian Data Analysis, 3rd edition, section 2.6: the predictive distribution of a
    Poisson count under a Gamma posterior. Its tail is a regularised incomplete beta function.

    Examples
    --------
    >>> round(at_least(3, mean=1.0, shape=1e9), 4)  # Poisson: 1 - e**-1 * (1 + 1 + 1/2)
    0.0803
    >>> at_least(3, mean=1.0, shape=2.0) > at_least(3, mean=1.0, shape=1e9)
    True
    """
    if count <= 0:
        return 1.0
    return max(tails(count, max(mean, _SMALLEST_MEAN), shape)[1], _SMALLEST)


def at_most(count: float, mean: float, shape: float) -> float:
    """Return the chance of a count this low or lower; see `at_least`.

    Examples
    --------
    >>> round(at_most(0, mean=3.0, shape=1e9), 4)
    0.0498
    """
    return max(tails(count, max(mean, _SMALLEST_MEAN), shape)[0], _SMALLEST)


def shape_of(*shapes: float) -> float:
    """Return the shape of a product of independent Gamma rates: their squared variations add up.

    Examples
    --------
    >>> shape_of(4.0, 4.0)
    2.0
    """
    return 1.0 / sum(1.0 / max(shape, 1e-9) for shape in shapes)


def strength(p_values: Iterable[float]) -> float:
    """Combine p-values of related tests into one figure: minus the decimal logarithm of a p-value.

    Parameters
    ----------
    p_values
        At least one, each in [0, 1].

    Returns
    -------
    float
        0 or more; 2 stands for one in a hundred.

    Notes
    -----
    The generalised mean of p-values with exponent -1/2 (Vovk and Wang, Combining p-values via
    averaging, Biometrika 2020) is valid for dependent tests, and these are: the day's refunds contain the
    last hour's. It lies between the smallest p-value, which knows one test only, and their product, which
    takes all tests for independent.

    Examples
    --------
    >>> round(strength([0.001, 1.0]), 2), round(strength([0.001, 0.001]), 2)
    (2.42, 3.0)
    """
    total, number = 0.0, 0
    for p in p_values:
        number += 1
        total += max(p, _SMALLEST) ** -0.5
    return max(0.0, 2 * log10(total / number))


def band(mean: float, shape: float, outside: float = 0.05) -> tuple[int, int]:
    """Return the counts between which nearly all fall.

    Parameters
    ----------
    mean, shape
        As for `at_least`.
    outside
        The share that falls outside, half of it on each side.

    Returns
    -------
    tuple of int
        The lowest and the highest usual count.

    Examples
    --------
    >>> band(4.0, shape=1e9), band(4.0, shape=2.0)
    ((1, 8), (0, 13))
    """
    mean = max(mean, _SMALLEST_MEAN)
    if mean < _WALKED:
        return central_counts(mean, shape, outside / 2)
    far = int(mean + 40 * (mean + mean * mean / shape) ** 0.5) + 40
    lower = bisect_left(range(far), outside / 2, key=lambda count: at_most(count, mean, shape))
    # The chance of more falls as the count rises.
    upper = bisect_left(range(far), -outside / 2, key=lambda count: -at_least(count + 1, mean, shape))
    return lower, upper


def poisson_interval(count: int, coverage: float) -> tuple[float, float]:
    """Return the interval in which the mean of a Poisson count lies.

    Parameters
    ----------
    count
        The count.
    coverage
        The share of such intervals that hold the true mean, such as 0.95; each side misses half of the rest.

    Notes
    -----
    The exact interval of Garwood, Biometrika 1936, by bisection.

    Examples
    --------
    >>> [round(mean, 3) for mean in poisson_interval(3, 0.95)]
    [0.619, 8.767]
    """
    outside = (1 - coverage) / 2
    far = count + 10 * (count + 10) ** 0.5 + 10
    low = _bisected(lambda mean: at_least(count, mean, _POISSON) >= outside, 0.0, far) if count else 0.0
    return low, _bisected(lambda mean: at_most(count, mean, _POISSON) <= outside, 0.0, far)


def _bisected(is_beyond: Callable[[float], bool], low: float, high: float) -> float:
    for _ in range(60):
        middle = (low + high) / 2
        if is_beyond(middle):
            high = middle
        else:
            low = middle
    return high
