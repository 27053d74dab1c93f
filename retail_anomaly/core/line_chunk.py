"""How kept lines lie in memory and in the records: 256 of them in a row, 38 bytes each."""

from array import array
from collections.abc import Sequence
from struct import Struct
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import numpy as np

ROWS: Final = 256
"""Lines in a full chunk."""

# One line. `link` is the line before it in the index; `late` is how much older than the store's clock it was,
# below 0 if it was ahead.
_TYPE: Final = np.dtype(
    [
        ("number", "<u8"),
        ("link", "<u4"),
        ("time", "<i4"),
        ("late", "<i4"),
        ("first", "<i4"),
        ("quantity", "<i4"),
        ("cents", "<i4"),
        ("sku", "<u2"),
        ("series", "<u2"),
    ]
)
ROW: Final = Struct("<QIiiiiiHH")
KEY: Final = Struct("<QI")
SIZE: Final = ROW.size
UNKNOWN: Final = -(2**31)
"""Stands for a receipt's first time that was not looked up yet."""
_FIRST_AT: Final = _TYPE.fields["first"][1]  # type: ignore[index]
_LEFT_AT: Final = _TYPE.fields["quantity"][1]  # type: ignore[index]
_INT: Final = Struct("<i").pack_into
_LEFT: Final = Struct("<ii").pack_into
Rows: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Places: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]


class Odd(NamedTuple):
    """A line whose values do not fit a row: more than two decimals, or weeks away from the clock."""

    time: int
    clock: int
    quantity: float
    amount: float
    sku: str | None  # where its store has more skus than a row can count


class _StoredChunk(msgspec.Struct, array_like=True):
    base: int
    rows: bytes
    skus: list[str]
    series: list[tuple[str, ...]]
    odd: dict[int, Odd]


