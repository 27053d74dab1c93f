"""Cells of a table as values of an event's fields.

A conversion returns the value if the cell clearly is one, and otherwise the cell as it is: the check of the
event then refuses it. A bool is a number to Python, but not to a till.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime
from decimal import Decimal, InvalidOperation
from numbers import Integral, Real
from typing import Any, Final, TypeAlias
from unicodedata import normalize
from uuid import UUID

from retail_anomaly.core.local_time import WallClock
from retail_anomaly.core.quantities import whole
from retail_anomaly.sources.columns import TIMES, Kind
from retail_anomaly.sources.date_forms import DAY_IN_ZONE, Moment, has_day_before_month, iso_moment, reader_of
from retail_anomaly.sources.mapping import FORMULA_ERRORS, MONEY, NULL_WORDS, TopicMapping
from retail_anomaly.sources.number_forms import NumberForm
from retail_anomaly.sources.shown_numbers import ShownNumber

Convert: TypeAlias = Callable[[Any], Any]

DATES: Final = frozenset({"businessDate", "originalBusinessDate"})
"""The fields that hold a day."""

INVISIBLE: Final = "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\u061c"
"""Signs without a width, which programs leave around a cell and nobody sees."""
ROUNDED: Final = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+[0-9]+")
"""A number as a spreadsheet shows a long one: its last digits are lost."""

BEYOND: Final = (ValueError, OverflowError, NotImplementedError)
"""The errors of libraries about a time that Python has none for."""

_MOST_DIGITS: Final = 40
# A float holds each whole number below; above, an id may have become its neighbour's.
_EXACT: Final = 2**53
_EXACT_OF: Final = {"float32": 2**24, "float16": 2**24, "RoundedNumber": 0}
_WHOLE: Final = re.compile(r"([0-9]+)\.0+")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def is_absent(cell: Any) -> bool:
    """Tell whether a table has nothing in a cell: None, NaN, NaT or NA.

    Examples
    --------
    >>> is_absent(None), is_absent(float("nan")), is_absent("")
    (True, True, False)
    """
    if cell is None:
        return True
    try:
        return bool(cell != cell)  # noqa: PLR0124 - NaN and NaT differ from themselves
    except (TypeError, ValueError, InvalidOperation):  # NA, an array, a signalling NaN
        return type(cell).__name__ == "NAType"


def text_cell(cell: Any) -> Any:
    """Return a text without the blanks around it; a whole number is the text of its digits.

    A program that keeps ids as numbers with decimals writes ``7.0``, and one that wants a spreadsheet to keep
    the zeros in front of an id writes ``="007"``. A number that has lost digits is no id, nor is the error of
    a formula. A date stays one: the id was 3-4 before a spreadsheet made a date of it.

    Examples
    --------
    >>> text_cell(" s-1 "), text_cell(7), text_cell(7.0), text_cell(7.5), text_cell(True)
    ('s-1', '7', '7', 7.5, True)
    >>> text_cell("7.0"), text_cell('="007"'), text_cell(b"k"), text_cell(1e22), text_cell("4.01E+12")
    ('7', '007', 'k', 1e+22, 4010000000000.0)
    """
    if type(cell) is str:
        return _id_text(_stripped(cell))
    if isinstance(cell, bool):
        return cell
    if _is_whole(cell):
        return cell.shown if isinstance(cell, ShownNumber) else str(int(cell))
    # Warehouses keep numbers as decimals; without the limit 1E+999999 would become a million digits.
    if isinstance(cell, Decimal):
        is_short = cell.is_finite() and cell.adjusted() < _MOST_DIGITS
        return str(int(cell)) if is_short and cell == int(cell) else cell
    if isinstance(cell, Real) and not _is_duration(cell):  # NumPy's among them
        exact = _EXACT_OF.get(type(cell).__name__, _EXACT)
        return str(int(float(cell))) if float(cell).is_integer() and abs(float(cell)) <= exact else cell
    if isinstance(cell, UUID):
        return str(cell)
    if isinstance(cell, bytes):  # Parquet files and warehouses do not always say that bytes are text
        try:
            return text_cell(cell.decode())
        except UnicodeDecodeError:
            return cell
    return str(cell).strip() if isinstance(cell, str) else cell


def _is_whole(cell: Any) -> bool:
    return isinstance(cell, Integral) and not _is_duration(cell)


def _is_duration(cell: Any) -> bool:
    # Those of NumPy call themselves whole numbers.
    return type(cell).__name__ == "timedelta64"


def _stripped(text: str) -> str:
    text = text.strip()
    if text[-1:] == "\x00":  # a database fills up its cells
        text = text.rstrip("\x00 ")
    # A sign without a width is no blank to Python, and blanks may stand within it.
    return text if text.isascii() else text.strip(INVISIBLE).strip()


def _id_text(text: str) -> str | bytes | float:
    if text[-1:] == '"' and text[:2] == '="':
        text = text[2:-1].strip()
    elif text[:1] == "'" and text[1:].isdecimal():  # by which a spreadsheet is told that digits are text
        text = text[1:]
    elif text[-1:] == "0" and (found := _WHOLE.fullmatch(text)):
        text = found[1]
    elif ("E+" in text or "e+" in text) and ROUNDED.fullmatch(text):
        return float(text.replace(",", "."))  # refused: other ids have become the same
    elif text[:1] in "#E" and (text.upper() in FORMULA_ERRORS or is_too_wide(text)):
        return text.encode()  # refused
    return _writable(text)


def is_too_wide(text: str) -> bool:
    """Tell whether a text is what a spreadsheet shows in place of a number that its column is too narrow for.

    Examples
    --------
    >>> is_too_wide("########"), is_too_wide("#1"), is_too_wide("")
    (True, False, False)
    """
    return len(text) > 2 and not text.strip("#")


def _writable(text: str) -> str | bytes:
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character, which no JSON can hold
        return text.encode("utf-8", "backslashreplace")
    return text


def integer_cell(cell: Any, form: NumberForm = NumberForm()) -> Any:  # noqa: B008 - it is frozen
    """Return a whole number.

    Examples
    --------
    >>> integer_cell("3"), integer_cell(3.0), integer_cell("3.0"), integer_cell("3.5")
    (3, 3, 3, '3.5')
    """
    if type(cell) is int or isinstance(cell, bool):
        return cell
    if isinstance(cell, str):
        try:
            if "_" not in cell:  # which Python takes between digits
                return int(cell)
        except ValueError:
            pass
    elif _is_whole(cell):
        return int(cell)
    number = number_cell(cell, form)
    return int(number) if isinstance(number, float) and number.is_integer() else cell


def number_cell(cell: Any, form: NumberForm = NumberForm()) -> Any:  # noqa: B008 - it is frozen
    """Return a number.

    Examples
    --------
    >>> number_cell("9.50"), number_cell(9), number_cell("12,50"), number_cell("1.120")
    (9.5, 9.0, 12.5, '1.120')
    """
    if type(cell) is float or isinstance(cell, bool):
        return cell
    try:
        if isinstance(cell, bytes):
            cell = text_cell(cell)
        if isinstance(cell, str):
            number = form.parsed(cell)
            return cell if number is None else number
        if type(cell).__module__ == "numpy" and isinstance(cell, Real):
            return float(str(cell))  # of 32 bits, 0.42 would else be 0.41999998688697815
        return float(cell) if isinstance(cell, Real | Decimal) else cell
    except (ValueError, OverflowError):
        return cell


def flag_cell(cell: Any, words: Mapping[str, bool]) -> Any:
    """Return a flag.

    Examples
    --------
    >>> flag_cell(" True ", {"true": True}), flag_cell(0, {}), flag_cell("yes", {})
    (True, False, 'yes')
    """
    if isinstance(cell, bytes):
        cell = text_cell(cell)
    if isinstance(cell, str):
        return words.get(_stripped(cell).lower(), cell)
    try:
        if isinstance(cell, bool) or cell in (0, 1):
            return bool(cell)
    except (TypeError, ValueError):  # an array or the like
        pass
    return bool(cell) if type(cell).__name__ in ("bool", "bool_") else cell


def time_cell(cell: Any, clock: WallClock, read: Callable[[str], Moment | None] | None = None) -> Any:
    """Return a time in epoch milliseconds.

    Parameters
    ----------
    cell
        A number of milliseconds, a date, a date and time, or a text.
    clock
        The clock of a time without a zone.
    read
        Reads texts, and numbers as texts, in the forms of a mapping.

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> clock = WallClock(ZoneInfo("Europe/Berlin"))
    >>> time_cell("2025-10-09T00:00:00Z", clock), time_cell("2025-10-09 02:00", clock)
    (1759968000000, 1759968000000)
    >>> time_cell(1_759_968_000_000.0, clock), time_cell(date(2025, 10, 9), clock), time_cell("soon", clock)
    (1759968000000, 1759960800000, 'soon')
    """
    moment: Any = None
    if isinstance(cell, bytes):
        cell = text_cell(cell)
    if isinstance(cell, str):
        cell = _stripped(cell)
        if ROUNDED.fullmatch(cell):
            return cell
    if read is not None and isinstance(cell, str | int | float | Decimal) and not isinstance(cell, bool):
        moment = read(str(text_cell(cell)))
    if moment is None:
        moment = integer_cell(cell)
        if isinstance(moment, str):
            moment = iso_moment(moment) or cell
    if isinstance(moment, datetime | date):
        return _millis(moment, clock)
    if type(moment).__name__ == "datetime64":
        return _millis(datetime.fromisoformat(str(moment.astype("datetime64[us]"))), clock)
    if type(moment).__name__ == "Period":
        return _millis(moment.start_time, clock)
    return moment


def _millis(moment: date, clock: WallClock) -> int:
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001 - the clock decides
    if moment.tzinfo is None:
        return clock.utc(_whole_millis(moment.replace(tzinfo=UTC)))
    return _whole_millis(moment)


def _whole_millis(moment: datetime) -> int:
    # Not by way of a float: its last millisecond may be rounded away.
    apart = moment - _EPOCH
    return apart.days * 86_400_000 + apart.seconds * 1_000 + apart.microseconds // 1_000


def converter(
    field: str, kind: Kind, mapping: TopicMapping, form: NumberForm, clock: WallClock, is_optional: bool
) -> Convert:
    """Return the conversion of a field's cells.

    Parameters
    ----------
    field, kind
        The field's name on the wire, and its kind.
    mapping, form, clock
        How times, numbers and words are written.
    is_optional
        Whether a row may lack the field.
    """
    read = reader_of(mapping.dates) if mapping.dates else None
    convert = _refusing(_converter(field, kind, mapping, form, clock, read))
    if read is not None and (field in TIMES or field in DATES) and has_day_before_month(mapping.dates):
        convert = _of_forms_only(convert, read)
    if not is_optional:
        return lambda cell: None if is_absent(cell) else convert(cell)

    nulls = {"", *nulls_of(kind, mapping)}
    if field == "eventType":  # the mapping says what such a word means: - may be a refund
        nulls -= {name.lower() for name in mapping.types}

    def optional(cell: Any) -> Any:
        if is_absent(cell):
            return None
        if isinstance(cell, str) and _stripped(cell).lower() in nulls:
            return None
        return convert(cell)

    return optional


def _of_forms_only(convert: Convert, read: Callable[[str], Moment | None]) -> Convert:
    """Leave texts as they are that the forms of a mapping do not read, also those in ISO 8601."""
    return lambda cell: cell if isinstance(cell, str) and read(_stripped(cell)) is None else convert(cell)


def _refusing(convert: Convert) -> Convert:
    """Make a cell that its own library can't show, such as a timestamp of the year 30000, one of no field."""

    def converted(cell: Any) -> Any:
        if getattr(cell, "ndim", 0):
            return cell.tolist()  # an array, which can't be compared with a text
        try:
            value = convert(cell)
        except (*BEYOND, TypeError):  # of NumPy's durations, which call themselves numbers
            return beyond(cell)
        if type(value) is str:
            return _writable(value)
        # The timestamps of pandas are dates of Python also where Python has none, and then can't be written.
        return beyond(cell) if isinstance(value, date) and not MINYEAR <= value.year <= MAXYEAR else value

    return converted


