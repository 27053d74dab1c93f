"""The number of customers on a day, by weekday, season, holidays and growth."""

from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from data_gen.world import Store, rng_for

SUNDAY: Final = 6
HOLIDAYS_A_YEAR: Final = 8
# From January to December.
_MONTHS: Final = (0.9, 0.92, 0.97, 1.0, 1.0, 0.99, 0.97, 0.96, 0.99, 1.02, 1.1, 1.18)


def is_closed(day: date) -> bool:
    """Tell whether no store opens: on New Year's Day and on Christmas Day.

    Examples
    --------
    >>> is_closed(date(2025, 12, 25)), is_closed(date(2025, 12, 24))
    (True, False)
    """
    return (day.month, day.day) in {(1, 1), (12, 25)}


@lru_cache(maxsize=64)
def holidays(seed: int, year: int) -> frozenset[date]:
    """Return the public holidays of a year: working days on which the stores keep Sunday's hours.

    Examples
    --------
    >>> len(holidays(7, 2025))
    8
    """
    first = date(year, 1, 1)
    working = [day for day in (first + timedelta(days=n) for n in range(365)) if day.weekday() < 5]
    return frozenset(rng_for(seed, "holidays", year).sample(working, HOLIDAYS_A_YEAR))


def has_short_hours(seed: int, day: date) -> bool:
    """Tell whether the stores open later and close earlier: on Sundays and holidays.

    Examples
    --------
    >>> has_short_hours(7, date(2025, 3, 2))
    True
    """
    return day.weekday() == SUNDAY or day in holidays(seed, day.year)


def expected_receipts(seed: int, store: Store, start: date, day: date) -> float:
    """Return how many receipts a store may expect on a day.

    Parameters
    ----------
    seed, store
        The world.
    start
        The day from which the store grows.
    day
        The day in question.

    Examples
    --------
    >>> from data_gen.world import make_store
    >>> store, monday = make_store(7, 1), date(2025, 3, 3)
    >>> saturday = expected_receipts(7, store, monday, date(2025, 3, 8))
    >>> saturday > expected_receipts(7, store, monday, monday)
    True
    """
    weekday = SUNDAY if day in holidays(seed, day.year) else day.weekday()
    expected = store.receipts * store.weekdays[weekday] * _MONTHS[day.month - 1]
    tomorrow = day + timedelta(days=1)
    if is_closed(tomorrow) or tomorrow in holidays(seed, tomorrow.year):
        expected *= 1.25  # People stock up.
    if day.month == 12 and 14 <= day.day <= 24:
        expected *= 1.3
    return float(expected * (1 + store.growth) ** ((day - start).days / 365))
