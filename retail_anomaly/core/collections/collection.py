"""The methods that the engine and the hosts call on a collection."""

from collections.abc import Callable, Iterator
from typing import Protocol

StateRecord = tuple[str, bytes | None]
"""A record's name and its packed content; None deletes the record."""
Load = Callable[[str], bytes | None]
"""Reads a record by its name; returns None when there is none."""


class Collection(Protocol):
    """A `Table`, a `TimedIds` or an `AgedIds`; or the lines of a store."""

    def __len__(self) -> int: ...

    def sweep(self, clock: int) -> None:
        """Drop the entries that have expired at `clock`, in epoch milliseconds."""

    def times(self) -> tuple[int, int] | None:
        """Return the times of the oldest and the newest entry, or None if no entry has one."""

    def describe(self) -> list[int]:
        """Return the numbers that `restore` needs to find the records."""

    def restore(self, description: list[int], load: Load) -> None:
        """Read the state with this description from its records."""

    def records(self) -> Iterator[StateRecord]:
        """Yield the records that changed since the last call."""

    def untrack(self) -> None:
        """Free the memory that only `records` needs; it must not be called afterwards."""
