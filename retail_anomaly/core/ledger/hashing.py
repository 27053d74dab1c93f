"""Hashes of numbers and tokens that are the same in every process."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np

_MIX: Final = 0x9E37_79B9_7F4A_7C15


def stable_hash(text: str, kind: bytes = b"\x01") -> int:
    """Return a hash of a text: a number below 2**61, the same in every process.

    Python's own hash of a text differs between processes. Its hash of an integer does not: it is the integer
    modulo 2**61 - 1.

    Parameters
    ----------
    text
        The text.
    kind
        One byte that keeps the hashes of one kind of text apart from those of another.

    Examples
    --------
    >>> stable_hash("t-1") == stable_hash("t-1") != stable_hash("t-2")
    True
    """
    return hash(int.from_bytes(kind + text.encode("utf-8", "surrogatepass"), "big"))


def fingerprint(hashed: int) -> int:
    """Return 32 well mixed bits of a hash.

    Examples
    --------
    >>> fingerprint(stable_hash("t-1")) < 2**32
    True
    """
    return (hashed * _MIX >> 32) & 0xFFFF_FFFF


def fingerprints(hashes: Iterable[int]) -> "np.ndarray[Any, np.dtype[np.uint32]]":
    """Return the `fingerprint` of each hash.

    Examples
    --------
    >>> int(fingerprints([stable_hash("t-1")])[0]) == fingerprint(stable_hash("t-1"))
    True
    """
    mixed = np.array([*hashes], dtype=np.uint64) * np.uint64(_MIX)  # modulo 2**64, which leaves these bits
    return (mixed >> np.uint64(32)).astype(np.uint32)
