"""Tables: DataFrames, Parquet and CSV files, read in batches of rows."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import compress, count
from pathlib import Path
from typing import Any, Final

import pandas as pd

from retail_anomaly.core.events import POS_EVENTS, STAFF_SHIFTS, Event
from retail_anomaly.core.extras import require
from retail_anomaly.sources.base import MissingColumnsError, SourceError
from retail_anomaly.sources.columns import FIELDS, REQUIRED, Columns
from retail_anomaly.sources.event_log import BadLine, Reject
from retail_anomaly.sources.file_forms import DAMAGED, compression_of, name_and_form
from retail_anomaly.sources.frame_events import frame_events, frame_stores, frame_times
from retail_anomaly.sources.store_share import Numbered, Share

_BATCH_ROWS: Final = 65_536


class TableSource:
    """A DataFrame, or a Parquet or CSV file.

    Parameters
    ----------
    table
        The DataFrame or the file.
    topic
        The rows' topic. None: the column ``topic`` says it row by row, and the rows stand in the
        order of arrival; without such a column they are POS events.
    columns
        Foreign names of fields.

    Raises
    ------
    SourceError
        The file can't be read, or has no column for a field that events must have.
    UsageError
        The file is Parquet, and PyArrow is not installed.

    Examples
    --------
    >>> TableSource(pd.DataFrame({"sku": ["k"]}), "inventory-counts", Columns(constants={"storeId": "s"}))
    Traceback (most recent call last):
    retail_anomaly.sources.base.MissingColumnsError: the DataFrame has no column for countedQty, eventTime:
    name the column with countedQty=COLUMN, or give a constant with countedQty=:VALUE; its columns are sku
    """

    divisible = True

    def __init__(self, table: "Path | pd.DataFrame", topic: str | None, columns: Columns) -> None:
        self._table = table
        self._columns = columns
        self._is_csv = isinstance(table, Path) and name_and_form(table)[1] == ".csv"
        self._name = "the DataFrame" if isinstance(table, pd.DataFrame) else str(table)
        with self._readable():
            self._names, self._rows = self._shape()
        if topic is None and "topic" not in self._names:
            topic = POS_EVENTS
        self.topic = topic
        self._read = 0
        self._check()

    def events(self, reject: Reject) -> Iterator[Event]:
        """Yield the events in the order of the rows."""
        self._read = 0
        for batch in self._batches(self._wanted()):
            yield from self._events(batch, reject, range(self._read + 1, self._read + 1 + len(batch)))
            self._read += len(batch)

    def numbered(self, reject: Reject, share: Share) -> Iterator[tuple[int, Event]]:
        """Yield the events of a share, each with the number of its row."""

        def reject_own(bad: BadLine) -> None:
            if not share.everything or share.has_turn(bad.number):
                reject(bad)

        self._read = 0
        for raw in self._raw_batches(self._wanted()):
            mine = [True] * len(raw) if share.everything else self._own_rows(raw, share)
            places = list(compress(count(self._read + 1), mine))
            numbers = Numbered(places)
            own = raw[mine] if isinstance(raw, pd.DataFrame) else raw.filter(mine)
            for event in self._events(_frame(own), reject_own, numbers):
                yield places[numbers.number - 1], event
            self._read += len(raw)

    def stores(self) -> Counter[str]:
        """Return how many rows each store has; of a CSV file, in its first rows."""
        rows: Counter[str] = Counter()
        if column := self._store_column():
            for raw in self._raw_batches([column]):
                cells = _frame(raw)[column].value_counts()
                stores = frame_stores(cells.index.to_frame(name=column), self._columns)
                rows.update({s: int(n) for s, n in zip(stores, cells, strict=True) if isinstance(s, str)})
                if self._is_csv:
                    break
        return rows

    def _events(self, batch: pd.DataFrame, reject: Reject, numbers: Iterable[int]) -> Iterator[Event]:
        name = "row" if isinstance(self._table, pd.DataFrame) else f"{self._name} row"
        return frame_events(batch, self.topic, self._columns, reject, name=name, numbers=numbers)

    def _own_rows(self, raw: Any, share: Share) -> list[bool]:
        """Tell of each row whether it is a share's; those without a store are anyone's in turn."""
        column = self._store_column()
        rows = pd.DataFrame(index=range(len(raw)))
        if column is not None:
            rows = _frame(raw[[column]] if isinstance(raw, pd.DataFrame) else raw.select([column]))
        stores = frame_stores(rows, self._columns)
        owned = {store: share.owns(store) for store in {s for s in stores if isinstance(s, str) and s}}
        return [
            owned[store] if isinstance(store, str) and store else share.has_turn(number)
            for number, store in enumerate(stores, self._read + 1)
        ]

    def _store_column(self) -> str | None:
        column = self._columns.column("storeId")
        return next((name for name in (column, column.partition(".")[0]) if name in self._names), None)

    def _wanted(self) -> list[str]:
        """Return the names of the columns that events are made of."""
        fields = FIELDS[self.topic] if self.topic else {f: "" for fs in FIELDS.values() for f in fs}
        wanted = {self._columns.column(field) for field in fields}
        wanted |= {field.partition(".")[0] for field in wanted} | ({"topic"} if not self.topic else set())
        return [column for column in self._names if column in wanted]

    def is_sorted(self) -> bool:
        """Tell whether the rows stand by event time; reads that column only."""
        field = "shiftStart" if self.topic == STAFF_SHIFTS else "eventTime"
        column = self._columns.column(field)
        if column not in self._names:
            return True  # a constant
        newest = 0
        for batch in self._batches([column]):
            for time in frame_times(batch, column):
                if isinstance(time, int):
                    if time < newest:
                        return False
                    newest = time
        return True

    def done(self) -> float | None:
        """Return how many of the rows have been read."""
        return self._read / self._rows if self._rows else None

    def _shape(self) -> tuple[list[str], int | None]:
        """Return the names of the columns, and the number of rows if known."""
        if isinstance(self._table, pd.DataFrame):
            names = list[Any](self._table.columns)
            return [name for name in names if isinstance(name, str)], len(self._table)
        if self._is_csv:
            # As a row: as a header, the second sku would be called sku.1.
            header = pd.read_csv(
                self._table,
                nrows=1,
                header=None,
                dtype=str,
                keep_default_na=False,
                compression=compression_of(self._table),
            )
            return header.iloc[0].tolist(), None
        with self._open_parquet() as file:
            return file.schema_arrow.names, file.metadata.num_rows

    def _batches(self, columns: list[str]) -> Iterator[pd.DataFrame]:
        return map(_frame, self._raw_batches(columns))

    def _raw_batches(self, columns: list[str]) -> Iterator[Any]:
        """Yield frames, or batches of Parquet that are to become frames."""
        if isinstance(self._table, pd.DataFrame):
            for start in range(0, len(self._table), _BATCH_ROWS):
                yield self._table[columns].iloc[start : start + _BATCH_ROWS]
            return
        with self._readable():
            if self._is_csv:
                # All as text: an id such as 0012 is no number.
                with pd.read_csv(
                    self._table,
                    usecols=columns,
                    dtype=str,
                    keep_default_na=False,
                    chunksize=_BATCH_ROWS,
                    compression=compression_of(self._table),
                ) as chunks:
                    yield from chunks
                return
            with self._open_parquet() as file:
                yield from file.iter_batches(_BATCH_ROWS, columns=columns)

    def _open_parquet(self) -> Any:
        require("pyarrow")
        from pyarrow.parquet import ParquetFile  # Here: only the extra `parquet` installs it.

        return ParquetFile(self._table)

    def _check(self) -> None:
        """Refuse a table with two columns of one name, or without one for a mapped or required field."""
        repeated = [name for name, number in Counter(self._wanted()).items() if number > 1]
        if repeated:
            raise SourceError(
                f"{self._name} has several columns named {', '.join(repeated)}: rename or remove all but one"
            )
        fields: Any = FIELDS[self.topic] if self.topic else ()
        names = ", ".join(self._names)
        for field, column in self._columns.columns.items():
            if field in fields and not self._has(column):
                raise SourceError(
                    f"{self._name} has no column {column} (for {field}); its columns are {names}"
                )
        missing = [
            field
            for field in (REQUIRED[self.topic] if self.topic else ())
            if not self._has(self._columns.column(field)) and field not in self._columns.constants
        ]
        if missing:
            raise MissingColumnsError(
                f"{self._name} has no column for {', '.join(missing)}",
                f"name the column with {missing[0]}=COLUMN, or give a constant with {missing[0]}=:VALUE",
                names,
            )

    def _has(self, column: str) -> bool:
        return column in self._names or column.partition(".")[0] in self._names

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except _reading_errors() as error:
            kind = "CSV" if self._is_csv else "Parquet"
            raise self._damaged(kind, error) from None
        except OSError as error:
            if error.errno is not None:  # not damaged, but away or not allowed
                raise
            raise self._damaged("CSV", error) from None

    def _damaged(self, kind: str, error: Exception) -> SourceError:
        detail = " ".join(str(error).split()).rstrip(".")
        return SourceError(f"{self._name} can't be read as {kind} ({detail}): is it complete?")


def _frame(batch: Any) -> pd.DataFrame:
    if isinstance(batch, pd.DataFrame):
        return batch
    # Not by way of floats, which hold whole numbers up to 2**53 only.
    frame: pd.DataFrame = batch.to_pandas(integer_object_nulls=True, ignore_metadata=True)
    return frame


def _reading_errors() -> tuple[type[Exception], ...]:
    """Return the errors of a damaged file; PyArrow's are among them if it is there to raise one."""
    csv = (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeError, *DAMAGED)
    pyarrow = sys.modules.get("pyarrow")
    return (*csv, pyarrow.ArrowException) if pyarrow else csv
