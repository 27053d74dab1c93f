"""The negative binomial distribution: both tails of a count, to full precision and without SciPy."""

from math import exp, expm1, lgamma, log, log1p, pi, sqrt
from typing import Final

_SUMMED: Final = 24  # counts up to this are summed term by term
_TINY_EXPONENT: Final = -600.0
_RARE: Final = 0.01
_CONVERGED: Final = 1e-15
_HALF_LOG_2PI: Final = 0.5 * log(2 * pi)


def tails(count: float, mean: float, shape: float) -> tuple[float, float]:
    """Return the chances of a count this low or lower, and this high or higher.

    Parameters
    ----------
    count
        0 or more; need not be whole.
    mean, shape
        Of the distribution, each above 0: a Poisson count whose rate is Gamma distributed.

    Notes
    -----
    With q = mean / (mean + shape) and p = 1 - q, the tails are the regularised incomplete beta functions
    I_p(shape, count + 1) and I_q(count, shape). A small whole count is summed term by term. For others the
    tail on the side of the count is a continued fraction (Didonato and Morris, Algorithm 708, ACM TOMS 1992),
    scaled by the chance of the count itself. Stirling's series gives that chance without large terms that
    cancel. The opposite tail is the complement, which is never small.

    Examples
    --------
    >>> low, high = tails(3, mean=1.0, shape=2.0)
    >>> round(low, 6), round(high, 6)
    (0.954733, 0.111111)
    >>> tails(0, mean=1.0, shape=1.0)
    (0.5, 1.0)
    """
    exponent = -shape * log1p(mean / shape)
    total = mean + shape
    q = mean / total
    if count <= _SUMMED and exponent > _TINY_EXPONENT and count == int(count):
        chance = low = exp(exponent)
        if count == 0:
            return low, 1.0
        if count == 1:
            return low * (1 + shape * q), -expm1(exponent)
        for less in range(int(count)):
            chance *= (less + shape) / (less + 1) * q
            low += chance
        high = 1.0 - low + chance
        if high > _RARE:
            return min(low, 1.0), high
    elif count <= 0:
        return exp(exponent), 1.0
    else:
        chance = _chance(count, mean, shape)
    if q * (count + shape + 2) < count + 1:
        high = chance * count / _fraction(count, shape, q, shape * (count - mean) / total)
        return min(1.0 - high + chance, 1.0), high
    low = (
        chance
        * q
        * (shape + count)
        / _fraction(shape, count + 1, shape / total, shape * (mean - count - 1) / total)
    )
    return low, min(1.0 - low + chance, 1.0)


def central_counts(mean: float, shape: float, outside: float) -> tuple[int, int]:
    """Return the counts between which nearly all fall, with a chance of `outside` on each side.

    Walks up from 0, so that `mean` must be moderate.

    Examples
    --------
    >>> central_counts(4.0, 2.0, 0.025)
    (0, 13)
    """
    q = mean / (mean + shape)
    chance = at_most = exp(-shape * log1p(mean / shape))
    count = lower = 0
    while 1.0 - at_most > outside:
        if at_most < outside:
            lower = count + 1
        chance *= (count + shape) / (count + 1) * q
        count += 1
        at_most += chance
    return lower, count


def _chance(count: float, mean: float, shape: float) -> float:
    """Return the chance of a count: gamma(k + a) / (gamma(k + 1) gamma(a)) q**k p**a."""
    both, total = count + shape, mean + shape
    excess = shape * (mean - count) / total
    # Near the mean both logarithms are small and of opposite sign.
    own, other = excess / count, -excess / shape
    exponent = count * (log1p(own) if abs(own) < 0.5 else log(mean * both / (count * total)))
    exponent += shape * (log1p(other) if abs(other) < 0.5 else log(both / total))
    exponent += _stirling(both) - _stirling(count) - _stirling(shape)
    return sqrt(shape / (2 * pi * both * count)) * exp(exponent)


def _stirling(z: float) -> float:
    """Return by how much the logarithm of the gamma function exceeds Stirling's formula."""
    if z < 8:
        return lgamma(z) - (z - 0.5) * log(z) + z - _HALF_LOG_2PI
    i = 1 / z
    w = i * i
    series = 1 / 1680 - w * (1 / 1188 - w * (691 / 360360 - w / 156))
    return i * (1 / 12 - w * (1 / 360 - w * (1 / 1260 - w * series)))


def _fraction(a: float, b: float, x: float, excess: float) -> float:
    """Return x**a (1 - x)**b / (B(a, b) I_x(a, b)) by Lentz's method; `excess` is a (1 - x) - b x."""
    fraction = c = a * (excess + 1) / (a + 1) or 1e-300
    d = 0.0
    m = 0
    while True:
        m += 1
        at = a + 2 * m
        step = m * (b - m) * x / (at - 1)
        numerator = (a + m - 1) * (a + b + m - 1) * x / (at - 1) * step
        denominator = m + step + (a + m) * (excess + 1 + m * (2 - x)) / (at + 1)
        d = 1 / (denominator + numerator * d)
        c = denominator + numerator / c
        change = c * d
        fraction *= change
        if abs(change - 1) < _CONVERGED or m > 10_000:
            return fraction
