"""The encoding, the separator and the header of a CSV file, found out from its content."""

import codecs
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import BinaryIO, Final, NamedTuple

import msgspec

from retail_anomaly.sources.base import SourceError
from retail_anomaly.sources.header import header_at, named
from retail_anomaly.sources.stored_file import StoredFile

_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Which bytes of a sign of ASCII are zero.
_WIDE: Final = (
    ("utf-32-le", 4, (1, 2, 3)),
    ("utf-32-be", 4, (0, 1, 2)),
    ("utf-16-le", 2, (1,)),
    ("utf-16-be", 2, (0,)),
)
OTHER_ENCODINGS: Final = "it is another one, such as cp1250 (Central Europe) or cp850 (DOS)"
"""The way on where cp1252 is wrong."""
_SEPARATORS: Final = (",", ";", "\t", "|")
_NAMES: Final = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar", " ": "a blank"}
_WRITTEN: Final = {"\t": "tab"}
_PART: Final = 1024 * 1024
_LOOKED_AT: Final = 50
_MOST_COLUMNS: Final = 10_000


class CsvForm(msgspec.Struct, frozen=True):
    """How a CSV file is written.

    Parameters
    ----------
    encoding, separator
        As Python's `codecs` and `csv` name them.
    header
        The names of the columns, without blanks around them.
    header_lines
        How many lines the header takes, with those in front of it.
    notes
        What was found out and is not the rule, for a person.
    found
        The same as keys of a mapping.
    """

    encoding: str
    separator: str
    header: tuple[str, ...]
    header_lines: int
    notes: tuple[str, ...] = ()
    found: Mapping[str, str | int] = {}


def csv_form(
    file: StoredFile, encoding: str | None, separator: str | None, header: int | None = None
) -> CsvForm:
    """Find out how a CSV file is written.

    Parameters
    ----------
    file
        The file.
    encoding, separator
        As a mapping gives them; None: find out.
    header
        The number of the line that names the columns, as a mapping gives it; None: find out.

    Raises
    ------
    SourceError
        It has no header, or an encoding that there isn't.
    """
    notes = []
    found: dict[str, str | int] = {}
    if encoding is None:
        encoding = _encoding(file)
        if encoding == "cp1252":
            found["encoding"] = encoding
            notes.append(
                f"{file.name} is not UTF-8 and was read as cp1252 (Western Europe): a mapping with "
                f"`encoding: cp1252` says so; if letters look wrong, {OTHER_ENCODINGS}"
            )
    try:
        with file.opened("CSV") as (content, _), text_lines(content, encoding) as lines:
            first = [line.lstrip("\ufeff") for line in islice(lines, (header or 0) + _LOOKED_AT + 10)]
    except (LookupError, UnicodeError) as error:
        raise SourceError(
            f"{file.name} can't be read as CSV ({error}): give its encoding in a mapping"
        ) from None
    skipped = next((n for n, line in enumerate(first) if line.strip("\r\n\t \x00")), len(first))
    told = first[skipped].strip().lower() if skipped < len(first) else ""
    if told.startswith("sep=") and len(told) == 5:  # Excel's own way to say it
        separator, skipped = separator or first[skipped].strip()[4], skipped + 1
    skipped = skipped if header is None else header - 1
    if skipped >= len(first):
        raise SourceError(_no_header(file, header, len(first)))
    usual = "\t" if file.form in (".tsv", ".tab") else ","
    if separator is None:
        separator = _separator(first[skipped:], usual, has_titles=header is None)
        if separator != usual:
            found["separator"] = _WRITTEN.get(separator, separator)
            written = _WRITTEN.get(separator, f'"{separator}"')
            notes.append(
                f"{file.name} has {_NAMES.get(separator, separator)} between its cells: a mapping with "
                f"`separator: {written}` says so"
            )
    rows = _rows(first[skipped:], separator)
    if not rows:
        raise SourceError(_no_header(file, header, len(first)))
    place = header_at([row.cells for row in rows]) if header is None else 0
    if place:
        line = found["header"] = skipped + rows[place].line + 1
        notes.append(
            f"{file.name} names its columns in line {line}: the lines above it are no rows; a mapping with "
            f"`header: {line}`, or another line, says so"
        )
    names = tuple(named(rows[place].cells))
    if len(names) > _MOST_COLUMNS:
        raise SourceError(
            f"{file.name} has {len(names):,} columns in its first line: do its lines have ends?"
        )
    return CsvForm(encoding, separator, names, skipped + rows[place].end, tuple(notes), found)