def beyond(cell: object = "") -> bytes:
    """Return what stands for a cell that can't be shown: bytes, which no field takes.

    Examples
    --------
    >>> beyond(date(1, 1, 1))
    b'a date beyond the years 1 to 9999'
    """
    kind = type(cell).__name__ if cell != "" else "value"
    return f"a {kind} beyond the years 1 to 9999".encode()


def nulls_of(kind: Kind, mapping: TopicMapping) -> Collection[str]:
    """Return the words in small letters that mean nothing, where a row may lack the field.

    Examples
    --------
    >>> sorted(nulls_of("number", TopicMapping()))
    []
    """
    if mapping.nulls is not None:
        return mapping.nulls
    return NULL_WORDS if kind == "text" else frozenset()


def _converter(
    field: str,
    kind: Kind,
    mapping: TopicMapping,
    form: NumberForm,
    clock: WallClock,
    read: Callable[[str], Moment | None] | None,
) -> Convert:
    if field in TIMES:
        return lambda cell: time_cell(cell, clock, read)
    if kind == "flag":
        return lambda cell: flag_cell(cell, mapping.flags)
    if field in MONEY and mapping.minor_units:
        unit = 10**mapping.minor_units
        return lambda cell: _divided(cell, form, unit)
    if kind == "integer":
        return lambda cell: integer_cell(cell, form)
    if kind == "decimal":
        return lambda cell: _whole_if_so(number_cell(cell, form))
    if kind == "number":
        return lambda cell: number_cell(cell, form)
    if field in DATES:
        return lambda cell: date_text(cell, read)
    plain: Convert = text_cell if mapping.trim else _untrimmed
    if field == "eventType" and mapping.types:
        types = {normalize("NFC", name): ours for name, ours in mapping.types.items()}
        return lambda cell: _our_type(plain(cell), types)
    return plain


