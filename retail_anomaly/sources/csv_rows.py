"""Rows of a CSV file: a broken row costs itself and no other.

A quote may open a cell that goes on in the next lines. It may also be a slip of a till, and then everything
up to the next quote would be one cell. So lines are joined only if they make one whole row, and none of them
is a whole row by itself.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

_BLOCK: Final = 4_096
_MARK: Final = "\ufeff"
# A cell that goes on for longer is a slip.
_MOST_LINES: Final = 200
_LONGEST_CELL: Final = 10_000_000


class BrokenRow(msgspec.Struct, frozen=True):
    """A row that can't be divided into cells.

    Parameters
    ----------
    line
        The number of its line.
    reason, raw
        Why it is broken, and the line as it stands.
    """

    line: int
    reason: str
    raw: str


class CsvBlock(msgspec.Struct, frozen=True):
    """Some rows of a CSV file.

    Parameters
    ----------
    rows
        The cells of each row.
    lines
        The number of the first line of each row.
    broken
        The rows among them that are broken.
    """

    rows: list[list[str]]
    lines: Sequence[int]
    broken: list[BrokenRow]


class CsvRows:
    r"""The rows of a CSV file after its header.

    Parameters
    ----------
    lines
        The lines after the header, each with its end.
    separator
        The sign between two cells.
    width
        How many cells a row has.
    first_line
        The number of the first of the lines.
    least
        How many cells a row has at least, where the header ends with empty names; None: `width`.
    quote
        The sign around a text; empty: none.

    Examples
    --------
    >>> lines = ['1,"5 inch,9.5\n', '2,k,1\n', '3,"two\n', 'lines",2\n', '4,k\n']
    >>> (block,) = CsvRows(lines, ",", 3, first_line=2)
    >>> block.rows, block.lines
    ([['2', 'k', '1'], ['3', 'two\nlines', '2']], [3, 4])
    >>> for row in block.broken:
    ...     print(row.line, row.reason)
    2 a quote opens a cell that no quote ends
    6 expected 3 cells, got 2
    """

    def __init__(
        self,
        lines: Iterable[str],
        separator: str,
        width: int,
        *,
        first_line: int,
        least: int | None = None,
        quote: str = '"',
    ) -> None:
        self._lines = iter(lines)
        self._separator = separator
        self._quote = quote
        self._form: dict[str, Any] = {"delimiter": separator, "strict": True}
        self._form |= {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
        self._padded = re.compile(rf"(?:^|{re.escape(separator)}) +{re.escape(quote)}", re.MULTILINE)
        self._width = width
        self._least = width if least is None else least
        self._line = first_line
        self._ahead: list[str] = []

    def __iter__(self) -> Iterator[CsvBlock]:
        """Yield the rows in blocks."""
        csv.field_size_limit(_LONGEST_CELL)
        while block := self._block():
            rows = self._plain(block)
            if rows is None:
                yield self._careful(block)
            else:
                yield CsvBlock(rows, range(self._line, self._line + len(rows)), [])
                self._line += len(rows)

    def _block(self) -> list[str]:
        block, self._ahead = self._ahead, []
        block += islice(self._lines, max(0, _BLOCK - len(block)))
        # Of files that were joined: in front of a quote it would make the quote a part of the cell.
        if _MARK in "".join(block):
            block = [line.lstrip(_MARK) for line in block]
        return block

    def _plain(self, block: list[str]) -> list[list[str]] | None:
        """Return the rows of lines that are one whole row each, or None if one of them is not."""
        text = "".join(block)
        if not self._quote or self._quote not in text:  # then a third of the time will do
            rows = [line.split(self._separator) for line in text.splitlines()]
            return rows if self._are_whole(rows, block) else None
        if f" {self._quote}" in text and self._separator != " " and self._padded.search(text):
            self._form["skipinitialspace"] = True  # a quote after a blank is one too
        try:
            rows = list(csv.reader(block, **self._form))
        except csv.Error:
            return None
        return rows if self._are_whole(rows, block) else None

    def _are_whole(self, rows: list[list[str]], block: list[str]) -> bool:
        return len(rows) == len(block) and set(map(len, rows)) == {self._width}

    def _careful(self, block: list[str]) -> CsvBlock:
        """Take the rows one at a time; one that goes on after the block is read to its end."""
        found = CsvBlock([], [], [])
        lines: list[int] = []
        place, end = 0, len(block)
        while place < end:
            text, line, taken = block[place], self._line + place, 1
            if text.strip(_NOTHING):
                cells, reason = self._cells(text)
                if reason == _OPEN:
                    if len(block) - place < _MOST_LINES:
                        block += islice(self._lines, _MOST_LINES)
                    cells, taken = self._joined(block, place)
                if cells is None:
                    found.broken.append(BrokenRow(line, reason, text.rstrip(_ENDS)))
                else:
                    found.rows.append(cells)
                    lines.append(line)
            place += taken
        self._line += place
        self._ahead = block[place:]
        return CsvBlock(found.rows, lines, found.broken)

    def _cells(self, text: str) -> tuple[list[str] | None, str]:
        """Return the cells of a row, or None and the reason why it is none."""
        try:
            rows = list(csv.reader([text], **self._form))
        except csv.Error as error:
            said = str(error)
            if "unexpected end of data" in said:
                return None, _OPEN
            if "expected after" in said:
                return None, "a quote ends in the middle of a cell"
            return None, f"not CSV ({said})"
        cells = rows[0] if rows else []
        if self._least <= len(cells) < self._width:
            cells += [""] * (self._width - len(cells))
        if len(cells) > self._width and not any(cell.strip() for cell in cells[self._width :]):
            cells = cells[: self._width]
        if len(cells) != self._width:
            return None, f"expected {self._width} cells, got {len(cells)}"
        return cells, ""

    def _joined(self, block: list[str], place: int) -> tuple[list[str] | None, int]:
        """Return the cells of a row that goes on in the next lines, and how many lines it takes."""
        text = block[place]
        for count, line in enumerate(block[place + 1 : place + _MOST_LINES], 2):
            if self._width > 1 and self._quote not in line and self._cells(line)[0] is not None:
                break  # a row of its own, which the quote would swallow
            text += line
            if self._quote in line:
                cells, reason = self._cells(text)
                if cells is not None:
                    return (None, 1) if self._swallows(cells) else (cells, count)
                if reason != _OPEN:
                    break
        return None, 1

    def _swallows(self, cells: list[str]) -> bool:
        """Tell whether a cell of several lines holds a line with as many separators as a row has."""
        if self._width == 1:
            return False
        later = (line for cell in cells if "\n" in cell for line in cell.split("\n")[1:])
        return any(line.count(self._separator) >= self._width - 1 for line in later)


_OPEN: Final = "a quote opens a cell that no quote ends"
_ENDS: Final = "\r\n"
_NOTHING: Final = "\r\n\t \x00\x1a"
