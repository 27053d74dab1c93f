"""CSV files as tables."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import BinaryIO, Final

from retail_anomaly.sources.base import SourceError
from retail_anomaly.sources.batches import Batch, Broken
from retail_anomaly.sources.csv_form import csv_form, text_lines
from retail_anomaly.sources.csv_rows import BrokenRow, CsvBlock, CsvRows
from retail_anomaly.sources.header import named
from retail_anomaly.sources.stored_file import StoredFile

_NAMED_AGAIN: Final = "it names the columns again, in another order, which the rows after it have"


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
        wanted = [name for name in columns if name in self.names]
        order = list(self.names)
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
                    for part, names in self._divided(block, order):
                        yield self._batch(part, {name: names.index(name) for name in wanted})
                        order = names
        except UnicodeError as error:
            raise SourceError(
                f"{self.name} can't be read as CSV ({error}): give its encoding in a mapping"
            ) from None

    def done(self) -> float | None:
        """Return how much of the file has been read."""
        if self._stored is None:
            return 0.0
        return 1.0 if self._stored.closed else self._stored.tell() / (self._size or 1)

    def _divided(self, block: CsvBlock, order: list[str]) -> list[tuple[CsvBlock, list[str]]]:
        """Divide rows where the columns are named again in another order, as in files that were joined."""
        names = set(order)
        candidates = [place for place, row in enumerate(block.rows) if row[0] in names]
        parts = []
        start, broken = 0, block.broken
        for place in candidates:
            again = named(block.rows[place])
            if again == order or sorted(again) != sorted(order):
                continue
            line, raw = block.lines[place], self._form.separator.join(block.rows[place])
            earlier = [row for row in broken if row.line < line]
            parts.append((CsvBlock(block.rows[start:place], block.lines[start:place], earlier), order))
            start, order = place + 1, again
            broken = [BrokenRow(line, _NAMED_AGAIN, raw), *(row for row in broken if row.line > line)]
        rest = CsvBlock(block.rows[start:], block.lines[start:], broken) if parts else block
        return [*parts, (rest, order)]

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
