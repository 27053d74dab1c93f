"""The line of a mapping that would mend a value that could not be read."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.sources.columns import TIMES
from retail_anomaly.sources.mapping import MONEY
from retail_anomaly.sources.number_forms import NumberForm

_DATE: Final = re.compile(
    r"(?P<a>\d{1,4})(?P<sep>[./-])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{2,4})"
    r"(?P<gap>T| +|,? )?(?P<time>\d{1,2}:\d{2}(?P<seconds>:\d{2})?(?P<half> ?[AaPp][Mm])?)?"
)
_MOST_DIGITS: Final = 30
_SECONDS: Final = range(946_684_800, 4_102_444_800)


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
    >>> error = InvalidEvent("amount", "amount: expected `float` >= 0.0")
    >>> advised(error, {"amount": -9.5}).reason
    'amount: expected `float` >= 0.0; a mapping with `negative: refund` reads it as a refund'
    """
    if error.field is None or ";" in error.reason:
        return error
    value = row.get(error.field)
    if value is None or isinstance(value, bool):
        return error
    mend = _mend(error.field, value)
    return InvalidEvent(error.field, f"{error.reason}; {mend}", error.kind) if mend else error


def _mend(field: str, value: Any) -> str | None:
    if field in TIMES:
        forms = date_forms_of(value)
        if not forms:
            return None
        lines = " or ".join(f"`dates: [{form}]`" for form in forms)
        return f"a mapping with {lines} reads it"
    if field in MONEY or field == "quantity":
        if isinstance(value, int | float) and value < 0:
            return "a mapping with `negative: refund` reads it as a refund"
        if isinstance(value, str):
            return _mend_number(value)
    return None


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
    >>> date_forms_of(1_760_000_000), date_forms_of("soon")
    (['epoch_s'], [])
    """
    digits = value.strip() if isinstance(value, str) else ""
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return _number_forms(int(value))
    if digits.isascii() and digits.isdecimal() and len(digits) < _MOST_DIGITS:
        return _number_forms(int(digits))
    found = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return []
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
    return [f"{date}{_time_form(found)}" for date in dates]


def _time_form(found: re.Match[str]) -> str:
    if not found["time"]:
        return ""
    seconds = ":ss" if found["seconds"] else ""
    clock = (
        f"hh:mm{seconds}{' ' if ' ' in (found['half'] or '') else ''}A"
        if found["half"]
        else f"HH:mm{seconds}"
    )
    return f"{found['gap'] or ''}{clock}"


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
