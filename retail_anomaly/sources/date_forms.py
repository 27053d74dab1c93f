"""Dates and times as text, in ISO 8601 or in the forms that a mapping names."""

import re
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from retail_anomaly.sources.number_forms import in_ascii

Moment: TypeAlias = datetime | int
"""A date and time, with or without a zone, or epoch milliseconds."""

# In the order in which they are looked for: YYYY before YY.
_LETTERS: Final = {
    "YYYY": "%Y",
    "YY": "%y",
    "MMMM": "%B",
    "MMM": "%b",
    "MM": "%m",
    "M": "%m",
    "DD": "%d",
    "D": "%d",
    "HH": "%H",
    "H": "%H",
    "hh": "%I",
    "h": "%I",
    "mm": "%M",
    "m": "%M",
    "ss": "%S",
    "s": "%S",
    "SSSSSS": "%f",
    "SSS": "%f",
    "a": "%p",
    "A": "%p",
    "Z": "%z",
}
_LETTER: Final = re.compile("|".join(sorted(_LETTERS, key=len, reverse=True)))
# A word with other letters, such as Uhr or UTC, stands for itself.
_WORD: Final = re.compile(r"(UTC|GMT)?([A-Za-z]+)")
_ONLY_LETTERS: Final = re.compile(f"(?:{_LETTER.pattern}|T)+")
_EXCEL_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - a cell of a sheet has no zone
_NUMBERS: Final[dict[str, Callable[[float], Moment]]] = {
    "epoch_s": lambda number: round(number * 1000),
    "epoch_ms": round,
    "epoch_us": lambda number: round(number / 1000),
    "epoch_ns": lambda number: round(number / 1_000_000),
    "excel": lambda number: _EXCEL_EPOCH + timedelta(milliseconds=round(number * 86_400_000)),
}
NO_CLOCK: Final = " and no time of day"
"""Stands after a day whose time of day has a column of its own that is empty."""
FORMS: Final = (*_NUMBERS, "iso")
"""The forms that have a name."""
_SPACED_ZONE: Final = re.compile(r" (?=[+-]\d{2}:?\d{2}$)")
_NAMED_UTC: Final = re.compile(r" ?(?:UTC|GMT|z)$")
DAY_IN_ZONE: Final = re.compile(r"(\d{4}-?\d\d-?\d\d)( ?)([+-]\d\d(?::?\d\d)?)")
"""A day with a zone and without a time; Python takes the zone for a time."""
_PART_OF_SECOND: Final = re.compile(r"(?:\d:\d\d:\d\d|[^\d]\d{6})[.,]\d")
_YEAR_DAY_MONTH: Final = re.compile(r"^%Y\W?%d\W?%m")
_FARTHEST_BEHIND, _FARTHEST_AHEAD = timedelta(hours=-12), timedelta(hours=14)
_SAYS_UTC: Final = re.compile(r"\b(?:UTC|GMT|Z)\W*$")
# Parts of numbers that nothing divides, such as %H%M: how many digits each has.
_WIDTHS: Final = {"Y": 4, "j": 3} | dict.fromkeys("ymdHIMS", 2)
_NUMERIC: Final = re.compile(rf"%[{''.join(_WIDTHS)}f]")
_RUN: Final = re.compile(rf"(?:%[{''.join(_WIDTHS)}]){{2,}}")


