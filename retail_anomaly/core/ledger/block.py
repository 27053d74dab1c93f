"""A block of the ledger: sold lines in the order in which they were processed."""

import zlib
from array import array
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

VERSION: Final = 1
"""Version of a block's record."""

HEADS: Final = 64
"""Most heads in a block; a smaller block is read faster, a larger one takes less room."""

_LINES: Final = 256
_BYTES: Final = 32_768
# Level 1 takes 0.2 us a line; a higher level takes four times as long and saves a tenth.
_LEVEL: Final = 1
_TINY: Final = 1e-9

_pack: Final = msgspec.msgpack.Encoder().encode


class LedgerLine(msgspec.Struct, array_like=True, gc=False):
    """A SALE or REFUND line, and what is left of it; the quantity of a REFUND line is below 0.

    Examples
    --------
    >>> LedgerLine("sku-1", 2, 19.98, 0, "c-1").quantity
    2
    """

    sku: str
    quantity: float
    amount: float
    time: int  # in a block: milliseconds after the time of the head
    cashier_id: str
    tender: str | None = None
    tokens: tuple[int, ...] | None = None  # in a block: None if they are those of the head


class LedgerHead(msgspec.Struct, array_like=True, gc=False):
    """An identity of receipts, with the time and the tokens of its first line in the block.

    Examples
    --------
    >>> LedgerHead(("t-1",), 1_760_000_000_000).tokens
    ()
    """

    identity: tuple[str, ...]
    time: int  # in a block: milliseconds after its opening
    tokens: tuple[int, ...] = ()


class Place(NamedTuple):
    """Where a line or a receipt stands; of two lines, the one of the greater place was processed later.

    Examples
    --------
    >>> Place(3, 7) < Place(4, 0)
    True
    """

    block: int
    number: int


class _Stored(msgspec.Struct, array_like=True):
    version: int
    opened: int
    oldest: int
    newest: int
    heads: bytes
    head_sizes: bytes
    rows: bytes
    row_sizes: bytes
    owners: bytes


