"""Student's t distribution, for an even number of degrees of freedom."""

from math import sqrt
from typing import Final

_SERIES_BELOW: Final = 0.4
_CONVERGED: Final = 1e-17


def student_t(freedom: int, t: float) -> float:
    """Return the chance of a value of `t` or less.

    Parameters
    ----------
    freedom
        Degrees of freedom, an even number.

    Notes
    -----
    With u = freedom / (freedom + t**2), the tail is (1 - s(u) sqrt(1 - u)) / 2, where s is the sum of the
    first freedom / 2 terms of the binomial series of 1 / sqrt(1 - u) (Abramowitz and Stegun, 26.7.4). Far out
    that difference would lose its digits. There the rest of the series is summed instead.

    Examples
    --------
    >>> student_t(4, 0.0)
    0.5
    >>> round(student_t(8, -3.0), 6), round(student_t(8, 3.0), 6)
    (0.008536, 0.991464)
    """
    u = freedom / (freedom + t * t)
    root = abs(t) / sqrt(freedom + t * t)
    term, total = 1.0, 0.0
    for i in range(freedom // 2):
        total += term
        term *= u * (2 * i + 1) / (2 * i + 2)
    if u >= _SERIES_BELOW:
        tail = 0.5 * (1 - root * total)
    else:
        i, rest = freedom // 2, 0.0
        while term > _CONVERGED * rest:
            rest += term
            term *= u * (2 * i + 1) / (2 * i + 2)
            i += 1
        tail = 0.5 * root * rest
    return tail if t < 0 else 1 - tail
