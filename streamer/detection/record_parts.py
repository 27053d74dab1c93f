"""Records of state in parts that a changelog takes: one cashier's refunds may outgrow a Kafka record."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from quixstreams import State

PARTS: Final = "parts"
"""The record that tells how many parts the others have."""
_read_counts: Final = msgspec.msgpack.Decoder(dict[str, int]).decode
Get = Callable[[str], bytes | None]


class RecordParts:
    """Which records of a store are in several parts, and how many.

    A record that fits stands under its name. A larger one stands in parts, ``NAME#0``, ``NAME#1`` and so on.

    Parameters
    ----------
    get
        Reads a record as it stands.

    Examples
    --------
    >>> stored = {"parts": msgspec.msgpack.encode({"header": 2}), "header#0": b"a", "header#1": b"b"}
    >>> parts = RecordParts(stored.get)
    >>> parts.read("header", stored.get), parts.read("shifts/0", stored.get)
    (b'ab', None)
    """

    __slots__ = ("_counts", "_written")

    def __init__(self, get: Get) -> None:
        packed = get(PARTS)
        self._counts: dict[str, int] = _read_counts(packed) if packed else {}
        self._written = dict(self._counts)

    def read(self, name: str, get: Get) -> bytes | None:
        """Return a record's content, or None if there is none."""
        count = self._counts.get(name)
        if count is None:
            return get(name)
        return b"".join(get(_part(name, number)) or b"" for number in range(count))

    def write(self, name: str, content: bytes | None, state: State[Any, Any], most: int) -> None:
        """Write a record in parts of at most so many bytes, or delete it."""
        before = self._counts.pop(name, None)
        if content is None or len(content) <= most:
            count = 0
            if content is None:
                state.delete(name.encode())
            else:
                state.set_bytes(name.encode(), content)
        else:
            count = self._counts[name] = -(-len(content) // most)
            if before is None:
                state.delete(name.encode())
            for number in range(count):
                part = content[number * most : (number + 1) * most]
                state.set_bytes(_part(name, number).encode(), part)
        for number in range(count, before or 0):
            state.delete(_part(name, number).encode())

    def write_counts(self, state: State[Any, Any]) -> None:
        """Write how many parts the records have, if that has changed."""
        if self._counts != self._written:
            state.set_bytes(PARTS.encode(), msgspec.msgpack.encode(self._counts))
            self._written = dict(self._counts)


def collection_of(record: str) -> str:
    """Return the collection that a record or one of its parts belongs to.

    Examples
    --------
    >>> collection_of("refund_burst.cashiers/3#1"), collection_of("header#0")
    ('refund_burst.cashiers', 'header')
    """
    return record.partition("#")[0].partition("/")[0]


def _part(name: str, number: int) -> str:
    return f"{name}#{number}"
