"""Tables in folders that name columns, such as ``store=berlin/date=2025-10-09/part-0.parquet``."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retail_anomaly.sources.batches import Batch
from retail_anomaly.sources.foreign_table import ForeignTable


class Partitioned:
    """A table with columns that are the same in each row.

    Parameters
    ----------
    table
        The table.
    constants
        Cells by the name of the column. A column of the table itself counts more.

    Examples
    --------
    >>> from retail_anomaly.sources.frame_tables import DictTable
    >>> table = Partitioned(DictTable([{"sku": "k"}]), {"store": "berlin"})
    >>> [batch.column("store") for batch in table.batches(["sku", "store"])]
    [['berlin']]
    """

    def __init__(self, table: ForeignTable, constants: Mapping[str, Any]) -> None:
        self._table = table
        self._constants = constants
        self.name = table.name
        self.rows = table.rows
        self.names = [*table.names, *(name for name in constants if name not in table.names)]

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
        for batch in self._table.batches([name for name in columns if name in self._table.names]):
            batch.constants = self._constants
            yield batch

    def done(self) -> float | None:
        """Return how much of the table has been read."""
        return self._table.done()
