"""The partition that Kafka's own clients give to a key."""

from typing import Final

_MULTIPLIER: Final = 0x5BD1E995
_SEED: Final = 0x9747B28C
_MASK: Final = 0xFFFFFFFF
_MOST_KEYS: Final = 20_000


def murmur2(key: bytes) -> int:
    """Return the 32-bit hash by which Kafka's clients choose a partition.

    Examples
    --------
    >>> murmur2(b"21")  # of Kafka's own tests: -973932308, here without a sign
    3321034988
    """
    length = len(key)
    mixed = _SEED ^ length
    whole = length & ~3
    for at in range(0, whole, 4):
        part = int.from_bytes(key[at : at + 4], "little") * _MULTIPLIER & _MASK
        part = (part ^ part >> 24) * _MULTIPLIER & _MASK
        mixed = mixed * _MULTIPLIER & _MASK ^ part
    if rest := key[whole:]:
        mixed = (mixed ^ int.from_bytes(rest, "little")) * _MULTIPLIER & _MASK
    mixed = (mixed ^ mixed >> 13) * _MULTIPLIER & _MASK
    return mixed ^ mixed >> 15


class KeyPartitions:
    """The partition of each key in a topic; keys come again and again, so they are remembered.

    Parameters
    ----------
    count
        Partitions of the topic.

    Attributes
    ----------
    known
        The keys that are remembered, with their partitions.

    Examples
    --------
    >>> KeyPartitions(4).of(b"store-2")
    1
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self.known: dict[bytes, int] = {}

    def of(self, key: bytes) -> int:
        """Return the partition of a key."""
        found = self.known.get(key)
        if found is None:
            if len(self.known) >= _MOST_KEYS:
                self.known.clear()
            found = self.known[key] = (murmur2(key) & 0x7FFFFFFF) % self._count
        return found
