"""Whole columns of plain cells as values of a field: what needs no second look takes few calls a column."""

from collections.abc import Collection, Sequence
from math import isnan
from typing import Any, Final

from retail_anomaly.core.quantities import whole
from retail_anomaly.sources.cells import text_cell
from retail_anomaly.sources.columns import Kind

_TEXTS: Final = ({str}, {str, type(None)})
_NUMBERS: Final = {int, float, bool, type(None)}
_MOST_WHOLE: Final = 2**53  # a decimal of more is the nearest float


def bulk_values(
    cells: Sequence[Any], kind: Kind, *, nulls: Collection[str] | None, trim: bool
) -> Sequence[Any] | None:
    """Return the cells of a column as values; None where a cell needs a conversion of its own.

    The result is that of the conversions in `retail_anomaly.sources.cells`.

    Parameters
    ----------
    cells
        The cells.
    kind
        What the field holds.
    nulls
        Words in small letters that mean nothing, for a field that a row may lack; None for any other.
    trim
        Whether blanks around a text are cut off.

    Examples
    --------
    >>> bulk_values([" a", "n/a", None], "text", nulls={"n/a"}, trim=True)
    ['a', None, None]
    >>> bulk_values([2.0, 0.5], "decimal", nulls=None, trim=True)
    [2, 0.5]
    >>> bulk_values([2.0, float("nan")], "number", nulls={"n/a"}, trim=True)
    [2.0, None]
    >>> bulk_values(["9.50"], "number", nulls=None, trim=True) is None
    True
    >>> bulk_values([2**53 + 1], "decimal", nulls=None, trim=True) is None
    True
    """
    types = set(map(type, cells))
    if kind == "text":
        return _texts(cells, nulls, trim) if types in _TEXTS else None
    if nulls is not None and types <= _NUMBERS and not types.isdisjoint({float, type(None)}):
        present = [cell for cell in cells if cell is not None and cell == cell]  # noqa: PLR0124 - not NaN
        if len(present) < len(cells):
            values = bulk_values(present, kind, nulls=nulls, trim=trim) if present else ()
            return None if values is None else _spread(cells, values)
    if types == {int}:
        if kind == "decimal" and not -_MOST_WHOLE <= min(cells) <= max(cells) <= _MOST_WHOLE:
            return None
        return list(map(float, cells)) if kind == "number" else cells if kind != "flag" else None
    if types == {float} and kind in ("number", "decimal") and not any(map(isnan, cells)):
        return cells if kind == "number" else list(map(whole, cells))
    return cells if types == {bool} and kind == "flag" else None


def _spread(cells: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    """Put the values of the cells that hold something at their places."""
    remaining = iter(values)
    return [next(remaining) if cell is not None and cell == cell else None for cell in cells]  # noqa: PLR0124


def _texts(cells: Sequence[Any], nulls: Collection[str] | None, trim: bool) -> Sequence[Any] | None:
    found = list(set(cells) - {None})  # texts repeat themselves: one of each is looked at, and kept
    if not all(map(str.isascii, found)):
        return None
    stripped = list(map(str.strip, found))
    values: list[Any] = found
    if trim:
        # Of the others, the conversion of a single cell makes something else: 7.0, ="007", 4.01E+12, #REF!.
        values = [
            text
            if text[-1:] not in '0"!?\x00' and text[:1] not in "#E'" and "E+" not in text and "e+" not in text
            else text_cell(text)
            for text in stripped
        ]
    if nulls is not None:
        words = {"", *nulls}
        if not words.isdisjoint(map(str.lower, stripped)):
            values = [
                None if text.lower() in words else value for text, value in zip(stripped, values, strict=True)
            ]
    by_cell: dict[Any, Any] = dict(zip(found, values, strict=True))
    by_cell[None] = None
    return list(map(by_cell.__getitem__, cells))
