"""The interface of a table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from retail_anomaly.sources.batches import Batch

BATCH_ROWS: Final = 65_536
"""How many rows of a table are held at most."""

NOTHING_FOUND: Final[Mapping[str, str | int]] = {}
"""Of a table whose form needs no finding out."""


class ForeignTable(Protocol):
    """Rows in columns: a file or a frame."""

    @property
    def name(self) -> str:
        """Its name in messages."""

    @property
    def names(self) -> Sequence[str]:
        """The names of its columns."""

    @property
    def rows(self) -> int | None:
        """How many rows it has, if that is known beforehand."""

    @property
    def notes(self) -> Sequence[str]:
        """The findings about its form that are worth a sentence."""

    @property
    def found(self) -> Mapping[str, str | int]:
        """The keys of a mapping that state what the notes say: with them nothing needs to be said."""

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Yield the rows from the beginning, with these columns at least."""

    def done(self) -> float | None:
        """Return how much has been read, 0 to 1; None when that can't be told."""
