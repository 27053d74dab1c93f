"""Days that a configuration lists: dates, ranges of dates, and the public holidays of a region."""

import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Final

from retail_anomaly.core.extras import extra_imports
from retail_anomaly.core.nearest import nearest

_REGION: Final = re.compile(r"([A-Z]{2})(?:-(\w+))?")
_LONGEST: Final = 366  # days: time is followed through closed days, and an endless range would never end


class ListedDays:
    """The local days that entries of a configuration list.

    Parameters
    ----------
    entries
        Dates, ranges with both ends (``2026-12-24/2026-12-31``), and regions as the library `holidays` names
        them: a country, with or without one of its subdivisions (``DE-BY``).

    Raises
    ------
    ValueError
        An entry is none of these.
    MissingExtraError
        A region is named, and the library `holidays` is not installed.

    Examples
    --------
    >>> days = ListedDays(["2026-01-02", "2026-12-24/2026-12-31", "DE-BY"])
    >>> [date(2026, *day).toordinal() in days for day in ((1, 2), (1, 5), (1, 6), (12, 30))]
    [True, False, True, True]
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._ranges: list[tuple[int, int]] = []
        self._regions: list[str] = []
        for entry in entries:
            if _REGION.fullmatch(entry):
                _check_region(entry)
                self._regions.append(entry)
            else:
                self._ranges.append(_range(entry))

    def __contains__(self, day: int) -> bool:
        if any(first <= day <= last for first, last in self._ranges):
            return True
        if not self._regions:
            return False
        year = date.fromordinal(day).year
        return any(day in _public_holidays(region, year) for region in self._regions)


def _range(entry: str) -> tuple[int, int]:
    first, slash, last = entry.partition("/")
    try:
        begins, ends = (date.fromisoformat(text).toordinal() for text in (first, last if slash else first))
    except ValueError:
        raise ValueError(
            "expected dates such as 2026-12-24, ranges such as 2026-12-24/2026-12-31 and regions such as "
            f"DE-BY, got {entry!r}"
        ) from None
    if not 0 <= ends - begins < _LONGEST:
        raise ValueError(
            f"expected a range of at most {_LONGEST} days that begins with the first, got {entry!r}"
        )
    return begins, ends


def _check_region(region: str) -> None:
    with extra_imports():
        import holidays

    country, _, part = region.partition("-")
    try:
        known = holidays.country_holidays(country)
    except NotImplementedError:
        raise ValueError(
            f"expected the two letters of a country (ISO 3166), such as DE; got {country!r}"
        ) from None
    parts = [f"{country}-{name}" for name in (*known.subdivisions, *known.subdivisions_aliases)]
    if part and region not in parts:
        raise ValueError(f"no holidays of {region!r} are known; {nearest(region, parts or [country])}")


@lru_cache(maxsize=1_024)
def _public_holidays(region: str, year: int) -> frozenset[int]:
    import holidays

    country, _, part = region.partition("-")
    found = holidays.country_holidays(country, subdiv=part or None, years=year)
    return frozenset(day.toordinal() for day in found)
