"""Numbers as the formats of tills write them."""

from functools import lru_cache

_MOST = 1e15


@lru_cache(maxsize=10_000)
def plain_number(text: str) -> float | None:
    """Return a decimal number, or None where the text is none or is absurd.

    Parameters
    ----------
    text
        Digits with an optional sign, decimal point and exponent. Python's own ``1_000`` is no number here.

    Examples
    --------
    >>> plain_number("-0.42"), plain_number("1_000"), plain_number("nan"), plain_number("")
    (-0.42, None, None, None)
    """
    if "_" in text or not text.isascii():
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < _MOST else None  # NaN is not less
