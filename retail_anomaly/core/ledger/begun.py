"""Receipts that began in blocks which are gone, while lines that stay may belong to them."""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import msgspec

from retail_anomaly.core.ledger.block import LedgerLine, Place

DAY: Final = 86_400_000
"""How far from its first line the lines of a receipt may be, in milliseconds."""


class Begin(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """The line that began a receipt: its time, and where it stands or stood.

    Examples
    --------
    >>> Begin(1_760_000_000_000, block=3, number=7).home
    Place(block=3, number=7)
    """

    first: int
    block: int
    number: int

    @property
    def home(self) -> Place:
        """The place of the line."""
        return Place(self.block, self.number)


_Begins: TypeAlias = dict[tuple[str, ...], list[Begin]]


class Begun:
    """Remember where receipts began, after the lines that began them were forgotten.

    A number that is used again every day begins receipt after receipt, and where each begins hangs on where
    the one before it began. Without its first line, a receipt of yesterday would be cut differently on the
    day on which a line of three months ago is forgotten.

    Parameters
    ----------
    begins
        The receipts of each identity, in the order in which they were begun.

    Examples
    --------
    >>> begun = Begun()
    >>> begun.note(("42",), [(Place(0, 0), LedgerLine("k", 1, 9.5, 1_760_000_000_000, "c-1"))])
    >>> [begin.home for begin in Begun.unpack(begun.pack()).of(("42",))]
    [Place(block=0, number=0)]
    """

    __slots__ = ("_begins",)

    _decode: Final = msgspec.msgpack.Decoder(list[tuple[tuple[str, ...], list[Begin]]]).decode

    def __init__(self, begins: _Begins | None = None) -> None:
        self._begins: _Begins = begins or {}

    def __len__(self) -> int:
        """Count the identities."""
        return len(self._begins)

    def of(self, identity: tuple[str, ...]) -> Sequence[Begin]:
        """Return the receipts of an identity that began in forgotten blocks."""
        return self._begins.get(identity, ())

    def note(self, identity: tuple[str, ...], lines: Iterable[tuple[Place, LedgerLine]]) -> None:
        """Note the receipts that lines begin, before these are forgotten."""
        begins = self._begins.setdefault(identity, [])
        for place, line in lines:
            if all(abs(line.time - begin.first) > DAY for begin in begins):
                begins.append(Begin(line.time, *place))

    def forget(self, stays_since: float) -> bool:
        """Drop the receipts that no line can belong to any more; tell whether there were any.

        Parameters
        ----------
        stays_since
            The time of the oldest line that there may still be, in epoch milliseconds.
        """
        before, self._begins = self._begins, {}
        for identity, begins in before.items():
            needed = [begin for begin in begins if begin.first >= stays_since - DAY]
            if needed:
                self._begins[identity] = needed
        return self._begins != before

    def pack(self) -> bytes:
        """Return the receipts as a record."""
        return msgspec.msgpack.encode(list(self._begins.items()))

    @classmethod
    def unpack(cls, packed: bytes) -> "Begun":
        """Return the receipts of a record."""
        return cls(dict(cls._decode(packed)))
