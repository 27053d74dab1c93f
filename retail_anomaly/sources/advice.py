"""The line of a mapping that would mend a value that could not be read."""

import math
import re
from calendar import month_abbr, month_name
from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Any, Final

from retail_anomaly.core.events import REFUND, SALE
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.sources.cells import DATES, ROUNDED, is_too_wide
from retail_anomaly.sources.columns import TIMES, kind_of_field
from retail_anomaly.sources.date_forms import NO_CLOCK, reader_of
from retail_anomaly.sources.mapping import FORMULA_ERRORS, MONEY, NULL_WORDS
from retail_anomaly.sources.number_forms import NumberForm

_TIME: Final = (
    r"(?:(?P<gap>T| +|, ?)"
    r"(?P<time>\d{1,2}(?P<colon>[:.])\d{2}(?P<seconds>(?P=colon)\d{2})?(?P<part>[.,]\d{1,6})?"
    r"(?P<half> ?[AaPp][Mm])?)"
    r"(?P<zone> ?[+-]\d{2}:?\d{2})?)?"
)
_TIME_OF_DAY: Final = re.compile(r"(?:T| +|, ?)\d{1,2}[:.].*")
_DATE: Final = re.compile(
    r"(?P<a>\d{1,4})(?P<sep>[./-])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{2,4})" + _TIME  # 31.10.2025
)
_MONTH: Final = r"(?P<month>[A-Za-z]{3,9})"
_DAY_MONTH: Final = re.compile(rf"\d{{1,2}}(?P<one>[ ./-]){_MONTH}(?P<two>[ ./-]|, ?)(?P<c>\d{{2,4}}){_TIME}")
_MONTH_DAY: Final = re.compile(rf"{_MONTH}(?P<one> )\d{{1,2}}(?P<two>,? )(?P<c>\d{{2,4}}){_TIME}")
_MONTHS: Final = {name.lower() for name in month_name if name}
_SHORT_MONTHS: Final = {name.lower() for name in month_abbr if name}
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_MOST_DIGITS: Final = 30
_SECONDS: Final = range(946_684_800, 4_102_444_800)
_YEARS: Final = range(2000, 2100)
_MINUTE: Final = 60_000


def of_cell(error: InvalidEvent, row: Mapping[str, Any]) -> InvalidEvent:
    """Return an error about a cell of a table, which can be empty and may hold a time in any form.

    Examples
    --------
    >>> error = InvalidEvent("amount", "amount: expected a number, got empty text")
    >>> of_cell(error, {"amount": ""}).reason
    'amount: expected a number, the cell is empty'
    """
    field = error.field
    if field is None:
        return error
    reason = error.reason
    if field in TIMES:
        reason = reason.replace(" in epoch milliseconds", "")
    if _is_empty(field, row):
        expected = reason.partition(", got ")[0].removesuffix(", the field is missing")
        reason = f"{expected.removesuffix(' that is not empty')}, the cell is empty"
    return InvalidEvent(field, reason, error.kind)


def _is_empty(path: str, row: Mapping[str, Any]) -> bool:
    """Tell whether there is a cell for a field, with nothing in it."""
    value: Any = row
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return value is None or value == ""


def advised(error: InvalidEvent, row: Mapping[str, Any]) -> InvalidEvent:
    """Return an error whose reason also names the line of a mapping that would mend the value.

    Parameters
    ----------
    error
        The error.
    row
        The value that was refused.

    Examples
    --------
    >>> error = InvalidEvent("amount", "amount: expected a number >= 0")
    >>> advised(error, {"amount": -9.5}).reason
    'amount: expected a number >= 0; a mapping with `negative: refund` reads it as a refund'
    """
    if error.field is None or ";" in error.reason:
        return error
    value = row.get(error.field)
    if "." in error.field:
        value = _inner(row, error.field)
    if value is None or isinstance(value, bool):
        return error
    mend = _mend(error.field, value, is_line=str(row.get("eventType") or SALE).upper() in (SALE, REFUND))
    return InvalidEvent(error.field, f"{error.reason}; {mend}", error.kind) if mend else error


def _inner(row: Mapping[str, Any], path: str) -> Any:
    parent, _, child = path.partition(".")
    inner = row.get(parent)
    return inner.get(child) if isinstance(inner, Mapping) else None


