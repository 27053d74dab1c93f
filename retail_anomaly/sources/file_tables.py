"""Parquet and Excel files as tables."""

import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import compress, islice
from typing import Any, Final

from retail_anomaly.core.extras import require
from retail_anomaly.core.quantities import plural
from retail_anomaly.sources.base import SourceError
from retail_anomaly.sources.batches import Batch, splits
from retail_anomaly.sources.foreign_table import BATCH_ROWS, NOTHING_FOUND
from retail_anomaly.sources.frame_tables import PandasBatch
from retail_anomaly.sources.header import header_at, named
from retail_anomaly.sources.sheet_formulas import formulas_without_values
from retail_anomaly.sources.shown_numbers import RoundedNumber, ShownNumber, is_rounded, shown_number
from retail_anomaly.sources.stored_file import StoredFile

_LOOKED_AT: Final = 25


class ParquetTable:
    """A Parquet file.

    Parameters
    ----------
    file
        The file.

    Raises
    ------
    SourceError
        It can't be read.
    UsageError
        PyArrow is not installed.
    """

    notes = ()
    found = NOTHING_FOUND

    def __init__(self, file: StoredFile) -> None:
        self._file = file
        self.name = file.name
        with self._open() as parquet:
            self.names = list(parquet.schema_arrow.names)
            self.rows = int(parquet.metadata.num_rows)
        self._read = 0

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the rows."""
        number = 1
        with self._open() as parquet:
            for part in parquet.iter_batches(BATCH_ROWS, columns=list(columns)):
                self._read = number - 1 + len(part)
                yield ArrowBatch(part, range(number, number + len(part)), label=f"{self.name} row ")
                number += len(part)

    def done(self) -> float | None:
        """Return how many of the rows have been read."""
        return self._read / self.rows if self.rows else None

    @contextmanager
    def _open(self) -> Iterator[Any]:
        require("pyarrow")
        from pyarrow.parquet import ParquetFile  # Here: only the extra `parquet` installs it.

        try:
            with self._file.seekable() as content:
                yield ParquetFile(content)
        except (sys.modules["pyarrow"].ArrowException, UnicodeDecodeError) as error:
            detail = " ".join(str(error).split()).rstrip(".")
            raise SourceError(f"{self.name} can't be read as Parquet ({detail}): is it complete?") from None
        except OSError as error:
            if error.errno is not None:  # not damaged, but away or not allowed
                raise
            detail = " ".join(str(error).split()).rstrip(".")
            raise SourceError(f"{self.name} can't be read as Parquet ({detail}): is it complete?") from None


class ArrowBatch(Batch):
    """Rows of Arrow; a column of texts, numbers or times becomes cells when it is asked for.

    Columns of other types, such as decimals and dates, go by way of pandas.
    """

    def __init__(
        self, part: Any, numbers: Sequence[int], *, label: str, constants: dict[str, Any] | None = None
    ) -> None:
        super().__init__({}, numbers, label=label, constants=constants)
        self._part = part

    def times(self, name: str) -> tuple[Sequence[Any], bool] | None:
        """Return a column of timestamps in milliseconds."""
        column = self._column(name)
        if column is None or not pyarrow_types().is_timestamp(column.type):
            return None
        moments = column.to_numpy(zero_copy_only=False).astype("datetime64[ms]")
        millis: list[Any] = moments.astype("int64").tolist()
        if column.null_count:
            valid = column.is_valid().to_pylist()
            millis = [time if there else None for there, time in zip(valid, millis, strict=True)]
        return millis, column.type.tz is None

    def filtered(self, mask: Sequence[bool]) -> "ArrowBatch":
        """Return the rows for which the mask is true."""
        own = ArrowBatch(self._part.filter(mask), list(compress(self.numbers, mask)), label=self.label)
        own.constants = self.constants
        return own

    def _column(self, name: str) -> Any:
        """Return a column, or the field of a struct by its path."""
        place = self._part.schema.get_field_index(name)
        if place >= 0:
            return self._part.column(place)
        for parent, child in splits(name):
            structs = self._column(parent)
            if structs is not None and pyarrow_types().is_struct(structs.type):
                import pyarrow.compute as pc

                known = structs.type.get_field_index(child)
                return pc.struct_field(structs, known) if known >= 0 else None
        return None

    def _cells(self, name: str) -> Sequence[Any] | None:
        column = self._column(name)
        if column is None:
            return None
        try:
            return self._cells_of(name, column)
        except (sys.modules["pyarrow"].ArrowException, UnicodeDecodeError) as error:
            # Of a damaged file: a text that is not one in UTF-8.
            detail = " ".join(str(error).split()).rstrip(".")
            raise SourceError(
                f"{self.label}{self.numbers[0]}: column {name} can't be read ({detail}): is it complete?"
            ) from None

    def _cells_of(self, name: str, column: Any) -> Sequence[Any] | None:
        types, kind = pyarrow_types(), column.type
        is_whole = (types.is_integer(kind) or types.is_boolean(kind)) and not column.null_count
        if is_whole or types.is_string(kind) or types.is_large_string(kind) or types.is_float64(kind):
            cells: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
            return cells
        # Not by way of floats, which hold whole numbers up to 2**53 only.
        alone = type(self._part).from_arrays([column], names=[name])
        frame = alone.to_pandas(integer_object_nulls=True, ignore_metadata=True)
        return PandasBatch(frame, self.numbers, label=self.label)._cells(name)


def pyarrow_types() -> Any:
    """Return `pyarrow.types`, which only the extra `parquet` installs."""
    from pyarrow import types

    return types


class ExcelTable:
    """The first sheet of an Excel file that is not hidden.

    Parameters
    ----------
    file
        The file.
    sheet
        The name of another sheet.
    header
        The number of the row that names the columns; None: found out.

    Attributes
    ----------
    counts_from_1904
        Whether its days are counted from 1904, as old programs of the Macintosh do.

    Raises
    ------
    SourceError
        It can't be read, or has no such sheet.
    UsageError
        openpyxl is not installed.
    """

    rows = None

    def __init__(self, file: StoredFile, sheet: str | None = None, header: int | None = None) -> None:
        self._file = file
        self._sheet = sheet
        self.name = file.name
        self.notes: list[str] = []
        self.found: dict[str, str | int] = {}
        self.counts_from_1904 = False
        self._looked_at_formulas = False
        with self._rows() as rows:
            numbered = ((number, row) for number, row in enumerate(rows, 1) if _has_cells(row))
            if header is not None:
                numbered = ((number, row) for number, row in numbered if number == header)
            first = list(islice(numbered, _LOOKED_AT))
        if not first:
            said = "the sheet is empty" if header is None else f"its row {header} names no columns"
            raise SourceError(f"{self.name} can't be read as Excel ({said})")
        place = header_at([row for _, row in first])
        self._header, cells = first[place]
        if place:
            self.found["header"] = self._header
            self.notes.append(
                f"{self.name} names its columns in row {self._header}: the rows above it are not read; "
                f"a mapping with `header: {self._header}`, or another row, says so"
            )
        self._columns = named(cells)
        self.names = [name for name in self._columns if name]

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the rows."""
        places = {name: self._columns.index(name) for name in columns}
        with self._rows() as rows:
            part: list[Sequence[Any]] = []
            numbers: list[int] = []
            for number, row in enumerate(rows, 1):
                if number <= self._header or not _has_cells(row):
                    continue
                part.append(row)
                numbers.append(number)
                if len(part) == BATCH_ROWS:
                    yield self._batch(part, numbers, places)
                    part, numbers = [], []
            if part:
                yield self._batch(part, numbers, places)

    def done(self) -> float | None:
        """Return None: how many rows there are is not known."""
        return None

    def _batch(self, rows: list[Sequence[Any]], numbers: list[int], places: dict[str, int]) -> Batch:
        cells = {
            name: [row[place] if place < len(row) else None for row in rows] for name, place in places.items()
        }
        return Batch(cells, numbers, label=f"{self.name} row ")

    def _note_sheet(self, names: Sequence[str]) -> None:
        if "sheet" not in self.found:
            self.found["sheet"] = names[0]
            self.notes.append(
                f"{self.name}: the first of {len(names)} sheets, {names[0]}, was read; a mapping with "
                f"`sheet: {names[0]}`, or another one, says so"
            )

    def _note_formulas(self, content: Any, sheet: Any) -> None:
        if self._looked_at_formulas:
            return
        self._looked_at_formulas = True
        try:
            count, first = formulas_without_values(content, sheet._worksheet_path)
        except (AttributeError, KeyError, zipfile.BadZipFile, zlib.error, EOFError):
            return  # reading the rows will tell
        if count:
            self.notes.append(
                f"{self.name} has no value for {plural(count, 'formula')} of {sheet.title}, the first in "
                f"{first}: read as empty; open the file with Excel and save it, and it has them"
            )

    @contextmanager
    def _rows(self) -> Iterator[Iterator[Sequence[Any]]]:
        require("openpyxl")
        import openpyxl  # Here: only the extra `excel` installs it.

        with self._file.seekable() as content:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of parts that are not read, such as styles
                    book = openpyxl.load_workbook(content, read_only=True, data_only=True)
            except Exception as error:  # noqa: BLE001 - a damaged file makes openpyxl raise anything
                detail = " ".join(str(error).split()).rstrip(".")
                raise SourceError(f"{self.name} can't be read as Excel ({detail}): is it complete?") from None
            try:
                names = [sheet.title for sheet in book.worksheets]  # not those of charts
                if not names:
                    raise SourceError(f"{self.name} can't be read as Excel (it has no sheet with cells)")
                self.counts_from_1904 = book.epoch.year > 1900
                if self._sheet is not None and self._sheet not in names:
                    raise SourceError(
                        f"{self.name} has no sheet {self._sheet}; its sheets are {', '.join(names)}"
                    )
                shown = [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"] or names
                sheet = book[self._sheet or shown[0]]
                if self._sheet is None and len(shown) > 1:
                    self._note_sheet(shown)
                self._note_formulas(content, sheet)
                sheet.reset_dimensions()  # a program may write a size that is too small: rows were left out
                yield self._shown_rows(sheet)
            finally:
                book.close()

    def _shown_rows(self, sheet: Any) -> Iterator[Sequence[Any]]:
        rows = iter(sheet.iter_rows())
        try:
            while (row := _next_row(rows)) is not None:
                yield [_shown(cell) for cell in row]
        except Exception as error:  # noqa: BLE001 - as above
            detail = " ".join(str(error).split()).rstrip(".")
            raise SourceError(f"{self.name} can't be read as Excel ({detail}): is it complete?") from None


def _next_row(rows: Iterator[Sequence[Any]]) -> Sequence[Any] | None:
    with warnings.catch_warnings():
        # openpyxl warns of a number that is no date though its format says so. The row is refused for it.
        warnings.simplefilter("ignore")
        return next(rows, None)


def _has_cells(row: Sequence[Any]) -> bool:
    return any(cell is not None and cell != "" for cell in row)


def _shown(cell: Any) -> Any:
    """Return a cell's value, and with it how a format of zeros and fixed signs shows a whole number."""
    value = cell.value
    if type(value) in (int, float) and value == value // 1 and value >= 0:
        if is_rounded(int(value)):
            return RoundedNumber(value)
        shown = shown_number(int(value), cell.number_format)
        if shown is not None:
            return ShownNumber(int(value), shown)
    return value
