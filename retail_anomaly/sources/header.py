"""The row of a table that names its columns, which titles may stand above."""

from collections.abc import Sequence
from typing import Any, Final

from retail_anomaly.sources.cells import INVISIBLE
from retail_anomaly.sources.mapping import FORMULA_ERRORS

_LOOKED_AT: Final = 20
_NO_NAMES: Final = FORMULA_ERRORS | {"#N/A"}


def header_at(rows: Sequence[Sequence[Any]]) -> int:
    """Return the place of the row that names the columns.

    Programs put titles above a table: the shop, the period, the names of groups of columns. So a later row of
    names counts if it has more of them. A row of values does not: it has a time and an amount.

    Parameters
    ----------
    rows
        The first rows, each as its cells.

    Examples
    --------
    >>> header_at([["Sales of May"], ["Shop", "Berlin"], ["Receipt", "Date", "Total"], ["t", "1.2.26", "9"]])
    2
    >>> header_at([["", "Date", "Total"], ["t", "1.2.26", "9"]])
    0
    """
    best, most = 0, _filled(rows[0]) if rows else 0
    for place, row in enumerate(rows[1:_LOOKED_AT], 1):
        filled = _filled(row)
        if filled > max(1, most) and are_names(row):
            best, most = place, filled
    return best


def are_names(row: Sequence[Any]) -> bool:
    """Tell whether each filled cell of a row is a name: more letters than digits, and no error of a formula.

    Examples
    --------
    >>> are_names(["Receipt", None, "VAT 19"]), are_names(["t-1", "2026-02-01"]), are_names(["#N/A", "#REF!"])
    (True, False, False)
    """
    return all(_is_name(cell) for cell in row if _is_filled(cell))


def named(cells: Sequence[Any]) -> list[str]:
    r"""Return the cells of a header as names, without blanks around them; several lines are one.

    Examples
    --------
    >>> named([" Receipt\nnumber", None])
    ['Receipt number', '']
    """
    texts = ["" if cell is None else str(cell).strip().strip(INVISIBLE).strip() for cell in cells]
    return [" ".join(text.split()) if "\n" in text or "\r" in text else text for text in texts]


def _is_name(cell: Any) -> bool:
    if not isinstance(cell, str) or cell.strip() in _NO_NAMES:
        return False
    return sum(map(str.isalpha, cell)) > sum(map(str.isdigit, cell))


def _is_filled(cell: Any) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip("\x00\ufeff \t\r\n")))


def _filled(row: Sequence[Any]) -> int:
    return sum(map(_is_filled, row))
