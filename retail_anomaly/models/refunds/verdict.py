"""The verdict on a cashier's day."""

from collections.abc import Mapping

import msgspec


class RefundTails(msgspec.Struct, frozen=True):
    """How unusual a cashier's day of refunds is so far.

    Parameters
    ----------
    observed, expected
        Refund receipts of the day, and how many are usual on such a day.
    shape
        The shape of the expectation's spread.
    p_values
        By component, each corrected for how often it is looked at.
    strength
        All of them combined, see `tails.strength`.

    Examples
    --------
    >>> RefundTails(4, 1.5, 6.0, {"day": 0.08, "cash": 0.01}, 1.6).deciding
    'cash'
    """

    observed: int
    expected: float
    shape: float
    p_values: Mapping[str, float]
    strength: float

    @property
    def deciding(self) -> str:
        """The rarest component."""
        return min(self.p_values, key=lambda name: self.p_values[name])
