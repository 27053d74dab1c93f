"""Two functions of SciPy, which is loaded at their first use: who runs no model does without its 27 MB."""

from functools import cache
from typing import Any


@cache
def _compiled() -> Any:
    # Once: an import statement takes as long as the functions do, also when there is nothing to load.
    from scipy import special

    return special


def betainc(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function, I_x(a, b).

    Examples
    --------
    >>> betainc(1, 1, 0.25)
    0.25
    """
    return float(_compiled().betainc(a, b, x))


def stdtr(df: float, t: float) -> float:
    """Return Student's t distribution function with `df` degrees of freedom.

    Examples
    --------
    >>> stdtr(4, 0.0)
    0.5
    """
    return float(_compiled().stdtr(df, t))
