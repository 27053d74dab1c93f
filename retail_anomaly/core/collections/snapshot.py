"""One object that knows how to write itself."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from retail_anomaly.core.collections.collection import Load, StateRecord


class Snapshot(ABC):
    """Base of an object that is stored beside a detector's collections and writes itself.

    Use it for what is no table of entries, such as a model of another library. It never expires.

    Examples
    --------
    >>> class Newest(Snapshot):
    ...     time, changed = 0, False
    ...     def __len__(self):
    ...         return int(self.time > 0)
    ...     def restore(self, description, load):
    ...         self.time = int.from_bytes(load("time") or b"")
    ...     def records(self):
    ...         if self.changed:
    ...             yield "time", self.time.to_bytes(8)
    ...         self.changed = False
    >>> newest, again = Newest(), Newest()
    >>> newest.time, newest.changed = 1_760_000_000_000, True
    >>> again.restore(newest.describe(), dict(newest.records()).get)
    >>> again.time
    1760000000000
    """

    @abstractmethod
    def __len__(self) -> int:
        """Return 0 as long as there is nothing to write, else 1 or the number of its parts."""

    @abstractmethod
    def restore(self, description: list[int], load: Load) -> None:
        """Read what `records` wrote."""

    @abstractmethod
    def records(self) -> Iterator[StateRecord]:
        """Yield the records that changed since the last call."""

    def describe(self) -> list[int]:
        """Return the numbers that `restore` needs; none, if it finds its records by their names."""
        return []

    def sweep(self, clock: int) -> None:  # noqa: B027 - most have nothing to drop
        """Drop nothing: it does not expire."""

    def times(self) -> tuple[int, int] | None:
        """Return None: it has no entries with times."""
        return None

    def untrack(self) -> None:  # noqa: B027 - most have nothing to free
        """Go on without records; override it if they take memory."""
