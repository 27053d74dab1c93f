"""How timed ids are written: by time, in chunks."""

from collections.abc import Iterator
from typing import Final

import msgspec

from retail_anomaly.core.collections.collection import StateRecord

CHUNK_IDS: Final = 512
"""Ids in a complete chunk."""

_pack: Final = msgspec.msgpack.Encoder().encode


class IdBucket:
    """The ids of one span of time, on their way to the records.

    Parameters
    ----------
    chunks
        Number of complete chunks.

    Notes
    -----
    A bucket is written as chunks. A complete chunk is written once and never again; the last, pending one is
    written again whenever it changed.

    Examples
    --------
    >>> bucket = IdBucket()
    >>> bucket.pending["a"], bucket.dirty = 5, True
    >>> [name for name, _ in bucket.records(7)]
    ['7/0']
    """

    __slots__ = ("chunks", "dirty", "pending", "sealed")

    def __init__(self, chunks: int = 0) -> None:
        self.chunks = chunks
        self.sealed: list[bytes] = []  # complete chunks that are not in the records yet
        self.pending: dict[str, int] = {}  # the next chunk: times by id
        self.dirty = False  # whether the pending chunk differs from the records

    def seal(self) -> None:
        """Complete the pending chunk and pack it: packed, it takes an eighth of the dictionary's memory."""
        if self.dirty:
            self.sealed.append(_pack(self.pending))
            self.dirty = False
        if self.pending:
            self.chunks += 1
            self.pending = {}

    def records(self, number: int) -> Iterator[StateRecord]:
        """Yield the chunks that changed."""
        first = self.chunks - len(self.sealed)
        for chunk, packed in enumerate(self.sealed, first):
            yield f"{number}/{chunk}", packed
        self.sealed = []
        if self.dirty:
            yield f"{number}/{self.chunks}", _pack(self.pending)
            self.dirty = False

    @property
    def written_chunks(self) -> int:
        """Number of chunks in the records, the pending one included."""
        return self.chunks + bool(self.pending)
