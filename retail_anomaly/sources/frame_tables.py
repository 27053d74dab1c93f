"""Frames in memory as tables: pandas, and others by way of narwhals or of their rows."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, islice
from typing import Any, Final

from retail_anomaly.core.extras import require
from retail_anomaly.sources.base import SourceError
from retail_anomaly.sources.batches import Batch
from retail_anomaly.sources.cells import BEYOND, beyond
from retail_anomaly.sources.foreign_table import BATCH_ROWS, NOTHING_FOUND, ForeignTable
from retail_anomaly.sources.lacking_columns import LackingColumns
from retail_anomaly.sources.narrow_numbers import (
    narrow_cells,
    narrow_in_arrow,
    narrow_in_duckdb,
    narrow_in_narwhals,
)


def is_pandas(value: object) -> bool:
    """Tell whether a value is a DataFrame of pandas.

    Examples
    --------
    >>> is_pandas([])
    False
    """
    # Whoever has a DataFrame has imported pandas; for the others it need not be.
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def is_frame(value: object) -> bool:
    """Tell whether a value is a frame: of pandas, polars, Arrow, DuckDB or another library.

    Examples
    --------
    >>> is_frame([]), is_frame("sales.csv")
    (False, False)
    """
    if is_pandas(value) or hasattr(value, "__arrow_c_stream__") or _is_dataset(value):
        return True
    return hasattr(value, "fetchmany") or type(value).__name__ == "LazyFrame"


def reads_once(value: object) -> bool:
    """Tell whether a value gives its rows only once, as the cursor of a database or an iterator does.

    Examples
    --------
    >>> import sqlite3
    >>> cursor = sqlite3.connect(":memory:").execute("select 1 as sku")
    >>> reads_once(cursor), reads_once([cursor]), reads_once([{"sku": "k"}])
    (True, True, False)
    """
    if isinstance(value, list | tuple):
        return any(reads_once(part) for part in value if hasattr(part, "fetchmany"))
    return isinstance(value, Iterator) or (hasattr(value, "fetchmany") and not _is_relation(value))


def _is_relation(value: Any) -> bool:
    """Tell whether a value is a relation of DuckDB, which starts again when it is filtered."""
    return hasattr(value, "execute") and hasattr(value, "filter")


def frame_table(frame: Any) -> ForeignTable:
    """Return a frame as a table.

    Raises
    ------
    SourceError
        It is of a kind that is not read.

    Examples
    --------
    >>> import pandas as pd
    >>> frame_table(pd.DataFrame({"sku": ["k"]})).names
    ['sku']
    """
    if is_pandas(frame):
        return PandasTable(frame)
    if hasattr(frame, "fetchmany"):
        return RelationTable(frame)
    import narwhals as nw

    name = f"the {type(frame).__name__} of {type(frame).__module__.partition('.')[0]}"
    if type(frame).__name__ == "Series":
        raise SourceError(f"{name} is a single column: pass the frame that it is of")
    try:
        native = nw.from_native(_as_table(frame))
        return OtherFrame(_collected(native, name) if isinstance(native, nw.LazyFrame) else native, name)
    except nw.exceptions.DuplicateError as error:
        detail = " ".join(str(error).split())
        raise SourceError(
            f"{name} has columns of one name ({detail}): rename or remove all but one"
        ) from None
    except TypeError:
        raise SourceError(f"{name} can't be read: {EXPECTED}") from None


def _collected(frame: Any, name: str) -> Any:
    try:
        return frame.collect()
    except Exception as error:  # noqa: BLE001 - the library computes what the frame asks for, such as a file
        detail = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise SourceError(f"{name} can't be computed ({detail}): mend the query") from None


def _as_table(frame: Any) -> Any:
    """Return batches of Arrow, a reader of them or a dataset as a table; other frames as they are."""
    if type(frame).__name__ not in ("RecordBatch", "RecordBatchReader") and not _is_dataset(frame):
        return frame
    require("pyarrow")
    import pyarrow as pa  # Here: only the extra `parquet` installs it.

    return frame.to_table() if _is_dataset(frame) else pa.table(frame)


def _is_dataset(value: object) -> bool:
    """Tell whether a value is a dataset of Arrow, or of a library that gives one such as Delta Lake's."""
    return hasattr(value, "to_table") and hasattr(value, "schema")


