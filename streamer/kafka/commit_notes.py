"""Notes beside committed offsets: they tell offsets that stand for processed records from others."""

from dataclasses import dataclass
from typing import Final

BEGUN: Final = "begun"
"""The first record of a checkpoint that was not committed: nothing before it is unprocessed."""
SKIPPED: Final = "skipped"
"""Where `retail-streamer skip` lets a new group begin, without state."""
ADOPTED: Final = "adopted"
"""Where `retail-streamer state adopt` lets a group go on, although its state does not reach there."""


@dataclass(frozen=True)
class Committed:
    """A committed offset.

    Parameters
    ----------
    offset
        The next record to read; None if none is committed.
    note
        One of the notes above, or empty.
    end
        The end of the topic's partition.

    Examples
    --------
    >>> Committed(7, SKIPPED, end=9).note
    'skipped'
    """

    offset: int | None
    note: str = ""
    end: int = 0
