"""The one error of a configuration that is wrong."""

import difflib
from collections.abc import Iterable


class SettingsError(ValueError):
    """A setting that is unknown, impossible or unreadable; its text is one line for the user."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the closest one, else all.

    Examples
    --------
    >>> suggest("cuont", ["amount", "count"])
    'did you mean count?'
    >>> suggest("x", ["amount", "count"])
    'expected one of amount, count'
    """
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}"
