"""Whether a column numbers the lines of receipts, told from its values."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from retail_anomaly.sources.cells import integer_cell, is_absent

_LAST_LINE: Final = 9_999


def looks_like_lines(cells: Sequence[Any], receipt: Sequence[Sequence[Any]]) -> bool:
    """Tell whether a column may number the lines of receipts.

    Its values are small whole numbers that differ within a receipt. Where no receipt has several rows, each
    is the first and only line: all have the same number, 0 or 1.

    Parameters
    ----------
    cells
        The column.
    receipt
        The columns that together tell receipts apart; none: not known.

    Examples
    --------
    >>> looks_like_lines(["1", "2", "1"], [["t-1", "t-1", "t-2"]])
    True
    >>> looks_like_lines(["1", "1", "2"], [["t-1", "t-1", "t-2"]])
    False
    """
    values = [integer_cell(cell) for cell in cells if not is_absent(cell) and cell != ""]
    if not values or not all(type(value) is int and 0 <= value <= _LAST_LINE for value in values):
        return False
    if any(len(own) > 1 for own in _by_receipt(cells, receipt)):
        return varies_within(cells, receipt)
    return set(values) in ({0}, {1})


def varies_within(cells: Sequence[Any], receipt: Sequence[Sequence[Any]]) -> bool:
    """Tell whether a column's values differ within most receipts of several rows, as a till's name does not.

    Examples
    --------
    >>> varies_within(["A", "B", "A"], [["t-1", "t-1", "t-2"]]), varies_within(["A", "B"], [["t-1", "t-2"]])
    (True, False)
    """
    several = [len(set(own)) > 1 for own in _by_receipt(cells, receipt) if len(own) > 1]
    return sum(several) * 2 > len(several)


def _by_receipt(cells: Sequence[Any], receipt: Sequence[Sequence[Any]]) -> list[list[str]]:
    found: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    if receipt:
        for cell, *parts in zip(cells, *receipt, strict=False):
            found[tuple(map(str, parts))].append(str(cell))
    return list(found.values())
