"""The record that a store's state begins with: its version, its clock, and what the collections need."""

import msgspec

from retail_anomaly.core.clock import HeldBack
from retail_anomaly.core.receipts import NumberedBy
from retail_anomaly.core.state_errors import (
    FORMAT_VERSION,
    NamesChangedError,
    NumberingChangedError,
    StateFormatError,
)


class StateHeader(msgspec.Struct, array_like=True):
    """The record `header` of a store.

    Examples
    --------
    >>> header = StateHeader(FORMAT_VERSION, 1_760_000_000_000, 0, None, {})
    >>> read_header(msgspec.msgpack.encode(header), "s", "store", has_pseudonyms=False) == header
    True
    """

    version: int
    clock: int
    next_sweep: int
    first_pos_time: int | None
    collections: dict[str, list[int]]
    # Added later, which the format allows: new fields go to the end and have a default.
    config_hashes: dict[str, str] = {}
    outlived: int = 0
    numbered_by: NumberedBy = "store"
    held_back: HeldBack | None = None
    late_at: int = 0
    is_stuck: bool = False
    has_pseudonyms: bool = False


def read_header(
    packed: bytes, store_id: str, numbered_by: NumberedBy, *, has_pseudonyms: bool
) -> StateHeader:
    """Read the header of a store whose settings must be those that the state was written with.

    Parameters
    ----------
    packed
        The record.
    store_id
        The store, for the errors.
    numbered_by, has_pseudonyms
        As for `StoreMemory`.

    Raises
    ------
    StateFormatError
        The records are of a version that this code cannot read.
    NumberingChangedError
        They were written with another `numbered_by`.
    NamesChangedError
        They were written with clear ids of employees, and there are pseudonyms now, or the other way.
    """
    version = msgspec.msgpack.decode(packed)[0]
    if version != FORMAT_VERSION:
        raise StateFormatError(store_id, version)
    header = msgspec.msgpack.decode(packed, type=StateHeader)
    if header.numbered_by != numbered_by:
        raise NumberingChangedError(store_id, header.numbered_by, numbered_by)
    if header.has_pseudonyms != has_pseudonyms:
        names = {True: "keyed", False: "none"}
        raise NamesChangedError(store_id, names[header.has_pseudonyms], names[has_pseudonyms])
    return header
