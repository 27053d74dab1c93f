"""CSV files as tables."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import BinaryIO

from retail_anomaly.sources.base import SourceError
from retail_anomaly.sources.batches import Batch, Broken
from retail_anomaly.sources.csv_form import csv_form, text_lines
from retail_anomaly.sources.csv_rows import CsvBlock, CsvRows
from retail_anomaly.sources.stored_file import StoredFile


class CsvTable:
    """A CSV or TSV file.

    Parameters
    ----------
    file
        The file.
    encoding, separator, header
        As a mapping gives them; None: found out.

    Raises
    ------
    SourceError
        It can't be read.
    """

    rows = None

    def __init__(
        self,
        file: StoredFile,
        encoding: str | None = None,
        separator: str | None = None,
        header: int | None = None,
    ) -> None:
        self._file = file
        self.name = file.name
        self._form = csv_form(file, encoding, separator, header)
        self.names = self._form.header
        self.notes: Sequence[str] = self._form.notes
        self.found = self._form.found
        self._stored: BinaryIO | None = None
        self._size = 0

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the rows; each cell is a text, for an id such as 0012 is no number."""
        places = {name: self.names.index(name) for name in columns if name in self.names}
        form = self._form
        try:
            with (
                self._file.opened("CSV") as (content, self._stored),
                text_lines(content, form.encoding) as lines,
            ):
                self._size = self._file.size
                for _ in islice(lines, form.header_lines):
                    pass
                rows = CsvRows(
                    lines,
                    form.separator,
                    len(form.header),
                    first_line=form.header_lines + 1,
                    least=max((place for place, name in enumerate(form.header, 1) if name), default=0),
                )
                for block in rows:
                    yield self._batch(block, places)
        except UnicodeError as error:
            raise SourceError(
                f"{self.name} can't be read as CSV ({error}): give its encoding in a mapping"
            ) from None

    def done(self) -> float | None:
        """Return how much of the file has been read."""
        if self._stored is None:
            return 0.0
        return 1.0 if self._stored.closed else self._stored.tell() / (self._size or 1)

    def _batch(self, block: CsvBlock, places: dict[str, int]) -> Batch:
        # A row has the number of its line: that is where an editor goes.
        columns = {name: [row[place] for row in block.rows] for name, place in places.items()}
        label = f"{self.name}:"
        broken = [
            Broken(
                row.line,
                f"{label}{row.line}",
                f"row: {row.reason}",
                row.raw.encode("utf-8", "backslashreplace"),
            )
            for row in block.broken
        ]
        return Batch(columns, block.lines, label=label, only_texts=True, broken=broken)
