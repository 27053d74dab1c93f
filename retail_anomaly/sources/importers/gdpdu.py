"""GDPdU's `index.xml`: which tables an export has, and how each is written."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import TextIOWrapper
from itertools import chain, islice
from operator import itemgetter
from pathlib import PurePosixPath
from typing import Any, Final

import msgspec

from retail_anomaly.sources.csv_rows import CsvRows
from retail_anomaly.sources.importers.export_files import DAMAGED, ExportError, ExportFiles, leads_out
from retail_anomaly.sources.importers.numbers import plain_number
from retail_anomaly.sources.importers.report import ImportReport
from retail_anomaly.sources.importers.safe_xml import local_name, read_xml

INDEX: Final = "index.xml"
_ENCODINGS: Final = {
    "ANSI": "cp1252",
    "Macintosh": "mac_roman",
    "OEM": "cp850",
    "UTF16": "utf-16",
    "UTF7": "utf-7",
    "UTF8": "utf-8-sig",
}
_COLUMNS: Final = ("VariablePrimaryKey", "VariableColumn")
_MOST_PLACES: Final = 9
_LINE_ENDS: Final = ("\r\n", "\n", "\r", "")


class GdpduTable(msgspec.Struct, frozen=True):
    """A table that `index.xml` describes.

    Parameters
    ----------
    file, name
        Its file, as the export names it, and its own name, such as ``Bonkopf``.
    encoding
        Of the file, as Python names it.
    decimal, grouping
        The decimal symbol, and the one between groups of digits.
    separator, quote
        Between fields, and around a text; an empty quote: none.
    first
        The number of the first line that counts, from 1.
    columns
        The names in upper case, in the order of the file.
    implied
        How many of a number's last digits are behind a decimal symbol that is not written, by column.
    """

    file: str
    name: str
    encoding: str
    decimal: str
    grouping: str
    separator: str
    quote: str
    first: int
    columns: tuple[str, ...]
    implied: Mapping[str, int] = {}

    def number(self, text: str, column: str = "") -> float | None:
        """Return a number as this table writes it, or None.

        Groups of digits count only beside a decimal symbol: alone they could as well be decimals.

        Examples
        --------
        >>> table = GdpduTable("lines.csv", "Bonpos", "utf-8", ",", ".", ";", '"', 2, ())
        >>> table.number("1.234,50"), table.number("-0,42"), table.number("1.000")
        (1234.5, -0.42, None)
        """
        number = self._written(text)
        places = self.implied.get(column, 0)
        return number if number is None or not places or self.decimal in text else number / 10**places

    def _written(self, text: str) -> float | None:
        if self.grouping and self.grouping in text:
            whole, symbol, _ = text.partition(self.decimal)
            groups = whole.lstrip("+-").split(self.grouping)
            if not symbol or not 1 <= len(groups[0]) <= 3 or any(len(group) != 3 for group in groups[1:]):
                return None
            text = text.replace(self.grouping, "")
        elif self.decimal != "." and "." in text:
            return None
        return plain_number(text.replace(self.decimal, "."))


def read_index(export: ExportFiles, index: str, report: ImportReport) -> list[GdpduTable]:
    """Return the tables that an `index.xml` lists and the export holds.

    Parameters
    ----------
    export
        The export.
    index
        The name of its `index.xml`; the tables stand beside it.
    report
        Told of tables without a file.

    Raises
    ------
    ExportError
        It is no such description, or names a file outside of the export.
    """
    place = f"{export.name}: {index}"
    with export.open(index) as file:
        root = read_xml(file, place)
    folder = PurePosixPath(index).parent
    known = {name.lower(): name for name in export.names}
    tables = []
    for table in _named(root, "Table"):
        url = (_text(table, "URL") or "").strip()
        if not url or leads_out(url):
            raise ExportError(f"{place}: the URL {url!r} names no file of the export: refused")
        file_name = known.get(str(folder / url.replace("\\", "/")).lower())
        if file_name is None:
            report.skip(PurePosixPath(url).name, "listed in index.xml and not in the export")
            continue
        tables.append(_table(table, file_name, place))
    if not tables:
        raise ExportError(f"{place}: expected the description of tables (DataSet/Media/Table), found none")
    return tables


def rows(
    export: ExportFiles, table: GdpduTable, names: Sequence[str], report: ImportReport
) -> Iterator[list[str]]:
    """Yield the rows of a table that are whole: its named columns, in this order.

    Parameters
    ----------
    export, table
        The export, and its table.
    names
        The columns, two or more; one that the table lacks is empty.
    report
        Told of rows that are not whole, and of the row after which the file is damaged.
    """
    path = PurePosixPath(table.file).name
    with export.open(table.file) as raw:
        lines = _Undamaged(TextIOWrapper(raw, table.encoding, errors="replace", newline=""))
        columns, first_line, is_header = _beginning(lines, table)
        if not first_line and not is_header:
            report.skip(path, "a line before the first that index.xml names, which is no header")
        place = {column: index for index, column in enumerate(columns)}
        pick = itemgetter(*(place.get(name, -1) for name in names))
        parts = CsvRows(
            chain(first_line, lines),
            table.separator,
            len(columns),
            first_line=lines.read + 1 - len(first_line),
            quote=table.quote,
        )
        for part in parts:
            for broken in part.broken:
                report.skip(path, broken.reason)
            for row in part.rows:
                row.append("")  # index -1: the cell of a column that this table lacks
                yield list(map(str.strip, pick(row)))
    if lines.spoilt:
        report.note(
            f"{path}: lines with bytes that are no {table.encoding.removesuffix('-sig')}, read as \ufffd",
            lines.spoilt,
        )
    if lines.in_utf8 and table.encoding == "cp1252":
        report.note(f"{path}: lines in UTF-8, read as the ANSI that index.xml names", lines.in_utf8)
    if lines.damaged:
        report.skip(path, f"damaged after line {lines.read:,}; the rows before it were read")


class _Undamaged:
    """Lines of a file, up to the place where it is damaged."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.read = 0
        self.spoilt = 0
        self.in_utf8 = 0
        self.damaged = False

    def __iter__(self) -> Iterator[str]:
        try:
            for line in self._lines:
                self.read += 1
                if not line.isascii():
                    self.spoilt += "\ufffd" in line
                    self.in_utf8 += _was_utf8(line)
                yield line
        except DAMAGED:
            self.damaged = True


