"""Cells of a table as values of an event's fields.

A conversion returns the value if the cell clearly is one, and otherwise the cell as it is: the check of the
event then refuses it. A bool is a number to Python, but not to a till.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from numbers import Integral, Real
from typing import Any, Final, TypeAlias
from uuid import UUID

from retail_anomaly.core.local_time import WallClock
from retail_anomaly.core.quantities import whole
from retail_anomaly.sources.columns import TIMES, Kind
from retail_anomaly.sources.date_forms import Moment, iso_moment, reader_of
from retail_anomaly.sources.mapping import MONEY, NULL_WORDS, TopicMapping
from retail_anomaly.sources.number_forms import NumberForm

Convert: TypeAlias = Callable[[Any], Any]

DATES: Final = frozenset({"businessDate", "originalBusinessDate"})
"""The fields that hold a day."""

_MOST_DIGITS: Final = 40
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

    Examples
    --------
    >>> text_cell(" s-1 "), text_cell(7), text_cell(7.0), text_cell(7.5), text_cell(True)
    ('s-1', '7', '7', 7.5, True)
    """
    if type(cell) is str:
        return _writable(cell.strip())
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, Integral):
        return str(int(cell))
    # Warehouses keep numbers as decimals; without the limit 1E+999999 would become a million digits.
    if isinstance(cell, Decimal):
        is_short = cell.is_finite() and cell.adjusted() < _MOST_DIGITS
        return str(int(cell)) if is_short and cell == int(cell) else cell
    if isinstance(cell, Real):  # NumPy's among them
        return str(int(float(cell))) if float(cell).is_integer() else cell
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, UUID):
        return str(cell)
    return str(cell).strip() if isinstance(cell, str) else cell


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
            return int(cell)
        except ValueError:
            pass
    elif isinstance(cell, Integral):
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
    if isinstance(cell, str):
        return words.get(cell.strip().lower(), cell)
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
    if read is not None and isinstance(cell, str | int | float | Decimal) and not isinstance(cell, bool):
        moment = read(str(text_cell(cell)))
    if moment is None:
        moment = integer_cell(cell)
        if isinstance(moment, str):
            moment = iso_moment(moment.strip()) or cell
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
    convert = _converter(field, kind, mapping, form, clock, read)
    if not is_optional:
        return lambda cell: None if is_absent(cell) else convert(cell)

    nulls = nulls_of(kind, mapping)

    def optional(cell: Any) -> Any:
        if is_absent(cell):
            return None
        if isinstance(cell, str):
            word = cell.strip().lower()
            if not word or word in nulls:
                return None
        return convert(cell)

    return optional


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
        return lambda cell: _divided(number_cell(cell, form), unit)
    if kind == "integer":
        return lambda cell: integer_cell(cell, form)
    if kind == "decimal":
        return lambda cell: _whole_if_so(number_cell(cell, form))
    if kind == "number":
        return lambda cell: number_cell(cell, form)
    if field in DATES:
        return lambda cell: _date_text(cell, read)
    plain: Convert = text_cell if mapping.trim else _untrimmed
    if field == "eventType" and mapping.types:
        return lambda cell: _our_type(plain(cell), mapping.types)
    return plain


def _whole_if_so(number: Any) -> Any:
    return whole(number) if type(number) is float else number


def _divided(number: Any, unit: int) -> Any:
    return number / unit if type(number) is float else number


def _untrimmed(cell: Any) -> Any:
    return _writable(cell) if type(cell) is str else text_cell(cell)


def _our_type(text: Any, types: Mapping[str, str]) -> Any:
    return types.get(text.strip().upper(), text) if isinstance(text, str) else text


def _date_text(cell: Any, read: Callable[[str], Moment | None] | None) -> Any:
    """Return a date as ``YYYY-MM-DD``."""
    moment = read(cell.strip()) if read is not None and isinstance(cell, str) else cell
    if isinstance(moment, datetime):
        return moment.date().isoformat()
    if type(moment).__name__ in ("datetime64", "Period"):
        return str(moment)[:10]
    return text_cell(cell)


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