class PandasTable:
    """A DataFrame of pandas.

    Parameters
    ----------
    frame
        The frame.
    name
        Its name in messages.
    """

    notes = ()
    found = NOTHING_FOUND

    def __init__(self, frame: Any, name: str = "the DataFrame") -> None:
        # A column that was made the index, such as the time, is a column all the same.
        of_index = [level for level in frame.index.names if level is not None and level not in frame.columns]
        if of_index:
            frame = frame.reset_index(level=of_index)
        self._frame = frame
        self.name = name
        self.names = [column for column in frame.columns if isinstance(column, str)]
        self.rows = len(frame)
        self._read = 0

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the rows."""
        wanted = self._frame[list(columns)]
        for start in range(0, len(wanted), BATCH_ROWS):
            part = wanted.iloc[start : start + BATCH_ROWS]
            self._read = start + len(part)
            yield PandasBatch(part, range(start + 1, start + 1 + len(part)))

    def done(self) -> float | None:
        """Return how many of the rows have been read."""
        return self._read / self.rows if self.rows else None


class PandasBatch(Batch):
    """Rows of a DataFrame of pandas, whose columns become cells when they are asked for."""

    def __init__(
        self,
        frame: Any,
        numbers: Sequence[int],
        *,
        label: str = "row ",
        constants: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__({}, numbers, label=label, constants=constants)
        self._frame = frame

    def times(self, name: str) -> tuple[Sequence[Any], bool] | None:
        """Return a column of timestamps in milliseconds."""
        import pandas as pd

        if name not in self._frame.columns:
            return None
        series = self._frame[name]
        if not pd.api.types.is_datetime64_any_dtype(series.dtype) or "date32" in str(series.dtype):
            return None
        millis: list[Any] = series.to_numpy(dtype="datetime64[ms]").astype("int64").tolist()
        missing = series.isna()
        if missing.any():
            millis = [None if gone else time for gone, time in zip(missing, millis, strict=True)]
        return millis, series.dt.tz is None

    def filtered(self, mask: Sequence[bool]) -> "PandasBatch":
        """Return the rows for which the mask is true."""
        numbers = list(compress(self.numbers, mask))
        return PandasBatch(self._frame[mask], numbers, label=self.label, constants=self.constants)

    def _cells(self, name: str) -> Sequence[Any] | None:
        if name not in self._frame.columns:
            return None
        column = self._frame[name]
        dtype = getattr(column.dtype, "categories", column).dtype
        if (narrow := _NARROW.get(str(dtype).lower())) is not None:
            return list(column.to_numpy(dtype=narrow, na_value=float("nan")))
        cells: list[Any] = column.tolist()
        kind = getattr(dtype, "pyarrow_dtype", None)
        return cells if kind is None else narrow_cells(cells, narrow_in_arrow(kind))


# By their dtype; see `retail_anomaly.sources.narrow_numbers`.
_NARROW: Final = {
    "float32": "float32",
    "float[pyarrow]": "float32",
    "sparse[float32, nan]": "float32",
    "float16": "float16",
    "halffloat[pyarrow]": "float16",
}
EXPECTED: Final = (
    "expected a path, a frame of pandas, polars, Arrow or DuckDB, a list of dicts, typed events, or several "
    "of these"
)
"""The kinds of sources, for a person."""


class OtherFrame:
    """A frame that narwhals knows: polars, Arrow and others.

    Parameters
    ----------
    frame
        The frame, as narwhals wraps it.
    name
        Its name in messages.
    """

    notes = ()
    found = NOTHING_FOUND

    def __init__(self, frame: Any, name: str) -> None:
        self._frame = frame
        self.name = name
        self.names = list(frame.columns)
        self.rows = len(frame)
        self._read = 0

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the rows."""
        wanted = self._frame.select(list(columns))
        for start in range(0, self.rows, BATCH_ROWS):
            part = wanted[start : start + BATCH_ROWS]
            self._read = start + len(part)
            cells = {name: _cells_of(part[name]) for name in columns}
            yield Batch(cells, range(start + 1, start + 1 + len(part)))

    def done(self) -> float | None:
        """Return how many of the rows have been read."""
        return self._read / self.rows if self.rows else None


