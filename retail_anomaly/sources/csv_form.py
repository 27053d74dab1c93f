"""The encoding, the separator and the header of a CSV file, found out from its content."""

import codecs
import csv
import io
from collections.abc import Iterator
from itertools import chain, islice
from typing import BinaryIO, Final

import msgspec

from retail_anomaly.sources.base import SourceError
from retail_anomaly.sources.stored_file import StoredFile

_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SEPARATORS: Final = (",", ";", "\t", "|")
_NAMES: Final = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar", " ": "a blank"}
_PART: Final = 1024 * 1024
_LOOKED_AT: Final = 50


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
    """

    encoding: str
    separator: str
    header: tuple[str, ...]
    header_lines: int
    notes: tuple[str, ...] = ()


def csv_form(file: StoredFile, encoding: str | None, separator: str | None) -> CsvForm:
    """Find out how a CSV file is written.

    Parameters
    ----------
    file
        The file.
    encoding, separator
        As a mapping gives them; None: find out.

    Raises
    ------
    SourceError
        It has no header, or an encoding that there isn't.
    """
    notes = []
    if encoding is None:
        encoding = _encoding(file)
        if encoding == "cp1252":
            notes.append(
                f"{file.name} is not UTF-8 and was read as cp1252 (Western Europe); another encoding goes "
                "into a mapping: `encoding: cp1250`"
            )
    try:
        with file.opened("CSV") as (content, _), text_lines(content, encoding) as lines:
            first = list(islice(lines, _LOOKED_AT + 10))
    except (LookupError, UnicodeError) as error:
        raise SourceError(
            f"{file.name} can't be read as CSV ({error}): give its encoding in a mapping"
        ) from None
    skipped = next((n for n, line in enumerate(first) if line.strip("\r\n\t \x00\ufeff")), len(first))
    told = first[skipped].strip().lower() if skipped < len(first) else ""
    if told.startswith("sep=") and len(told) == 5:  # Excel's own way to say it
        separator, skipped = separator or first[skipped].strip()[4], skipped + 1
    if skipped >= len(first):
        raise SourceError(f"{file.name} can't be read as CSV (it has no header): is it complete?")
    if separator is None:
        separator = _separator(first[skipped:], "\t" if file.form in (".tsv", ".tab") else ",")
        if separator != ("\t" if file.form in (".tsv", ".tab") else ","):
            notes.append(f"{file.name} has {_NAMES.get(separator, separator)} between its cells")
    reader = csv.reader(first[skipped:], delimiter=separator)
    try:
        header = next(reader)
    except csv.Error as error:
        raise SourceError(f"{file.name} can't be read as CSV ({error}): is it complete?") from None
    names = tuple(name.strip().removeprefix("\ufeff") for name in header)
    return CsvForm(encoding, separator, names, skipped + reader.line_num, tuple(notes))


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
        if first[1::2][:200].count(0) > len(first[1::2][:200]) * 0.8 > 0:
            return "utf-16-le"
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


def _is_utf8(parts: Iterator[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for part in parts:
            decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _separator(lines: list[str], usual: str) -> str:
    """Return the separator that divides most lines like the header."""
    best, most = usual, (0.0, 0)
    for separator in sorted(_SEPARATORS, key=lambda sign: sign != usual):
        widths = [_width(line, separator) for line in lines[:_LOOKED_AT] if line.strip()]
        if not widths or widths[0] < 2:
            continue
        alike = sum(width == widths[0] for width in widths) / len(widths)
        if (alike >= 0.5, widths[0]) > most:
            best, most = separator, (alike >= 0.5, widths[0])
    return best


def _width(line: str, separator: str) -> int:
    try:
        return max((len(row) for row in csv.reader([line], delimiter=separator)), default=0)
    except csv.Error:
        return 0
