"""The end of an error about an unknown name."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is closest to an unknown one, or else all of them, as advice.

    Examples
    --------
    >>> nearest("widnow", ["window", "when"]), nearest("x", ["window", "when"])
    ('did you mean window?', 'expected one of window, when')
    """
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"expected one of {', '.join(known)}"
