"""Two functions of SciPy, which is loaded at their first use: who runs no model does without its 27 MB."""


def betainc(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function, I_x(a, b).

    Examples
    --------
    >>> betainc(1, 1, 0.25)
    0.25
    """
    from scipy.special import betainc as compiled

    return float(compiled(a, b, x))


def stdtr(df: float, t: float) -> float:
    """Return Student's t distribution function with `df` degrees of freedom.

    Examples
    --------
    >>> stdtr(4, 0.0)
    0.5
    """
    from scipy.special import stdtr as compiled

    return float(compiled(df, t))
