"""Some rows of a table, column by column."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from operator import ne
from typing import Any

import msgspec


class Broken(msgspec.Struct, frozen=True):
    """A row that cannot be divided into cells.

    Parameters
    ----------
    number
        The row's number, from 1.
    place
        The file and the line, for a person.
    reason
        The reason, for a person.
    raw
        The row as it stands.
    """

    number: int
    place: str
    reason: str
    raw: bytes


class Batch:
    """Rows of a table, in columns of cells.

    Parameters
    ----------
    columns
        The cells by the name of the column; all columns are of equal length.
    numbers
        The number of each row in its table, from 1.
    label
        Stands before a row's number in messages.
    only_texts
        Whether each cell is a text.
    broken
        Rows without cells that stand among these.
    constants
        Cells that are the same in each row, by the name of the column.

    Examples
    --------
    >>> batch = Batch({"sku": ["a", "b"]}, range(1, 3), constants={"storeId": "s"})
    >>> batch.column("storeId"), batch.filtered([False, True]).column("sku"), batch.column("amount")
    (['s', 's'], ['b'], None)
    """

    def __init__(
        self,
        columns: Mapping[str, Sequence[Any]],
        numbers: Sequence[int],
        *,
        label: str = "row ",
        only_texts: bool = False,
        broken: Sequence[Broken] = (),
        constants: Mapping[str, Any] | None = None,
    ) -> None:
        self._columns = columns
        self.numbers = numbers
        self.label = label
        self.only_texts = only_texts
        self.broken = broken
        self.constants = constants or {}

    def __len__(self) -> int:
        return len(self.numbers)

    def column(self, name: str) -> Sequence[Any] | None:
        """Return the cells of a column, or None if there is none of this name.

        ``eventData.alarm`` is also found in a column ``eventData`` of structs, however deep.
        """
        cells = self._cells(name)
        if cells is not None:
            return cells
        if name in self.constants:
            return [self.constants[name]] * len(self)
        for parent, child in splits(name):
            structs = self._cells(parent)
            if structs is not None:
                return [_inner(cell, child) for cell in structs]
        return None

    def times(self, name: str) -> tuple[Sequence[Any], bool] | None:
        """Return a column of times in milliseconds, and whether they are local; None for other cells."""
        return None

    def without_repeats(self) -> "Batch":
        """Return the rows without those that equal the row before, if each cell is a text.

        Examples
        --------
        >>> times = Batch({"eventTime": ["1", "1", "2", "1"]}, range(1, 5), only_texts=True)
        >>> times.without_repeats().column("eventTime")
        ['1', '2', '1']
        """
        if not self.only_texts or not self._columns:
            return self
        columns = list(self._columns.values())
        rows = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
        return self.filtered([True, *map(ne, rows[1:], rows)][: len(rows)])

    def filtered(self, mask: Sequence[bool]) -> "Batch":
        """Return the rows for which the mask is true, and no broken ones."""
        return Batch(
            {name: list(compress(cells, mask)) for name, cells in self._columns.items()},
            list(compress(self.numbers, mask)),
            label=self.label,
            only_texts=self.only_texts,
            constants=self.constants,
        )

    def _cells(self, name: str) -> Sequence[Any] | None:
        return self._columns.get(name)


def splits(path: str) -> Iterator[tuple[str, str]]:
    """Yield the ways to divide a path into a column and what stands in it, the longest column first.

    Examples
    --------
    >>> list(splits("a.b.c")), list(splits("a"))
    ([('a.b', 'c'), ('a', 'b.c')], [])
    """
    place = path.rfind(".")
    while place >= 0:
        yield path[:place], path[place + 1 :]
        place = path.rfind(".", 0, place)


def _inner(cell: Any, path: str) -> Any:
    """Return what stands in an object by its path; a name in it may have dots."""
    if not isinstance(cell, Mapping):
        return None
    if path in cell:
        return cell[path]
    for parent, child in splits(path):
        if isinstance(inner := cell.get(parent), Mapping):
            return _inner(inner, child)
    return None


class DictBatch(Batch):
    """Rows that are dicts, such as decoded JSON; each may have fields of its own.

    Examples
    --------
    >>> DictBatch([{"a": {"b": 1}}, {"c": 2}], [1, 2]).column("a.b")
    [1, None]
    """

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any]],
        numbers: Sequence[int],
        *,
        label: str = "row ",
        broken: Sequence[Broken] = (),
        constants: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__({}, numbers, label=label, broken=broken, constants=constants)
        self._rows = rows

    def filtered(self, mask: Sequence[bool]) -> "DictBatch":
        """Return the rows for which the mask is true, and no broken ones."""
        return DictBatch(
            list(compress(self._rows, mask)),
            list(compress(self.numbers, mask)),
            label=self.label,
            constants=self.constants,
        )

    def _cells(self, name: str) -> Sequence[Any] | None:
        cells = [row.get(name) for row in self._rows]
        return None if all(cell is None for cell in cells) else cells