def _was_utf8(line: str) -> bool:
    """Tell whether a line that was read as ANSI holds letters in UTF-8, which no text in ANSI looks like."""
    try:
        line.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return False
    return True


def _beginning(lines: Iterable[str], table: GdpduTable) -> tuple[Sequence[str], list[str], bool]:
    """Return the columns in the order of the file, the first line if it is a row, and if it names them."""
    *_, line = ["", *islice(lines, max(1, table.first - 1))]
    row = next(csv.reader([line], delimiter=table.separator, quotechar=table.quote or None), [])
    named = [cell.strip().lstrip("\ufeff").upper() for cell in row]
    if 2 * len(set(named) & set(table.columns)) >= len(table.columns):
        return named, [], True
    return table.columns, [] if table.first > 1 else [line], not line.strip()


def _table(table: Any, file_name: str, place: str) -> GdpduTable:
    layout = next(_named(table, "VariableLength"), None)
    where = f"{place}: {PurePosixPath(file_name).name}"
    if layout is None:
        raise ExportError(f"{where}: expected VariableLength, a table with separators")
    names = (_text(column, "Name") for column in layout if local_name(column) in _COLUMNS)
    separator = _symbol(layout, "ColumnDelimiter", ";")
    quote = _symbol(layout, "TextEncapsulator", '"')
    if len(separator) != 1 or len(quote) > 1 or _symbol(layout, "RecordDelimiter", "") not in _LINE_ENDS:
        raise ExportError(f"{where}: expected separators of one character and rows that end in a line break")
    first = _text(next(_named(table, "Range"), table), "From") or "1"
    decimal = _symbol(table, "DecimalSymbol", ",")
    grouping = _symbol(table, "DigitGroupingSymbol", "," if decimal == "." else ".")
    return GdpduTable(
        file=file_name,
        name=_text(table, "Name") or "",
        encoding=next((_ENCODINGS[tag] for tag in map(local_name, table) if tag in _ENCODINGS), "cp1252"),
        decimal=decimal,
        grouping="" if grouping == decimal else grouping,
        separator=separator,
        quote=quote,
        first=int(first) if first.isdecimal() else 1,
        columns=tuple((name or "").strip().upper() for name in names),
        implied=dict(_implied(layout)),
    )


def _implied(layout: Any) -> Iterator[tuple[str, int]]:
    for column in layout:
        for numeric in _named(column, "Numeric"):
            places = _text(numeric, "ImpliedAccuracy") or ""
            if places.isdecimal() and int(places) <= _MOST_PLACES:
                yield (_text(column, "Name") or "").upper(), int(places)


def _named(parent: Any, name: str) -> Iterator[Any]:
    return (element for element in parent.iter() if local_name(element) == name)


def _text(parent: Any, name: str) -> str | None:
    """Return the text of a child, stripped; None if there is no such child."""
    child = next((each for each in parent if local_name(each) == name), None)
    return None if child is None else (child.text or "").strip()


def _symbol(parent: Any, name: str, default: str) -> str:
    """Return a symbol as it stands, since it may be a blank or a tab; `default` if it is not given."""
    child = next((each for each in parent if local_name(each) == name), None)
    return default if child is None else (child.text or "")
