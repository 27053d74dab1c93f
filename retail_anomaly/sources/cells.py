"""Cells of a table as values of an event's fields.

A conversion returns the value if the cell clearly is one, and otherwise the cell as it is: the check of the
event then refuses it. A bool is a number to Python, but not to a till.
"""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, Final

import pandas as pd

from retail_anomaly.core.quantities import whole
from retail_anomaly.sources.columns import Kind

# In lower case; NA is not among them, for it can be a store.
_NULL_WORDS: Final = frozenset({"null", "\\n", "nan", "none", "-"})
# As keys of a dictionary, 1 and 1.0 are True.
_FLAGS: Final[dict[Any, bool]] = {
    "true": True,
    "false": False,
    "1": True,
    "0": False,
    True: True,
    False: False,
}
_MOST_DIGITS: Final = 40


def converted(series: "pd.Series[Any]", convert: Callable[[Any], Any]) -> list[Any]:
    """Return the cells of a column, converted one by one; None where there is none.

    Examples
    --------
    >>> converted(pd.Series([1.0, None]), CONVERT["integer"])
    [1, None]
    """
    missing = series.isna()
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        millis = series.to_numpy(dtype="datetime64[ms]").astype("int64")
        cells: Sequence[Any] = millis.tolist()
        if convert is not time_cell:
            cells = [pd.Timestamp(cell, unit="ms").isoformat() for cell in cells]
    else:
        cells = [convert(cell) for cell in series.tolist()]
    if missing.any():
        return [None if gone else cell for gone, cell in zip(missing, cells, strict=True)]
    return list(cells)


def _text(cell: Any) -> Any:
    if type(cell) is str:
        cell = cell.strip()
        if cell.isascii():
            return cell
        try:
            cell.encode()
        except UnicodeEncodeError:  # half a character, which no JSON can hold
            return cell.encode("utf-8", "backslashreplace")
        return cell
    if isinstance(cell, bool):
        return cell
    if isinstance(cell, Integral):
        return str(int(cell))
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    # Warehouses keep numbers as decimals; without the limit 1E+999999 would become a million digits.
    if (
        isinstance(cell, Decimal)
        and cell.is_finite()
        and cell.adjusted() < _MOST_DIGITS
        and cell == int(cell)
    ):
        return str(int(cell))
    return cell


def optional_text_cell(cell: Any) -> Any:
    """Return a text, or None for a word by which a database's export says that there is none.

    Examples
    --------
    >>> optional_text_cell(" CASH "), optional_text_cell("NULL"), optional_text_cell("NA")
    ('CASH', None, 'NA')
    """
    text = _text(cell)
    return None if isinstance(text, str) and text.lower() in _NULL_WORDS else text


def _integer(cell: Any) -> Any:
    if type(cell) is int or isinstance(cell, bool):
        return cell
    if isinstance(cell, Integral):
        return int(cell)
    if isinstance(cell, float | Decimal):
        return int(cell) if math.isfinite(cell) and cell == int(cell) else cell
    if isinstance(cell, Real):  # such as NumPy's float32
        return int(float(cell)) if float(cell).is_integer() else cell
    return _parsed(_whole, cell) if isinstance(cell, str) else cell


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if not number.is_integer():
            raise
        return int(number)


def _number(cell: Any) -> Any:
    if type(cell) is float or isinstance(cell, bool):
        return cell
    return _parsed(float, cell) if isinstance(cell, Real | Decimal | str) else cell


def _decimal(cell: Any) -> Any:
    number = _number(cell)
    return whole(number) if isinstance(number, float) else number


def _parsed(kind: Callable[[Any], Any], cell: Any) -> Any:
    try:
        return kind(cell)
    except (ValueError, OverflowError):
        return cell


def _flag(cell: Any) -> Any:
    word = cell.strip().lower() if isinstance(cell, str) else cell
    try:
        return _FLAGS.get(word, cell)
    except TypeError:  # a list or the like
        return cell


def time_cell(cell: Any) -> Any:
    """Return a time in epoch milliseconds; a naive one is in UTC.

    Examples
    --------
    >>> time_cell("2025-10-09T00:00:00Z"), time_cell(1_759_968_000_000.0), time_cell("soon")
    (1759968000000, 1759968000000, 'soon')
    """
    moment = _integer(cell)
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment.strip())
        except ValueError:
            return cell
    if isinstance(moment, datetime) and not pd.isna(moment):
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1000)
    return moment


CONVERT: Final[dict[Kind, Callable[[Any], Any]]] = {
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "number": _number,
    "flag": _flag,
}