class Booking(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """What a whole REFUND line took from a receipt.

    Examples
    --------
    >>> Booking(block=0, number=3, sku="sku-1", quantity=2.0).home
    Place(block=0, number=3)
    """

    block: int
    number: int
    sku: str
    quantity: float

    @property
    def home(self) -> Place:
        """The first line of the receipt."""
        return Place(self.block, self.number)


class _Changes(msgspec.Struct, array_like=True):
    left: dict[int, float]
    booked: dict[int, dict[str, float]]
    bookings: dict[int, Booking]


class Block:
    """Some hundred lines; it is only ever added to, and closed when it is full.

    Parameters
    ----------
    number
        The block's number in its store.
    opened
        The store's clock at the first line, in epoch milliseconds.

    Attributes
    ----------
    left
        The quantity that is left of a line, by row; lines of which nothing was taken back are not in it.
    booked
        The quantity refunded of a receipt, by the row of its first line and sku.
    bookings
        What a refund took, by the row of its line.
    is_full
        Whether the next line begins another block.
    newest, oldest
        Times of the newest and the oldest line, in epoch milliseconds.

    Notes
    -----
    Heads and rows are MessagePack, one after the other. A line takes about 40 bytes; a look-up decodes only
    the rows of one head.

    Examples
    --------
    >>> block = Block(0, opened=1_760_000_000_000)
    >>> head = block.begin(("t-1",), 1_760_000_000_000, ())
    >>> block.add(head, 1_760_000_000_000, ("sku-1", 2, 19.98, 0, "c-1", "cash"))
    >>> again = Block.unpack(0, block.pack())
    >>> [(place.number, line.sku, line.amount) for place, line in again.lines(head)]
    [(0, 'sku-1', 19.98)]
    """

    __slots__ = (
        "_head_ends",
        "_heads",
        "_owners",
        "_row_ends",
        "_rows",
        "booked",
        "bookings",
        "is_full",
        "left",
        "newest",
        "number",
        "oldest",
        "opened",
    )

    _head: Final = msgspec.msgpack.Decoder(LedgerHead).decode
    _line: Final = msgspec.msgpack.Decoder(LedgerLine).decode
    _stored: Final = msgspec.msgpack.Decoder(_Stored).decode
    _changes: Final = msgspec.msgpack.Decoder(_Changes).decode

    def __init__(self, number: int, opened: int) -> None:
        self.number = number
        self.opened = opened
        self._heads = bytearray()
        self._head_ends = array("I")
        self._rows = bytearray()
        self._row_ends = array("I")
        self._owners = bytearray()  # the head of each row
        self.left: dict[int, float] = {}
        self.booked: dict[int, dict[str, float]] = {}
        self.bookings: dict[int, Booking] = {}
        self.newest = 0
        self.oldest = 0
        self.is_full = False

    def __len__(self) -> int:
        """Count the lines."""
        return len(self._owners)

    @property
    def head_count(self) -> int:
        """Number of heads."""
        return len(self._head_ends)

    def begin(self, identity: tuple[str, ...], time: int, tokens: tuple[int, ...]) -> int:
        """Add a head and return its number."""
        after = time - self.opened
        self._heads += _pack((identity, after, tokens) if tokens else (identity, after))
        self._head_ends.append(len(self._heads))
        head = len(self._head_ends) - 1
        self.is_full = self.is_full or head == HEADS - 1
        return head

    def add(self, head: int, time: int, row: tuple[Any, ...]) -> None:
        """Add a line under a head; `row` is a `LedgerLine` as a tuple."""
        rows = self._rows
        rows += _pack(row)
        end = len(rows)
        self._row_ends.append(end)
        self._owners.append(head)
        if end >= _BYTES or len(self._owners) >= _LINES:
            self.is_full = True
        if time > self.newest:  # noqa: PLR1730 - max() takes three times as long
            self.newest = time
        if time < self.oldest or not self.oldest:
            self.oldest = time

    def head(self, number: int) -> LedgerHead:
        """Return a head; one that is missing, as in a lost record, is that of no receipt."""
        if number >= len(self._head_ends):
            return LedgerHead(("",), self.opened)
        begin = self._head_ends[number - 1] if number else 0
        head = self._head(self._heads[begin : self._head_ends[number]])
        head.time += self.opened
        return head

    def heads(self) -> Iterator[LedgerHead]:
        """Return all heads."""
        return map(self.head, range(len(self._head_ends)))

    def lines(self, number: int) -> Iterator[tuple[Place, LedgerLine]]:
        """Return the lines under a head, each with what is left of it."""
        head = self.head(number)
        row = self._owners.find(number)
        while row >= 0:
            line = self._row(row)
            left = self.left.get(row)
            if left is not None:
                line.amount *= abs(left / line.quantity)
                line.quantity = left
            line.time += head.time
            if line.tokens is None:
                line.tokens = head.tokens
            yield Place(self.number, row), line
            row = self._owners.find(number, row + 1)

    def close(self) -> None:
        """Give back the memory that was set aside for further lines."""
        self._heads, self._rows = bytearray(bytes(self._heads)), bytearray(bytes(self._rows))
        self._head_ends, self._row_ends = array("I", self._head_ends), array("I", self._row_ends)
        self._owners = bytearray(bytes(self._owners))

    def take(self, row: int, quantity: float) -> float:
        """Take a quantity of a line back; return its share of the whole line."""
        whole = self._row(row).quantity
        left = abs(self.left.get(row, whole)) - quantity
        self.left[row] = 0.0 if left <= _TINY else left if whole > 0 else -left
        return quantity / abs(whole)

    def tokens(self) -> Iterator[tuple[int, int]]:
        """Return the number of each head with each token of its lines."""
        for number, head in enumerate(self.heads()):
            for token in head.tokens:
                yield number, token
        for row, number in enumerate(self._owners):
            for token in self._row(row).tokens or ():
                yield number, token

    def pack(self) -> bytes:
        """Return the lines as a record."""
        stored = _Stored(
            VERSION,
            self.opened,
            self.oldest,
            self.newest,
            bytes(self._heads),
            _sizes(self._head_ends),
            bytes(self._rows),
            _sizes(self._row_ends),
            bytes(self._owners),
        )
        return _pack(zlib.compress(_pack(stored), _LEVEL))

    def pack_changes(self) -> bytes:
        """Return what was taken back and booked as a record; it is small."""
        return _pack(_Changes(self.left, self.booked, self.bookings))

    @classmethod
    def unpack(cls, number: int, lines: bytes, changes: bytes | None = None) -> "Block":
        """Return the block of these records."""
        stored = cls._stored(zlib.decompress(msgspec.msgpack.decode(lines)))
        block = cls(number, stored.opened)
        block.oldest, block.newest = stored.oldest, stored.newest
        block._heads = bytearray(stored.heads)
        block._head_ends = _ends(stored.head_sizes)
        block._rows = bytearray(stored.rows)
        block._row_ends = _ends(stored.row_sizes)
        block._owners = bytearray(stored.owners)
        block.is_full = (
            block.head_count >= HEADS or len(block._owners) >= _LINES or len(block._rows) >= _BYTES
        )
        if changes is not None:
            found = cls._changes(changes)
            block.left, block.booked, block.bookings = found.left, found.booked, found.bookings
        return block

    def _row(self, row: int) -> LedgerLine:
        begin = self._row_ends[row - 1] if row else 0
        return self._line(self._rows[begin : self._row_ends[row]])


def _sizes(ends: "array[int]") -> bytes:
    sizes = np.array(ends, dtype="<u4")
    sizes[1:] -= sizes[:-1].copy()  # np.diff takes five times as long for so few
    return sizes.tobytes()


def _ends(sizes: bytes) -> "array[int]":
    ends = array("I")
    ends.frombytes(np.cumsum(np.frombuffer(sizes, "<u4"), dtype=np.uint32).tobytes())
    return ends
