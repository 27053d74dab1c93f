"""The content of a state directory, as numbers, JSON and text."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from retail_anomaly.core.state_errors import FORMAT_VERSION

_AMOUNTS: Final = ("entries", "records", "bytes")
_NAMES: Final = ("detector", "collection", "store", "largest stores", "partition")
_LARGEST: Final = 10
_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_UNITS: Final = (
    ("d", _DAY, "h", _HOUR),
    ("h", _HOUR, "m", _MINUTE),
    ("m", _MINUTE, "s", 1000),
)


@dataclass
class Amount:
    """A number of entries, and the records and bytes that hold them.

    Examples
    --------
    >>> total = Amount(1, 2, 30)
    >>> total.add(Amount(1, 1, 10))
    >>> total
    Amount(entries=2, records=3, bytes=40)
    """

    entries: int = 0
    records: int = 0
    bytes: int = 0

    def add(self, other: "Amount") -> None:
        """Add another amount."""
        self.entries += other.entries
        self.records += other.records
        self.bytes += other.bytes


@dataclass
class CollectionReport(Amount):
    """A collection over all stores; ages are in milliseconds before its store's newest event."""

    oldest: int | None = None
    newest: int | None = None

    def note(self, oldest: int, newest: int) -> None:
        """Take in the oldest and the newest age that one store has."""
        # A shift can lie ahead of its store's clock; its age would be negative.
        self.oldest = max(self.oldest or 0, oldest)
        self.newest = max(0, newest if self.newest is None else min(self.newest, newest))


@dataclass
class PartitionReport(Amount):
    """A partition: its stores, and the size of its files."""

    topics: str = ""
    partition: int = 0
    stores: int = 0
    disk_bytes: int = 0


@dataclass
class StoreReport(Amount):
    """A store: its partition, and its clock in epoch milliseconds."""

    store: str = ""
    partition: int = 0
    clock: int = 0


@dataclass
class StateReport:
    """The content of a state directory.

    Parameters
    ----------
    folder
        The directory of the consumer group.
    collections
        By ``collection`` or ``detector.collection``. The collection ``header`` holds the stores' clocks.
    partitions, stores
        By partition and name.
    """

    folder: Path
    format_version: int = FORMAT_VERSION
    collections: dict[str, CollectionReport] = field(default_factory=lambda: defaultdict(CollectionReport))
    partitions: list[PartitionReport] = field(default_factory=list)
    stores: list[StoreReport] = field(default_factory=list)

    def total(self) -> Amount:
        """Return the sum over all partitions."""
        total = Amount()
        for partition in self.partitions:
            total.add(partition)
        return total

    def content(self) -> dict[str, Any]:
        """Return the whole report, for JSON."""
        return {
            "folder": str(self.folder),
            "formatVersion": self.format_version,
            **_amount(self.total()),
            "collections": [
                {
                    **_name(name),
                    **_amount(found),
                    "oldestMs": found.oldest,
                    "newestMs": found.newest,
                }
                for name, found in self._in_order()
            ],
            "partitions": [
                {
                    "topics": found.topics,
                    "partition": found.partition,
                    "stores": found.stores,
                    **_amount(found),
                    "diskBytes": found.disk_bytes,
                }
                for found in self.partitions
            ],
            "stores": [
                {
                    "store": found.store,
                    "partition": found.partition,
                    "clock": found.clock,
                    **_amount(found),
                }
                for found in self.stores
            ],
        }

    def lines(self) -> Iterator[str]:
        """Yield the report as lines of text, with the largest stores only."""
        yield f"{self.folder}: format {self.format_version}"
        yield ""
        yield from _table(
            ["detector", "collection", *_AMOUNTS, "oldest", "newest"],
            [
                [*_name(name).values(), *_counts(found), _age(found.oldest), _age(found.newest)]
                for name, found in self._in_order()
            ],
        )
        yield ""
        several = len({found.topics for found in self.partitions}) > 1
        yield from _table(
            ["partition", "stores", *_AMOUNTS, "on disk"],
            [
                [
                    f"{found.topics}/{found.partition}" if several else str(found.partition),
                    str(found.stores),
                    *_counts(found),
                    _size(found.disk_bytes),
                ]
                for found in self.partitions
            ]
            + [
                [
                    "all",
                    str(len(self.stores)),
                    *_counts(self.total()),
                    _size(sum(found.disk_bytes for found in self.partitions)),
                ]
            ],
        )
        yield ""
        largest = sorted(self.stores, key=lambda found: -found.bytes)[:_LARGEST]
        yield from _table(
            ["store" if len(largest) == len(self.stores) else "largest stores", "partition", *_AMOUNTS],
            [[found.store, str(found.partition), *_counts(found)] for found in largest],
        )

    def _in_order(self) -> list[tuple[str, CollectionReport]]:
        return sorted(self.collections.items(), key=lambda item: ("." in item[0], item[0]))


def _name(collection: str) -> dict[str, str]:
    detector, dot, name = collection.partition(".")
    return {"detector": detector, "collection": name} if dot else {"detector": "", "collection": collection}


def _amount(found: Amount) -> dict[str, int]:
    return {"entries": found.entries, "records": found.records, "bytes": found.bytes}


def _counts(found: Amount) -> list[str]:
    return [f"{found.entries:,}", f"{found.records:,}", _size(found.bytes)]


def _size(number: int) -> str:
    return f"{number:,} B" if number < 10_000 else f"{number / 1000:,.1f} kB"


def _age(milliseconds: int | None) -> str:
    """Return an age in its two largest units, such as 3d 4h."""
    if milliseconds is None:
        return ""
    for name, width, smaller, part in _UNITS:
        if milliseconds >= width:
            return f"{milliseconds // width}{name} {milliseconds % width // part}{smaller}"
    return f"{milliseconds // 1000}s"


def _table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    # Names stand on the left, numbers on the right.
    left = sum(name in _NAMES for name in head)
    for row in (head, *rows):
        cells = (
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
