"""The answer of a web server, and the wait that it asks for."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

RETRY_AFTER_SECONDS: Final = (1.0, 300.0)
"""Shortest and longest wait: a server's ``Retry-After`` is honoured within these limits."""


class Answer(NamedTuple):
    """An answer of a server.

    Examples
    --------
    >>> Answer(200, {"content-type": "text/html"}, b"<p>Log    in</p>").words(8)
    '<p>Log i'
    """

    status: int
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes

    def words(self, most: int) -> str:
        """Return the first characters of the body, in one line."""
        text = "".join(each if each.isprintable() else " " for each in self.body.decode(errors="replace"))
        return " ".join(text.split())[:most]


def retry_after(value: str | None, now: datetime) -> float:
    """Read the header ``Retry-After``, seconds or a date, as seconds within `RETRY_AFTER_SECONDS`.

    Parameters
    ----------
    value
        The header; None, or text that can't be read, gives the shortest wait.
    now
        The present time, for a date.

    Examples
    --------
    >>> now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    >>> retry_after("7", now), retry_after("Thu, 01 Jan 2026 12:00:30 GMT", now), retry_after("99999", now)
    (7.0, 30.0, 300.0)
    """
    shortest, longest = RETRY_AFTER_SECONDS
    seconds = shortest
    if value is not None:
        try:
            seconds = float(value)
        except ValueError:
            try:
                date = parsedate_to_datetime(value)
            except ValueError:
                return shortest
            seconds = (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()
    # max() before min(): NaN then gives the shortest wait.
    return min(max(shortest, seconds), longest)