def _whole_if_so(number: Any) -> Any:
    return whole(number) if type(number) is float else number


def _divided(cell: Any, form: NumberForm, unit: int) -> Any:
    """Return an amount of smallest units; one with decimals is none, and stays as it is written."""
    number = number_cell(cell, form)
    if type(number) is not float:
        return number
    return number / unit if number.is_integer() else str(cell)


def _untrimmed(cell: Any) -> Any:
    return _writable(cell) if type(cell) is str else text_cell(cell)


def _our_type(text: Any, types: Mapping[str, str]) -> Any:
    if not isinstance(text, str | bool):
        return text
    return types.get(normalize("NFC", str(text).strip().upper()), text)


def date_text(cell: Any, read: Callable[[str], Moment | None] | None = None) -> Any:
    """Return a date as ``YYYY-MM-DD``; the time of a date and time is left out.

    Examples
    --------
    >>> date_text("2026-02-01 00:00:00"), date_text(20260201), date_text("01.02.2026")
    ('2026-02-01', '2026-02-01', '01.02.2026')
    """
    if isinstance(cell, date):
        return (cell.date() if isinstance(cell, datetime) else cell).isoformat()
    text = text_cell(cell)
    if type(cell).__name__ in ("datetime64", "Period"):
        return str(cell)[:10]
    if not isinstance(text, str):
        return text
    moment = (read(text) if read is not None else None) or iso_moment(DAY_IN_ZONE.sub(r"\1", text))
    return moment.date().isoformat() if isinstance(moment, datetime) else text


class Memo(dict[Any, Any]):
    """Remembers the conversion of texts, which repeat themselves in a table.

    Examples
    --------
    >>> memo = Memo(len)
    >>> [memo[text] for text in ("a", "bc", "a")], len(memo)
    ([1, 2, 1], 2)
    """

    _MOST: Final = 200_000

    def __init__(self, convert: Convert) -> None:
        super().__init__()
        self.convert = convert

    def __missing__(self, text: str) -> Any:
        if len(self) >= self._MOST:
            self.clear()
        value = self[text] = self.convert(text)
        return value
