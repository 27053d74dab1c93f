"""The index of closed blocks: which of their heads may bear a number or a token."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

import msgspec
import numpy as np

from retail_anomaly.core.ledger.block import Block, Place
from retail_anomaly.core.ledger.hashing import fingerprint, fingerprints, stable_hash
from retail_anomaly.core.ledger.print_list import PrintList

_HEAD_BITS: Final = 6


class BlockEntry(msgspec.Struct, array_like=True, gc=False):
    """What the index knows of one block, as it is written.

    Examples
    --------
    >>> entry = BlockEntry(oldest=1, newest=5, closed=5, lines=2)
    >>> entry.is_outlived(9, keep=3)
    True
    """

    oldest: int
    newest: int
    closed: int
    lines: int
    numbers: bytes = b""
    tokens: bytes = b""
    token_heads: bytes = b""

    @classmethod
    def of(
        cls, block: Block, clock: int, numbers: Iterable[str], tokens: Iterable[tuple[int, int]]
    ) -> "BlockEntry":
        """Return the entry of a block.

        Parameters
        ----------
        block
            The block.
        clock
            The store's clock at its closing, in epoch milliseconds.
        numbers
            The transaction number of each head.
        tokens
            Pairs of a head's number and a token.
        """
        found = sorted({(fingerprint(token), head) for head, token in tokens})
        return cls(
            block.oldest,
            block.newest,
            clock,
            len(block),
            fingerprints(map(stable_hash, numbers)).astype("<u4").tobytes(),
            np.array([token for token, _ in found], "<u4").tobytes(),
            bytes(head for _, head in found),
        )

    def is_outlived(self, clock: int, keep: int) -> bool:
        """Tell whether no line is needed any more `keep` milliseconds after its time.

        A line from the future ages from the closing of the block: a till whose clock is wrong keeps nothing.
        """
        return (self.newest if self.newest <= clock else self.closed) + keep < clock


def number_print(number: str) -> int:
    """Return the fingerprint of a transaction number."""
    return fingerprint(stable_hash(number))


class BlockIndex:
    """Find heads by the fingerprints of numbers and tokens.

    Parameters
    ----------
    first
        The number of the first block.

    Notes
    -----
    A head takes 4 bytes, and 8 more for each token. A fingerprint has 32 bits: who finds one reads the
    head and compares the number itself.

    Examples
    --------
    >>> block = Block(0, opened=5)
    >>> head = block.begin(("t-1",), 5, ())
    >>> index = BlockIndex(first=0)
    >>> index.add(BlockEntry.of(block, 5, ["t-1"], []))
    >>> index.with_number(number_print("t-1"))
    [Place(block=0, number=0)]
    """

    __slots__ = (
        "_closed",
        "_ends",
        "_lines",
        "_newest",
        "_numbers",
        "_oldest",
        "_token_at",
        "_tokens",
        "first",
    )

    def __init__(self, first: int) -> None:
        self.first = first
        # By block, what its entry says.
        self._oldest, self._newest, self._closed = array("q"), array("q"), array("q")
        self._lines = array("H")
        self._ends = array("I")  # by block, the count of heads up to its end
        self._numbers = PrintList()  # by head
        self._tokens = PrintList()
        self._token_at = array("I")  # the head of each token: its block, then its number there

    def add(self, entry: BlockEntry) -> None:
        """Add the next block."""
        block = self.first + len(self._lines)
        self._oldest.append(entry.oldest)
        self._newest.append(entry.newest)
        self._closed.append(entry.closed)
        self._lines.append(entry.lines)
        self._numbers.extend(np.frombuffer(entry.numbers, "<u4"))
        self._ends.append(len(self._numbers))
        self._tokens.extend(np.frombuffer(entry.tokens, "<u4"))
        self._token_at.extend([block << _HEAD_BITS | head for head in entry.token_heads])

    def drop_first(self) -> None:
        """Drop the first block."""
        count = self._ends[0]
        self._numbers.drop(count)
        del self._oldest[0], self._newest[0], self._closed[0], self._lines[0]
        self._ends = array("I", (end - count for end in self._ends[1:]))
        self.first += 1
        # A copy, as in `PrintList`.
        kept = np.flatnonzero(np.array(self._token_at, np.uint32) >= self.first << _HEAD_BITS)
        first = int(kept[0]) if len(kept) else len(self._token_at)  # in the order of the blocks
        self._tokens.drop(first)
        del self._token_at[:first]

    def span(self, block: int) -> tuple[int, int]:
        """Return the times of the oldest and the newest line of a block, in epoch milliseconds."""
        return self._oldest[block - self.first], self._newest[block - self.first]

    def oldest_entry(self) -> BlockEntry:
        """Return the entry of the first block, without its fingerprints."""
        return BlockEntry(self._oldest[0], self._newest[0], self._closed[0], self._lines[0])

    def numbers_of_first(self) -> set[int]:
        """Return the fingerprints of the numbers of the first block."""
        return set(self._numbers[: self._ends[0]])

    def used_again(self, begin: int, end: int) -> set[int]:
        """Return the fingerprints of the numbers of all other blocks that have lines within these times."""
        within = (np.array(self._oldest, np.int64) <= end) & (np.array(self._newest, np.int64) >= begin)
        found: set[int] = set()
        for block in np.flatnonzero(within).tolist():
            if block:
                found.update(self._numbers[self._ends[block - 1] : self._ends[block]])
        return found

    def with_number(self, wanted: int) -> list[Place]:
        """Return the heads whose number has this fingerprint, those of the newest block first."""
        found = []
        for position in reversed(self._numbers.positions(wanted)):
            block = bisect_right(self._ends, position)
            begin = self._ends[block - 1] if block else 0
            found.append(Place(self.first + block, position - begin))
        return found

    def with_token(self, wanted: int) -> list[Place]:
        """Return the heads one of whose tokens has this fingerprint, those of the newest block first."""
        at = (self._token_at[position] for position in reversed(self._tokens.positions(wanted)))
        return [Place(place >> _HEAD_BITS, place & ((1 << _HEAD_BITS) - 1)) for place in at]
