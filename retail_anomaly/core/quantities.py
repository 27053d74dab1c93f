"""Quantities of pieces and of weighed goods: whole ones are integers. Counts with their nouns."""

from typing import Any, Final

Number: Final[Any] = int | float
"""The type of a table's entries that are quantities: an integer stays one in stored state."""

PLACES: Final = 6
"""To how many decimal places sums of quantities are rounded."""


def whole(number: int | float) -> int | float:
    """Return a number as an integer if it is whole, and else as it is.

    Examples
    --------
    >>> whole(3.0), whole(0.42), whole(7)
    (3, 0.42, 7)
    """
    return number if isinstance(number, int) or not number.is_integer() else int(number)


def rounded(total: int | float) -> int | float:
    """Round a sum of quantities to 6 places; a whole one becomes an integer.

    Examples
    --------
    >>> rounded(0.1 + 0.2), rounded(1.4 + 1.6), rounded(12)
    (0.3, 3, 12)
    """
    return total if isinstance(total, int) else whole(round(total, PLACES))


def plural(count: int | float, noun: str) -> str:
    """Return a count or a quantity with its noun.

    Examples
    --------
    >>> plural(1, "store"), plural(1200, "alert"), plural(0.42, "piece")
    ('1 store', '1,200 alerts', '0.42 pieces')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
