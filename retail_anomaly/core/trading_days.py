"""The days on which a store is closed, and the holidays on which it trades less than usual."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

IsDay: TypeAlias = Callable[[int], bool]
"""Tells whether a local day, as `datetime.date.toordinal` counts it, is one of some days."""


def _never(day: int) -> bool:
    return False


class TradingDays(NamedTuple):
    """Tell the days on which a store does not trade as usual.

    Parameters
    ----------
    is_closed
        Whether the store is closed on a local day.
    is_holiday
        Whether a local day is a holiday, on which the store trades less than usual or not at all.

    Examples
    --------
    >>> days = TradingDays(is_closed={7, 8}.__contains__)
    >>> days.is_closed(7), days.is_usual(7), days.is_usual(9)
    (True, False, True)
    """

    is_closed: IsDay = _never
    is_holiday: IsDay = _never

    def is_usual(self, day: int) -> bool:
        """Tell whether nothing is known of a day: it can teach how much is usual."""
        return not self.is_closed(day) and not self.is_holiday(day)
