"""Numbers of a spreadsheet whose format shows them as an id: R-0012 where 12 stands."""

import re
from functools import lru_cache
from typing import Final

# The last is what shows nothing: a language, a colour, room for a sign, or a sign that fills the cell.
_PART: Final = re.compile(r'"([^"]*)"|\\(.)|([- ()])|(0)|(?:\[\$-[^\]]*\]|\[[A-Za-z]+[0-9]*\]|_.|\*.)')
_KEPT: Final = 15
_TIME: Final = re.compile(r"\[[hms]+\]", re.IGNORECASE)


class ShownNumber(int):
    """A whole number, and the text that its format makes of it.

    Examples
    --------
    >>> number = ShownNumber(12, "R-0012")
    >>> number + 1, number.shown
    (13, 'R-0012')
    """

    shown: str

    def __new__(cls, value: int, shown: str) -> "ShownNumber":
        """Make one of a number and its text."""
        number = super().__new__(cls, value)
        number.shown = shown
        return number


class RoundedNumber(float):
    """A whole number of more digits than Excel keeps: it is no id."""


def is_rounded(value: int) -> bool:
    """Tell whether a spreadsheet may have made zeros of the last digits of a number: it keeps fifteen.

    A number with other digits there was written by another program, which keeps all.

    Examples
    --------
    >>> is_rounded(4111222233334450), is_rounded(4111222233334451), is_rounded(411122223333440)
    (True, False, False)
    """
    digits = str(value)
    return len(digits) > _KEPT and not digits[_KEPT:].strip("0")


def shown_number(value: int, form: str) -> str | None:
    """Return a number as a format of zeros and fixed signs shows it; None for any other format.

    Examples
    --------
    >>> shown_number(12, '"R-"0000'), shown_number(1234567, "000-0000"), shown_number(12, "0000")
    ('R-0012', '123-4567', '0012')
    >>> shown_number(12, "[$-407]0000"), shown_number(12, "[Red]0000_)"), shown_number(1, "[hh]00")
    ('0012', '0012', None)
    >>> shown_number(12, "General"), shown_number(12, "0"), shown_number(12, "0.00"), shown_number(12, "@")
    (None, None, None, None)
    """
    parts = _parts(form)
    zeros = parts.count(None)
    if not zeros or (zeros == 1 and not any(parts)):
        return None
    digits = list(str(value).zfill(zeros))
    surplus = "".join(digits[: len(digits) - zeros])  # stand before the first zero of the format
    places = iter(digits[len(digits) - zeros :])
    shown = []
    for part in parts:
        shown.append(surplus + next(places) if part is None else part)
        if part is None:
            surplus = ""
    return "".join(shown)


@lru_cache
def _parts(form: str) -> tuple[str | None, ...]:
    """Return the fixed signs of a format, and None for each of its zeros; nothing if it has other parts."""
    first = form.partition(";")[0]  # that of numbers which are not negative
    found = list(_PART.finditer(first))
    if "".join(match[0] for match in found) != first or _TIME.search(first):
        return ()
    return tuple(None if match[4] else match[1] or match[2] or match[3] or "" for match in found)
