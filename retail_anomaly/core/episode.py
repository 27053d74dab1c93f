"""Episodes: alerts that are still open, so that a worse event revises them instead of raising another."""

from typing import TYPE_CHECKING

import msgspec


class Episode(msgspec.Struct, array_like=True, gc=False):
    """Base of a detector's open alerts: enough to raise the next revision of the same alert.

    Your detector's episode is a subclass that declares the four fields below, with fields of its own between
    or after them. An episode is stored as an array, in the order in which the subclass declares its fields:
    once state is stored, add new fields at the end, with a default.

    Parameters
    ----------
    alert_id
        The id that all revisions share.
    opened_at
        Event time of revision 1, in epoch milliseconds.
    revision
        Number of the last revision raised; the first is 1.
    risk
        Risk of the last revision raised.

    Examples
    --------
    >>> class Spree(Episode):
    ...     alert_id: str
    ...     opened_at: int
    ...     revision: int
    ...     risk: float
    >>> spree = Spree(alert_id="a", opened_at=1_760_000_000_000, revision=1, risk=0.5)
    >>> spree.revise(0.8)
    >>> spree.revision, spree.risk
    (2, 0.8)
    """

    # Declared for the type checker only: msgspec would store a base's fields before those of the subclass,
    # and each detector stores them in an order of its own.
    if TYPE_CHECKING:
        alert_id: str
        opened_at: int
        revision: int
        risk: float

    def revise(self, risk: float) -> None:
        """Count a revision with a new risk."""
        self.revision += 1
        self.risk = risk