def _cells_of(column: Any) -> list[Any]:
    narrow = narrow_in_narwhals(column.dtype)
    if narrow is True:
        return list(column.to_numpy())
    try:
        return list(narrow_cells(column.to_list(), narrow))
    except BEYOND:  # a time that Python has none for: only its own row is refused
        return [_cell_of(column, place) for place in range(len(column))]


def _cell_of(column: Any, place: int) -> Any:
    try:
        return column.item(place)
    except BEYOND:
        return beyond()


class RelationTable:
    """A relation of DuckDB, or the cursor of a database after a query: rows are fetched when needed.

    Parameters
    ----------
    relation
        Has ``fetchmany``, and ``columns`` or the ``description`` of a cursor.

    Raises
    ------
    SourceError
        It has no columns, or two of one name.
    """

    rows = None
    notes = ()
    found = NOTHING_FOUND

    def __init__(self, relation: Any) -> None:
        self._relation = relation
        self.name = f"the {type(relation).__name__}"
        names = getattr(relation, "columns", None) or [c[0] for c in relation.description or ()]
        if not names:
            raise SourceError(f"{self.name} has no columns: run a query first")
        self.names = list(names)
        types = getattr(relation, "types", ())
        self._narrow = {name: narrow_in_duckdb(kind) for name, kind in zip(self.names, types, strict=False)}

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the rows."""
        relation = self._relation
        if _is_relation(relation):
            relation = relation.filter("true")  # a fresh one, which has not been read
        places = {name: self.names.index(name) for name in columns}
        number = 1
        while rows := relation.fetchmany(BATCH_ROWS):
            cells = {
                name: narrow_cells([row[place] for row in rows], self._narrow.get(name, False))
                for name, place in places.items()
            }
            yield Batch(cells, range(number, number + len(rows)))
            number += len(rows)

    def done(self) -> float | None:
        """Return None: how many rows there will be is not known."""
        return None


class DictTable:
    """A list of dicts, one each row.

    Parameters
    ----------
    rows
        The rows; one may lack a column.

    Examples
    --------
    >>> DictTable([{"sku": "a"}, {"amount": 1}]).names
    ['sku', 'amount']
    """

    name = "the list"
    notes = ()
    found = NOTHING_FOUND

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for number, row in enumerate(rows, 1):
            if not isinstance(row, Mapping):
                raise SourceError(
                    f"{self.name} has {type(row).__name__} as element {number}: expected a dict"
                )
        self._rows = rows
        self.names = [str(name) for name in dict.fromkeys(name for row in rows for name in row)]
        self.rows = len(rows)
        self._read = 0

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the rows."""
        rows = iter(self._rows)
        while part := list(islice(rows, BATCH_ROWS)):
            cells = {name: [row.get(name) for row in part] for name in columns}
            yield Batch(cells, range(self._read + 1, self._read + 1 + len(part)))
            self._read += len(part)
        self._read = 0

    def done(self) -> float | None:
        """Return None: it is read in a moment."""
        return None


class FrameStream:
    """Frames that come one after the other, each held only while it is read.

    Parameters
    ----------
    first
        The first of them.
    frames
        All of them.
    """

    name = "the frames"
    rows = None
    found = NOTHING_FOUND

    def __init__(self, first: Any, frames: Iterator[Any]) -> None:
        self.names = list(frame_table(first).names)
        self.notes: list[str] = []
        self._frames = frames

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the rows; a column that only later frames have counts as well."""
        base = 0
        lacking = LackingColumns(columns)
        for frame in self._frames:
            table = frame_table(frame)
            lacking.look_at(table.names)
            self.notes = lacking.notes
            later = [name for name in dict.fromkeys(table.names) if name not in self.names]
            for batch in table.batches([name for name in [*columns, *later] if name in table.names]):
                batch.numbers = [base + number for number in batch.numbers]
                yield batch
            base += table.rows or 0

    def done(self) -> float | None:
        """Return None: how many frames there will be is not known."""
        return None


def first_of(items: Iterable[Any]) -> tuple[Any, Iterator[Any]]:
    """Return the first of some items, and all of them.

    Examples
    --------
    >>> first, every = first_of(iter("ab"))
    >>> first, list(every)
    ('a', ['a', 'b'])
    """
    remaining = iter(items)
    for first in remaining:

        def every(first: Any = first) -> Iterator[Any]:
            yield first
            yield from remaining

        return first, every()
    return None, iter(())