def iso_moment(text: str) -> datetime | None:
    """Return the date and time of a text in ISO 8601, with a blank or none before its zone.

    A day may have a zone, as XML writes it. ``2025-10-09-05:00`` may also be a day and a time: it is neither.
    ``10.30`` is half past ten to many, and part of an hour in ISO 8601: it is none of both.

    Examples
    --------
    >>> iso_moment("2025-10-09 10:02"), iso_moment("2025-10-09 10:02:00 +0200").isoformat()
    (datetime.datetime(2025, 10, 9, 10, 2), '2025-10-09T10:02:00+02:00')
    >>> iso_moment("2025-10-09+02:00").isoformat(), iso_moment("2025-10-09-05:00"), iso_moment("09.10.2025")
    ('2025-10-09T00:00:00+02:00', None, None)
    """
    text = in_ascii(text)
    if found := DAY_IN_ZONE.fullmatch(text):
        day, gap, zone = found.groups()
        if not gap and zone[0] == "-":
            return None
        text = f"{day}T00{zone}"
    # Python takes 10.30 for ten o'clock and three tenths of a second.
    if ("." in text or "," in text) and not _PART_OF_SECOND.search(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(_NAMED_UTC.sub("+00:00", _SPACED_ZONE.sub("", text)))
        except ValueError:
            return None
    if moment.tzinfo is None:
        return moment
    # 14:00-15:00 is no time in a zone: there is none that is so far behind.
    offset = moment.utcoffset()
    return moment if offset is None or _FARTHEST_BEHIND <= offset <= _FARTHEST_AHEAD else None


def pattern_of(form: str) -> str:
    """Return a form of dates as `datetime.strptime` takes it.

    Parameters
    ----------
    form
        Letters such as ``DD.MM.YYYY HH:mm``, or with percent signs.

    Raises
    ------
    ValueError
        It lacks a part of the date, or its parts do not tell one time.

    Examples
    --------
    >>> pattern_of("DD.MM.YYYY HH:mm"), pattern_of("%d/%m/%y")
    ('%d.%m.%Y %H:%M', '%d/%m/%y')
    """
    pattern = form if "%" in form else _WORD.sub(_of_word, form)
    named = re.findall(r"%(\w)", pattern)
    parts = set(named)
    has_day = "j" in parts or ("d" in parts and parts & {"m", "b", "B"})
    if not (parts & {"Y", "y"} and has_day) and not parts & {"c", "x"}:
        raise ValueError(
            "expected a form with year, month and day, such as DD.MM.YYYY HH:mm (capital letters for a "
            f"date), or one of {', '.join(FORMS)}"
        )
    if len(named) > len(parts):
        raise ValueError(f"{form} has a part twice: MM is the month, mm the minute, HH the hour")
    if unclear := _unclear(parts):
        raise ValueError(f"{form} {unclear}")
    try:
        datetime(2025, 10, 9, 10, 2, tzinfo=UTC).strptime(
            datetime(2025, 10, 9, tzinfo=UTC).strftime(pattern), pattern
        )
    except (ValueError, re.error) as error:
        raise ValueError(f"expected a form of dates such as DD.MM.YYYY HH:mm ({error})") from None
    return pattern


def has_day_before_month(forms: Sequence[str]) -> bool:
    """Tell whether a form looks like ISO 8601 with day and month exchanged.

    Examples
    --------
    >>> has_day_before_month(["YYYY-DD-MM"]), has_day_before_month(["YYYY-MM-DD", "DD.MM.YYYY", "iso"])
    (True, False)
    """
    return any(_YEAR_DAY_MONTH.search(pattern_of(form)) for form in forms if form not in FORMS)


def _of_word(word: re.Match[str]) -> str:
    """Return the letters of a form with percent signs; a word with others as it is."""
    if not _ONLY_LETTERS.fullmatch(word[2]):
        return word[0]
    return (word[1] or "") + _LETTER.sub(lambda found: _LETTERS[found[0]], word[2])


def _unclear(parts: AbstractSet[str]) -> str | None:
    """Return what is wrong with parts that `datetime.strptime` takes and reads as another time."""
    if ("I" in parts) != ("p" in parts):
        return "has one of hh and A: hh counts to 12 and needs A, which is AM or PM; HH counts to 24"
    if parts & {"M", "S"} and not parts & {"H", "I"}:
        return "has minutes without hours: mm is the minute, MM the month"
    if "Z" in parts:
        return "has %Z, and names of zones are not read: %z reads +02:00, and UTC may stand as it is"
    return None


def reader_of(forms: Sequence[str]) -> Callable[[str], Moment | None]:
    """Return a function that reads a text in one of some forms, the first that fits.

    Examples
    --------
    >>> read = reader_of(["DD.MM.YYYY", "epoch_s"])
    >>> read("09.10.2025"), read("1760000000"), read("soon")
    (datetime.datetime(2025, 10, 9, 0, 0), 1760000000000, None)
    """
    readers = [_reader(form) for form in forms]

    def read(text: str) -> Moment | None:
        text = in_ascii(text)
        for reader in readers:
            if (moment := reader(text)) is not None:
                return moment
        return None

    return read


def _reader(form: str) -> Callable[[str], Moment | None]:
    if form == "iso":
        return iso_moment
    if form in _NUMBERS:
        return lambda text: _number(text, _NUMBERS[form])
    pattern = pattern_of(form)
    filled = _filled_up(pattern)
    says_utc = "%z" not in pattern and _SAYS_UTC.search(re.sub(r"%\w", " ", pattern)) is not None

    def read(text: str) -> Moment | None:
        if filled is not None:
            text = filled(text)
        try:
            moment = datetime.strptime(text, pattern)  # noqa: DTZ007 - the store's clock decides
        except ValueError:
            return None
        return moment.replace(tzinfo=UTC) if says_utc else moment

    return read


def _filled_up(pattern: str) -> Callable[[str], str] | None:
    """Return a function that gives parts which nothing divides all their digits; None if there are no such.

    A program that keeps 01:15 as the number 115 means no 11:05, which Python would read.

    Examples
    --------
    >>> _filled_up("%d.%m.%Y %H%M")("1.2.2026 115"), _filled_up("%d%m%Y")("1122026"), _filled_up("%d.%m.%Y")
    ('1.2.2026 0115', '01122026', None)
    """
    runs = list(_RUN.finditer(pattern))
    if not runs:
        return None
    widths = [sum(_WIDTHS[part] for part in run[0][1::2]) for run in runs]
    digits = re.compile(r"\d+")

    def filled(text: str) -> str:
        for run, width in zip(runs, widths, strict=True):
            before = len(digits.findall(_NUMERIC.sub("0", pattern[: run.start()])))
            found = next((part for n, part in enumerate(digits.finditer(text)) if n == before), None)
            if found is not None and len(found[0]) < width:
                text = text[: found.start()] + found[0].zfill(width) + text[found.end() :]
        return text

    return filled


def _number(text: str, moment: Callable[[float], Moment]) -> Moment | None:
    if "_" in text:  # which Python takes between digits
        return None
    try:
        return moment(float(text.replace(",", ".")))
    except (ValueError, OverflowError):
        return None
