"""What stores forget because somebody sends more ids than any shop has."""

from collections import Counter
from collections.abc import Callable
from typing import Final

TOO_MANY: Final = "too many ids"
"""The reason, as metrics name it."""


class TooMany:
    """Counts what was forgotten, by who kept it, and tells of the first of each.

    Attributes
    ----------
    counts
        How many were forgotten: by detector, or ``shifts``.
    tell
        A host sets it: it is told the detector, the store and what happened.

    Examples
    --------
    >>> too_many, said = TooMany(), []
    >>> too_many.tell = lambda *told: said.append(told)
    >>> for _ in range(2):
    ...     too_many.note("shifts", "store-1", "shifts", 10)
    >>> too_many.counts["shifts"], len(said)
    (20, 1)
    """

    __slots__ = ("counts", "tell")

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.tell: Callable[[str, str, str], None] | None = None

    def note(self, name: str, store_id: str, what: str, gone: int) -> None:
        """Note that a store has forgotten some.

        Parameters
        ----------
        name
            The detector, or ``shifts``.
        store_id
            The store.
        what
            What it sends too many of, for the line in the log.
        gone
            How many were forgotten.
        """
        if self.tell and not self.counts[name]:
            self.tell(
                name,
                store_id,
                f"the store sends too many {what}: those that matter least are forgotten. Does a producer "
                "make up ids?",
            )
        self.counts[name] += gone
