"""From a place to the files and frames that stand for it."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from retail_anomaly.core.events import INPUT_TOPICS, POS_EVENTS
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.sources.base import Source, SourceError
from retail_anomaly.sources.clocks import Clocks
from retail_anomaly.sources.event_log import json_object
from retail_anomaly.sources.filled_down import FilledDown
from retail_anomaly.sources.foreign_table import ForeignTable
from retail_anomaly.sources.frame_tables import DictTable, frame_table, is_frame, reads_once
from retail_anomaly.sources.json_files import opened_lines
from retail_anomaly.sources.left_out import files_left_out, folders_left_out, topics_left_out
from retail_anomaly.sources.lines import STDIN, Lines
from retail_anomaly.sources.mapping import EventMapping
from retail_anomaly.sources.partitions import Partitioned
from retail_anomaly.sources.stored_file import (
    COMPRESSION,
    StoredFile,
    form_in,
    is_address,
    remote_files,
)
from retail_anomaly.sources.tables import TableSource

_TEXT_TABLES: Final = (".csv", ".tsv", ".tab")
_SHEETS: Final = (".xlsx", ".xlsm")
_TABLES: Final = (".parquet", ".pq", *_TEXT_TABLES, *_SHEETS)
_LINES: Final = (".jsonl", ".json", ".ndjson")
FORMS: Final = (*_LINES, *_TABLES)
"""The suffixes of the files that are read."""
_LOOKED_AT: Final = 1_000
_BEGINNING: Final = 4_096
_OTHER_FORMS: Final = {
    b"PK\x03\x04": "an Excel file or another zip file: give its name the suffix .xlsx or .zip",
    b"\xd0\xcf\x11\xe0": "an old Excel file: save it as .xlsx or CSV first",
    b"\x1f\x8b": "compressed: end its name with .gz",
    b"BZh": "compressed: end its name with .bz2",
    b"\x28\xb5\x2f\xfd": "compressed: end its name with .zst",
    b"\xfd7zXZ\x00": "compressed with xz: decompress it first",
    b"PAR1": "a Parquet file: give its name the suffix .parquet",
    b"ARROW1": "an Arrow (Feather) file: read it with pyarrow and pass the table",
    b"ORC": "an ORC file: read it with pyarrow and pass the table",
    b"Obj\x01": "an Avro file: save it as Parquet or CSV first",
    b"SQLite format 3\x00": "a SQLite database: pass the cursor of a query, or save the query as CSV",
    b"%PDF-": "a PDF: export the table as CSV",
    b"<": "XML or HTML: export the table as CSV; `retail-anomaly import poslog` reads POSLog",
}
_MARKS: Final = b"\xef\xbb\xbf\xff\xfe \t\r\n"
_BETWEEN_CELLS: Final = (b",", b";", b"\t", b"|")
_PARTITION: Final = re.compile(r"([^=/\\]+)=([^/\\]*)")
_NO_VALUE: Final = "__HIVE_DEFAULT_PARTITION__"


class Places:
    """Opens places as sources.

    Parameters
    ----------
    topic
        The topic of files and frames that don't say it themselves.
    mapping
        How foreign data is read.
    clocks
        The stores' clocks, for times without a zone.

    Attributes
    ----------
    notes
        What of the places is not read, for a person.
    """

    def __init__(self, topic: str | None, mapping: EventMapping, clocks: Clocks) -> None:
        self._topic = topic
        self._mapping = mapping
        self._clocks = clocks
        self.notes: list[str] = []

    def opened(self, place: Any) -> list[Source]:
        """Return the sources of one place.

        Raises
        ------
        SourceError
            There is nothing, or it can't be read.
        """
        if is_frame(place):
            return [self.of_tables([frame_table(place)], self._topic, once=reads_once(place))]
        if str(place) == STDIN:
            return [Lines(None, self._topic, self._mapping, self._clocks)]
        if is_address(place):
            files = [StoredFile(name) for name in remote_files(place)]
            return self._of_files(files, place)
        if not str(place).strip():
            raise SourceError("the path is empty: name a file or a folder")
        path = Path(place)
        if not _exists(path):
            if found := matching(path):
                return [source for file in found for source in self.opened(file)]
            raise SourceError(f"{' '.join(str(path).split())[:200]}: no such file or folder")
        if path.is_dir():
            return self._of_folder(path)
        return [self._file(StoredFile(path))]

    def of_tables(
        self, tables: Sequence[ForeignTable], topic: str | None, *, once: bool = False
    ) -> TableSource:
        """Return tables as one source; `once`: they can be read only once."""
        if columns := self._mapping.fill_down:
            mapping = self._mapping.of_topic(topic or self._mapping.topic or POS_EVENTS)
            ids, stores = mapping.columns_of("transactionId"), mapping.columns_of("storeId")
            known = {name for table in tables for name in table.names}
            if (missing := [name for name in columns if name not in known]) and not self._mapping.is_packaged:
                raise SourceError(
                    f"{tables[0].name} has no column {missing[0]} (for fill_down); "
                    f"its columns are {', '.join(tables[0].names)}"
                )
            tables = [
                FilledDown(
                    table,
                    columns,
                    next((name for name in ids if name in table.names), ""),
                    next((name for name in stores if name in table.names), ""),
                )
                for table in tables
            ]
        return TableSource(tables, topic, self._mapping, self._clocks, once=once)

    def _of_folder(self, folder: Path) -> list[Source]:
        files = _topic_files(folder)
        if files:
            self.notes += topics_left_out(folder, files)
            return [
                source
                for file in files
                for source in (
                    self._of_files([StoredFile(part) for part in parts_of(file)], file, folder)
                    if file.is_dir()
                    else [self._file(StoredFile(file))]
                )
            ]
        if (folder / "_delta_log").is_dir():  # it keeps files whose rows were deleted or rewritten
            raise SourceError(
                f"{folder} is a Delta table, which files alone do not tell: read it with the package "
                "deltalake and pass `DeltaTable(...).to_pyarrow_dataset()`"
            )
        if parts := parts_of(folder):
            self.notes += folders_left_out(folder, _not_among(parts, folder))
            self.notes += files_left_out(folder, parts)
            return self._of_files([StoredFile(part) for part in parts], folder, folder)
        names = ", ".join(f"{topic}.jsonl" for topic in INPUT_TOPICS)
        raise SourceError(f"{folder} has none of {names} (or .parquet, .csv): name the files in it")

    def _of_files(
        self, files: Sequence[StoredFile], root: str | Path, above: Path | None = None
    ) -> list[Source]:
        """Return the files of a folder or address: the tables of a topic are the parts of one."""
        tables: dict[str | None, list[ForeignTable]] = {}
        sources: list[Source] = []
        for file in files:
            constants = _partitions(file.name, str(above if above is not None else root))
            topic = self._topic_of(file, root, constants)
            if told_form(file) in _TABLES:
                tables.setdefault(topic, []).append(Partitioned(self.table(file), constants))
            else:
                sources.append(Lines(file, topic, self._mapping, self._clocks, constants))
        return [*sources, *(self.of_tables(parts, topic) for topic, parts in tables.items())]

    def _topic_of(self, file: StoredFile, root: str | Path, constants: dict[str, Any]) -> str | None:
        if constants.get("topic") in INPUT_TOPICS:
            return str(constants.pop("topic"))
        named = next((name for name in (file.stem, StoredFile(root).stem) if name in INPUT_TOPICS), None)
        return self._topic or named or (self._mapping.topic if constants else None)

    def _file(self, file: StoredFile) -> Source:
        topic = self._topic or (file.stem if file.stem in INPUT_TOPICS else None)
        if told_form(file) in _TABLES:
            return self.of_tables([self.table(file)], topic)
        return Lines(file, topic or self._bare_topic(file), self._mapping, self._clocks)

    def _bare_topic(self, file: StoredFile) -> str | None:
        """Return the topic of bare values, which a mapping may give; an event log has its own."""
        return self._mapping.topic if file.form in _LINES else None

    def table(self, file: StoredFile) -> ForeignTable:
        """Return a file as a table."""
        # Here, for a log needs none of them.
        form = told_form(file)
        if form in _TEXT_TABLES:
            from retail_anomaly.sources.csv_table import CsvTable

            given = self._mapping
            return CsvTable(file, given.encoding, given.separator, given.header)
        from retail_anomaly.sources.file_tables import ExcelTable, ParquetTable

        if form in _SHEETS:
            sheet = ExcelTable(file, self._mapping.sheet, self._mapping.header)
            by_number = any("excel" in self._mapping.of_topic(topic).dates for topic in INPUT_TOPICS)
            if sheet.counts_from_1904 and by_number:
                raise SourceError(
                    f"{file.name} counts its days from 1904, and `dates: [excel]` counts them from 1900: "
                    "give the column a format of dates, save the file, and leave `excel` out of the mapping"
                )
            return sheet
        return ParquetTable(file)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a text that is too long for a name, or not allowed to look
        return False


def told_form(file: StoredFile) -> str:
    """Return the form of a file; where the suffix tells nothing, that of its content.

    A till may write a table to ``sales.txt`` or ``EXPORT.DAT``.

    Examples
    --------
    >>> told_form(StoredFile("s3://bucket/sales.csv"))
    '.csv'
    """
    form = form_in(file)
    is_told = form in FORMS
    if is_told and (file.is_remote or file.compression or form not in (*_TEXT_TABLES, *_LINES)):
        return form
    with file.opened() as (content, _):
        start = content.read(_BEGINNING)
    for mark, mend in _OTHER_FORMS.items():
        if start.startswith(mark):
            raise SourceError(f"{file.name} is {mend}")
    if is_told:
        return form
    text = start.replace(b"\x00", b"").lstrip(_MARKS)  # UTF-16 has a zero in each sign
    is_table = not text.startswith((b"{", b"[")) and any(sign in text for sign in _BETWEEN_CELLS)
    return ".csv" if is_table else form


def parts_of(folder: Path) -> list[Path]:
    """Return the files in a folder that was written as one table, in the order of their names.

    Parquet and CSV files count, also in folders below, such as ``store=berlin/``, and files of JSON lines
    named ``part-...``. Those whose names begin with a dot or an underscore do not, nor
    the locks of a spreadsheet that is open (``~$sales.xlsx``).

    Examples
    --------
    >>> parts_of(Path("missing"))
    []
    """
    found = []
    for file in folder.rglob("*"):
        below = file.relative_to(folder).parts
        if not file.is_file() or any(name.startswith((".", "_", "~$")) for name in below):
            continue
        form = form_of(file)
        in_partition = any(_PARTITION.fullmatch(name) for name in below[:-1])
        if len(below) > 1 and not in_partition and folder.suffix.lower() not in FORMS:
            continue
        if form in _TABLES or (form in _LINES and (in_partition or file.name.startswith("part-"))):
            found.append(file)
    return sorted(found)


def _not_among(parts: Sequence[Path], folder: Path) -> list[Path]:
    """Return the folders below whose tables are no parts."""
    inner = sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "_"))
    )
    return [below for below in inner if parts_of(below) and not any(below in part.parents for part in parts)]


def form_of(file: Path) -> str:
    """Return the suffix that tells the form of a file, compressed or not.

    Examples
    --------
    >>> form_of(Path("a.CSV.gz"))
    '.csv'
    """
    inner = file.with_suffix("") if file.suffix.lower() in COMPRESSION else file
    return inner.suffix.lower()


def _topic_files(folder: Path) -> list[Path]:
    found = []
    for topic in INPUT_TOPICS:
        files = [file for file in sorted(folder.glob(f"{topic}.*")) if _holds_events(file)]
        if len(files) > 1:
            names = " and ".join(file.name for file in files)
            raise SourceError(f"{folder} has both {names}: name the files that are meant")
        found += files
    return found


def _holds_events(file: Path) -> bool:
    form = form_of(file)
    return form in FORMS if file.is_file() else form in _TABLES and bool(parts_of(file))


def matching(path: Path) -> list[Path]:
    """Return the files that a path with wildcards stands for.

    Examples
    --------
    >>> matching(Path("missing-*.csv"))
    []
    """
    if not any(sign in str(path) for sign in "*?["):
        return []
    root = Path(path.anchor) if path.is_absolute() else Path()
    pattern = str(path.relative_to(path.anchor)) if path.is_absolute() else str(path)
    return sorted(found for found in root.glob(pattern) if not found.name.startswith("."))


def _partitions(name: str, root: str) -> dict[str, Any]:
    """Return the columns that the folders above a file name, such as ``store=berlin``."""
    below = name.removeprefix(root)
    pairs = _PARTITION.findall(below.rpartition("/")[0])
    return {unquote(key): None if value == _NO_VALUE else unquote(value) for key, value in pairs}


def all_places(places: Iterable[Any]) -> bool:
    """Tell whether each of some things is a path, an address or a frame.

    Examples
    --------
    >>> all_places(["a.csv", Path("b")]), all_places([7])
    (True, False)
    """
    return all(isinstance(place, str | Path) or is_frame(place) for place in places)


def table_at(place: str | Path) -> ForeignTable:
    """Return the table at a place, for a look at its first rows; of several parts the first.

    Raises
    ------
    SourceError
        There is none.

    Examples
    --------
    >>> table_at("missing.csv")
    Traceback (most recent call last):
    retail_anomaly.sources.base.SourceError: missing.csv: no such file or folder
    """
    path = Path(place)
    if isinstance(place, str) and is_address(place):
        found: list[str] | list[Path] = remote_files(place)
    else:
        found = parts_of(path) if path.is_dir() else [path] if path.exists() else matching(path)
    if not found:
        raise SourceError(f"{place}: no such file or folder")
    file = StoredFile(found[0])
    if told_form(file) in _TABLES:
        return Places(None, EventMapping(), Clocks()).table(file)
    with opened_lines(file) as (lines, _):
        rows = []
        for line in islice(lines, _LOOKED_AT):
            try:
                row = json_object(line)
            except InvalidEvent:
                continue
            value = row.get("value")
            rows.append(value if isinstance(value, dict) else row)
    return DictTable(rows)