def _mend(field: str, value: Any, *, is_line: bool) -> str | None:
    kind = kind_of_field(field)
    if (field in TIMES and isinstance(value, str) and ROUNDED.fullmatch(value)) or (
        kind == "text" and isinstance(value, float) and value.is_integer()
    ):
        return "its last digits are lost: export the column as text"
    if kind == "text" and isinstance(value, bytes):
        return _mend_bytes(value.decode("utf-8", "replace"))
    if kind == "text" and isinstance(value, date) and field not in DATES:
        return "a spreadsheet made a date of it: export the column as text"
    if field in TIMES and isinstance(value, time):
        return f"a mapping with `columns: {{{field}: [DATE, TIME]}}` joins a time of day with its date"
    if field in TIMES and isinstance(value, str) and value.endswith(NO_CLOCK):
        return "the cell of its time of day is empty"
    if isinstance(value, str) and value.strip().lower() in NULL_WORDS:
        return f"a mapping with `nulls: [{value.strip()}]` reads it as nothing, where a row may lack it"
    if field in DATES:
        return _mend_date(
            value, [form for form in date_forms_of(value) if not form.startswith(("epoch", "excel"))]
        )
    if kind == "flag" and isinstance(value, str) and value.strip():
        return f"a mapping with `flags: {{{value.strip()[:20]}: true}}`, or false, reads it"
    if field in TIMES:
        return _mend_date(value, date_forms_of(value))
    if field in MONEY or field == "quantity":
        if isinstance(value, int | float) and value < 0:
            way = "as a refund" if is_line and field in ("amount", "quantity") else "without its sign"
            return f"a mapping with `negative: refund` reads it {way}"
        if isinstance(value, str):
            return _mend_number(value)
    return None


def _mend_bytes(text: str) -> str:
    if text.upper() in FORMULA_ERRORS:
        return "it is an error of a spreadsheet: mend the formula"
    if is_too_wide(text):
        return "a column of a spreadsheet was too narrow to show it: widen the column and export it again"
    return "it is not UTF-8: `encoding` in a mapping names the encoding of a file"


def _mend_date(value: Any, forms: Sequence[str]) -> str | None:
    # A value may have a form and yet be no date, such as 31.02.2026: no mapping mends that.
    reading = [form for form in forms if not isinstance(value, str) or _reads(form, value)]
    if isinstance(value, str) and reading:
        in_time = [form for form in reading if _is_in_time(form, value)]
        if not in_time:
            return f"with `dates: [{reading[0]}]` it is before 2000 or after 2099"
        reading = in_time
    if reading:
        return f"a mapping with {' or '.join(f'`dates: [{form}]`' for form in reading)} reads it"
    if not forms:
        return None
    day = _TIME_OF_DAY.sub("", value)
    is_day = any(_reads(form, day) for form in date_forms_of(day))
    return f"{value.strip()[:40]} is no {'time of a day' if is_day else 'day of the calendar'}"


def _reads(form: str, text: str) -> bool:
    return reader_of([form])(text.strip()) is not None


def _is_in_time(form: str, text: str) -> bool:
    moment = reader_of([form])(text.strip())
    return not isinstance(moment, date) or moment.year in _YEARS


def _mend_number(text: str) -> str | None:
    point, comma = NumberForm(".").parsed(text), NumberForm(",").parsed(text)
    if point is not None and comma is not None and point != comma:
        return (
            f'it is {point:g} with `decimal: "."` in a mapping, and {comma:g} with `decimal: ","`: say which'
        )
    if comma is not None:
        return 'a mapping with `decimal: ","` reads it'
    return None


