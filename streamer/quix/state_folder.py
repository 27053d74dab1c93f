"""The files in which Quix Streams 3.28 keeps state: a RocksDB for each partition.

Its folder is ``<state dir>/<group>/default/<topics>/<partition>``, its keys are ``<prefix>|<record>``. Tests
read the files of a real streamer, and so notice a change.
"""

from pathlib import Path
from typing import Final, NamedTuple

_STORE_NAME: Final = "default"
_SEPARATOR: Final = b"|"


class PartitionFolder(NamedTuple):
    """The RocksDB of one partition."""

    path: Path
    topics: str
    partition: int


def partition_folders(group_folder: Path) -> list[PartitionFolder]:
    """Return the databases of a consumer group, by topics and partition.

    Parameters
    ----------
    group_folder
        The state directory's folder of the group.

    Examples
    --------
    >>> partition_folders(Path("nowhere"))
    []
    """
    folders = (file.parent for file in (group_folder / _STORE_NAME).glob("*/*/CURRENT"))
    return sorted(
        (PartitionFolder(folder, folder.parent.name, int(folder.name)) for folder in folders),
        key=lambda database: (database.topics, database.partition),
    )


def split_key(key: bytes) -> tuple[bytes, bytes]:
    """Return a key's prefix and the name of its record.

    Examples
    --------
    >>> split_key(b"store-1|header")
    (b'store-1', b'header')
    """
    prefix, _, record = key.rpartition(_SEPARATOR)
    return prefix, record


def joined_key(prefix: str, record: str) -> bytes:
    """Return the key of a record.

    Examples
    --------
    >>> joined_key("store-1", "header")
    b'store-1|header'
    """
    return prefix.encode() + _SEPARATOR + record.encode()