def _no_header(file: StoredFile, header: int | None, lines: int) -> str:
    if header is None or not lines:
        return f"{file.name} can't be read as CSV (it has no header): is it complete?"
    return (
        f"{file.name} has no line {header} that names its columns, only {lines}: mend `header` in the mapping"
    )


class text_lines:  # noqa: N801 - a context manager
    """Decode the lines of a file; a byte that has no character becomes half a character, which is refused.

    Parameters
    ----------
    content
        The bytes.
    encoding
        As Python's `codecs` name it.
    """

    def __init__(self, content: BinaryIO, encoding: str) -> None:
        self._text = io.TextIOWrapper(content, encoding, errors="surrogateescape", newline="")

    def __enter__(self) -> Iterator[str]:
        return self._text

    def __exit__(self, *error: object) -> None:
        self._text.detach()  # the file is closed by whoever opened it


def _encoding(file: StoredFile) -> str:
    """Return the encoding that a mark or the bytes of a file show."""
    with file.opened("CSV") as (content, _):
        first = content.read(_PART)
        for mark, name in _MARKS.items():
            if first.startswith(mark):
                return name
        if (wide := _wide(first[:400])) is not None:
            return wide
        if _is_utf8(chain([first], iter(lambda: content.read(_PART), b""))):
            return "utf-8"
    with file.opened("CSV") as (content, _):
        # One row that is damaged does not make another encoding of a file with characters of UTF-8.
        for line in content:
            if not line.isascii():
                try:
                    line.decode("utf-8")
                except UnicodeDecodeError:
                    continue
                return "utf-8"
    return "cp1252"


def _wide(first: bytes) -> str | None:
    """Return the encoding whose signs have two or four bytes, where most of them are zero."""
    for name, size, zeros in _WIDE:
        columns = [first[place::size] for place in zeros]
        if all(column.count(0) > len(column) * 0.8 > 0 for column in columns):
            return name
    return None


def _is_utf8(parts: Iterator[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for part in parts:
            decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


class _Row(NamedTuple):
    """A row among the first lines of a file.

    Parameters
    ----------
    cells
        Its cells.
    line, end
        The places of its first line and of the line after its last one.
    """

    cells: list[str]
    line: int
    end: int


def _rows(lines: Sequence[str], separator: str) -> list[_Row]:
    """Return the rows that some lines make, as far as they are CSV."""
    rows: list[_Row] = []
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=separator != " ")
    try:
        for cells in reader:
            rows.append(_Row(cells, rows[-1].end if rows else 0, reader.line_num))
    except csv.Error:  # a cell without an end: the rows before it tell enough
        pass
    return rows


def _separator(lines: list[str], usual: str, *, has_titles: bool) -> str:
    """Return the separator that divides most lines like the header."""
    best, most = usual, (0.0, 0)
    for separator in sorted(_SEPARATORS, key=lambda sign: sign != usual):
        rows = _rows(lines, separator)
        header = rows[header_at([row.cells for row in rows]) if has_titles else 0] if rows else None
        if header is None or len(header.cells) < 2:
            continue
        width = len(header.cells)
        widths = [_width(line, separator) for line in lines[header.end :][:_LOOKED_AT] if line.strip()]
        # The header is like itself: a file may have nothing else.
        alike = (1 + widths.count(width)) / (1 + len(widths))
        if (alike >= 0.5, width) > most:
            best, most = separator, (alike >= 0.5, width)
    return best


def _width(line: str, separator: str) -> int:
    try:
        return max(
            (len(row) for row in csv.reader([line], delimiter=separator, skipinitialspace=separator != " ")),
            default=0,
        )
    except csv.Error:
        return 0