def date_forms_of(value: Any) -> list[str]:
    """Return the forms of dates that a value may have, for a mapping.

    Examples
    --------
    >>> date_forms_of("10/9/2025 8:50"), date_forms_of("31.10.2025")
    (['MM/DD/YYYY HH:mm', 'DD/MM/YYYY HH:mm'], ['DD.MM.YYYY'])
    >>> date_forms_of("01-Feb-2026 3:05 PM"), date_forms_of("February 1, 2026")
    (['DD-MMM-YYYY hh:mm A'], ['MMMM DD, YYYY'])
    >>> date_forms_of(1_760_000_000), date_forms_of("soon")
    (['epoch_s'], [])
    """
    digits = value.strip() if isinstance(value, str) else ""
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        # A text of 1970 has become whole minutes in milliseconds; a number of seconds hardly is that.
        return _number_forms(int(value)) if value % _MINUTE else []
    if digits.isascii() and _NUMBER.fullmatch(digits) and len(digits) < _MOST_DIGITS:
        return _number_forms(int(digits.partition(".")[0]))
    if not isinstance(value, str):
        return []
    text = value.strip()
    found = _DATE.fullmatch(text)
    if found is None:
        return _forms_with_month(text)
    a, b, c, sep = found["a"], found["b"], found["c"], found["sep"]
    if len(a) == 4:
        dates = [f"YYYY{sep}MM{sep}DD"]
    else:
        year = "YYYY" if len(c) == 4 else "YY"
        month_first = [f"MM{sep}DD{sep}{year}"] if int(a) <= 12 and int(b) <= 31 else []
        day_first = [f"DD{sep}MM{sep}{year}"] if int(b) <= 12 and int(a) <= 31 else []
        dates = month_first + day_first if sep == "/" else day_first + month_first
        if sep == ".":
            dates = day_first or month_first
        elif year == "YY" and int(a) > 12 and int(b) <= 12:
            dates += [f"YY{sep}MM{sep}DD"]
    return [f"{date}{_time_form(found)}" for date in dates]


def date_ways_of(texts: Sequence[str]) -> tuple[list[list[str]], list[str]]:
    """Return the lists of forms that read the most of some texts, the likeliest first, and the other texts.

    A column may hold several forms, such as times with and without seconds; day and month stand in one order.

    Examples
    --------
    >>> date_ways_of(["31.10.2025 8:50", "1.11.2025 08:50:12"])
    ([['DD.MM.YYYY HH:mm', 'DD.MM.YYYY HH:mm:ss']], [])
    >>> date_ways_of(["1/2/26", "2/2/26", "soon"]), date_ways_of(["soon"])
    (([['MM/DD/YY'], ['DD/MM/YY']], ['soon']), ([], ['soon']))
    """
    forms = list(dict.fromkeys(form for text in dict.fromkeys(texts) for form in date_forms_of(text)))
    orders = dict.fromkeys(form[0] for form in forms)
    unread = []
    for order in orders:
        way = [form for form in forms if form[0] == order]
        read = reader_of(way)
        unread.append((way, [text for text in texts if read(text.strip()) is None]))
    if not unread:
        return [], list(texts)
    fewest = min((left for _, left in unread), key=len)
    return [way for way, left in unread if len(left) == len(fewest)], fewest


def _forms_with_month(text: str) -> list[str]:
    """Return the form of a date whose month is a word in English."""
    day_first = _DAY_MONTH.fullmatch(text)
    found = day_first or _MONTH_DAY.fullmatch(text)
    month = found["month"].lower() if found else ""
    letters = "MMM" if month in _SHORT_MONTHS else "MMMM" if month in _MONTHS else None
    if found is None or letters is None:
        return []
    one, two = ("DD", letters) if day_first else (letters, "DD")
    year = "YYYY" if len(found["c"]) == 4 else "YY"
    return [f"{one}{found['one']}{two}{found['two']}{year}{_time_form(found)}"]


def _time_form(found: re.Match[str]) -> str:
    if not found["time"]:
        return ""
    colon = found["colon"]
    seconds = f"{colon}ss" if found["seconds"] else ""
    part = f"{found['part'][0]}SSS" if found["part"] else ""
    half = f"{' ' if ' ' in found['half'] else ''}A" if found["half"] else ""
    zone = f"{' ' if ' ' in found['zone'] else ''}Z" if found["zone"] else ""
    return f"{found['gap']}{'hh' if half else 'HH'}{colon}mm{seconds}{part}{half}{zone}"


def _number_forms(number: int) -> list[str]:
    if number in _SECONDS:
        return ["epoch_s"]
    if number // 1_000_000 in _SECONDS:
        return ["epoch_us"]
    if number // 1_000_000_000 in _SECONDS:
        return ["epoch_ns"]
    digits = str(number) if abs(number) < 10**_MOST_DIGITS else ""
    if re.fullmatch(r"20\d{2}(0[1-9]|1[0-2])[0-3]\d", digits):
        return ["YYYYMMDD"]
    if re.fullmatch(r"20\d{2}(0[1-9]|1[0-2])[0-3]\d[0-2]\d[0-5]\d[0-5]\d", digits):
        return ["YYYYMMDDHHmmss"]
    return ["excel"] if 36_526 <= number <= 73_050 else []