class Chunk:
    """Up to 256 lines in the order in which they were processed.

    Parameters
    ----------
    base
        The store's clock at the first line; the times of the lines are counted from it, in milliseconds.
    room
        For how many rows it has memory; `grow` gives it that of all.

    Attributes
    ----------
    count
        How many lines there are.
    odd
        The lines that do not fit their row, by row.
    dirty
        Whether a line changed since the record was written.
    written
        How many lines the record has.

    Examples
    --------
    >>> chunk = Chunk(1_760_000_000_000)
    >>> chunk.count, len(chunk.view())
    (0, 0)
    """

    __slots__ = ("_newest", "base", "count", "dirty", "odd", "rows", "written")

    def __init__(self, base: int, room: int = ROWS) -> None:
        self.base = base
        self.count = 0
        self.rows = bytearray(room * SIZE)
        self.odd: dict[int, Odd] = {}
        self.dirty = False
        self.written = 0
        self._newest = (0, 0)

    def grow(self) -> None:
        """Have memory for as many rows as a chunk has at most."""
        # Another bytearray: one that somebody views can't change its length.
        self.rows = self.rows + bytes(ROWS * SIZE - len(self.rows))

    def newest(self) -> int:
        """Return the latest time of a line, or clock when it was processed: all are forgotten after it."""
        if self._newest[0] != self.count:
            rows = self.view()
            latest = int((rows["time"] + np.maximum(rows["late"], 0).astype(np.int64)).max())
            odd = [max(odd.time, odd.clock) for odd in self.odd.values()]
            self._newest = (self.count, max(self.base + latest, *odd) if odd else self.base + latest)
        return self._newest[1]

    def view(self) -> Rows:
        """Return the rows as a structured array over the same memory."""
        return np.frombuffer(self.rows, dtype=_TYPE, count=self.count)

    def event_times(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the times of the lines, in epoch milliseconds."""
        times = self.base + self.view()["time"].astype(np.int64)
        for row, odd in self.odd.items():
            times[row] = odd.time
        tokens, lines = self.token_rows()
        times[tokens] = times[lines]
        return times

    def token_rows(self) -> tuple[Places, Places]:
        """Return the rows of tokens, and beside each the row of its line."""
        rows = self.view()
        tokens = np.flatnonzero(rows["quantity"] == UNKNOWN)
        back = rows["cents"][tokens]
        # Older records have a refund of 2,147,483.648 pieces as such a row.
        tokens = tokens[(back >= 1) & (back <= tokens)]
        return tokens, tokens - rows["cents"][tokens]

    def set_first(self, row: int, offset: int) -> None:
        """Note the first time of a line's receipt, as an offset to the line's time."""
        _INT(self.rows, row * SIZE + _FIRST_AT, offset)
        self.dirty = True

    def set_left(self, row: int, quantity: float, amount: float) -> None:
        """Change what is left of a line; the quantity of a refund is negative."""
        odd = self.odd.get(row)
        if odd is None and not quantity:
            _LEFT(self.rows, row * SIZE + _LEFT_AT, 0, 0)
        else:
            time, clock, sku = (odd.time, odd.clock, odd.sku) if odd else (*self.times(row), None)
            self.odd[row] = Odd(time, clock, quantity, amount, sku)
        self.dirty = True

    def times(self, row: int) -> tuple[int, int]:
        """Return the time of a line that fits its row, and the clock when it was processed."""
        _, _, ahead, late, *_ = ROW.unpack_from(self.rows, row * SIZE)
        return self.base + ahead, self.base + ahead + late

    def pack(self, skus: list[str], series: list[tuple[str, ...]]) -> bytes:
        """Return the record: it names its own skus and series, and holds no links."""
        rows = self.view().copy()
        rows["link"] = 0
        own_skus = _renumbered(rows, "sku", skus)
        own_series = _renumbered(rows, "series", series)
        return msgspec.msgpack.encode(_StoredChunk(self.base, rows.tobytes(), own_skus, own_series, self.odd))


def unpack(packed: bytes) -> tuple[Chunk, list[str], list[tuple[str, ...]]]:
    """Return a chunk of its record, with the skus and the series that its rows count.

    Examples
    --------
    >>> chunk, skus, series = unpack(Chunk(1_760_000_000_000).pack([], []))
    >>> chunk.base
    1760000000000
    """
    stored = msgspec.msgpack.decode(packed, type=_StoredChunk)
    chunk = Chunk(stored.base)
    chunk.odd = stored.odd
    chunk.count = chunk.written = len(stored.rows) // SIZE
    chunk.rows[: len(stored.rows)] = stored.rows
    return chunk, stored.skus, stored.series


def linked(views: Sequence[tuple[int, Rows]], size: int) -> "array[int]":
    """Link the rows of several chunks into lists by the last bits of their numbers.

    Parameters
    ----------
    views
        The rows, in order, each chunk with the number of its first line; their links are changed.
    size
        How many lists there are: a power of 2.

    Returns
    -------
    array
        The newest line of each list, 0 for an empty one.

    Examples
    --------
    >>> list(linked([], 2))
    [0, 0]
    """
    heads = np.zeros(size, dtype=np.uint32)
    if views:
        lines = np.concatenate([np.arange(len(view), dtype=np.uint32) + first for first, view in views])
        slots = np.concatenate([view["number"] for _, view in views]) & np.uint64(size - 1)
        order = np.argsort(slots, kind="stable")
        same = slots[order[1:]] == slots[order[:-1]]
        links = np.zeros(len(lines), dtype=np.uint32)
        links[order[1:]] = np.where(same, lines[order[:-1]], 0)
        heads[slots[order]] = lines[order]  # of several, the last one stays
        at = 0
        for _, view in views:
            view["link"] = links[at : at + len(view)]
            at += len(view)
    return array("I", heads.tobytes())


def _renumbered(rows: Rows, field: str, names: list[Any]) -> list[Any]:
    """Count the names from zero that the rows use; return these names."""
    used, place = np.unique(rows[field], return_inverse=True)
    rows[field] = place
    return [names[number] for number in used] if names else []
