"""Tables that write what a receipt's rows have in common into its first row only."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retail_anomaly.sources.batches import Batch
from retail_anomaly.sources.cells import is_absent
from retail_anomaly.sources.foreign_table import ForeignTable


class FilledDown:
    """A table whose empty cells in some columns have the value of the row above, within a receipt.

    Parameters
    ----------
    table
        The table.
    columns
        The columns to fill.
    receipt
        The column of the receipt's number; one that is empty is that of the row above.
    store
        The column of its store, which may have a receipt of the same number; empty: there is none.

    Examples
    --------
    >>> from retail_anomaly.sources.frame_tables import DictTable
    >>> rows = [{"no": 1, "status": "paid"}, {"no": 1, "status": ""}, {"no": 2, "status": ""}]
    >>> table = FilledDown(DictTable(rows), ["status"], "no")
    >>> [batch.column("status") for batch in table.batches(["status"])]
    [['paid', 'paid', '']]
    """

    def __init__(self, table: ForeignTable, columns: Sequence[str], receipt: str, store: str = "") -> None:
        self._table = table
        self._columns = columns
        self._receipt = receipt
        self._keys = [receipt, store]
        self.name = table.name
        self.rows = table.rows
        self.names = table.names

    @property
    def notes(self) -> Sequence[str]:
        """The notes of the table."""
        return self._table.notes

    @property
    def found(self) -> Mapping[str, str | int]:
        """The keys of a mapping that state what the notes say."""
        return self._table.found

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the rows."""
        known = [name for name in dict.fromkeys([*columns, *self._keys]) if name in self.names]
        above: dict[str, Any] = {}
        for batch in self._table.batches(known):
            cells = {name: list(batch.column(name) or ()) for name in known}
            filled = [name for name in self._columns if name in cells]
            keys = [name for name in self._keys if name in cells]
            for place in range(len(batch)):
                told = {name: cells[name][place] for name in keys if not _is_empty(cells[name][place])}
                known_keys = {self._receipt: None, **above}
                if any(cell != known_keys.get(name, cell) for name, cell in told.items()):
                    above = {}
                above |= told
                for name in filled:
                    if _is_empty(cells[name][place]):
                        cells[name][place] = above.get(name, cells[name][place])
                    else:
                        above[name] = cells[name][place]
            yield Batch(
                cells,
                batch.numbers,
                label=batch.label,
                only_texts=batch.only_texts,
                broken=batch.broken,
                constants=batch.constants,
            )

    def done(self) -> float | None:
        """Return how much of the table has been read."""
        return self._table.done()


def _is_empty(cell: Any) -> bool:
    return is_absent(cell) or (isinstance(cell, str) and not cell.strip())
