"""How refunds stand to their sales: the counts of a cashier's day, and how many are usual in the store."""

from collections.abc import Iterator
from typing import Final

import msgspec

from retail_anomaly.core.ledger import RefundLink
from retail_anomaly.models.tails import at_least, shape_of

LINKS: Final = ("same_cashier", "tender_switch", "not_covered")
"""The marks of a refund whose sale is known."""


class LinkCounts(msgspec.Struct, array_like=True, gc=False):
    """How many refunds bear each mark: those of a cashier's day, or of a store's past.

    Parameters
    ----------
    day
        The local day of the cashier, or the newest one that the store has learned.
    known
        How many refunds have a sale that is known.
    same_cashier, tender_switch, not_covered
        How many of these bear the mark, see `RefundLink`.

    Examples
    --------
    >>> today = LinkCounts(739_000)
    >>> today.count(RefundLink(7, same_cashier=True, tender_switch=False, not_covered=False))
    >>> past = LinkCounts()
    >>> past.learn(today, half_life=30.0)
    >>> past.known, past.same_cashier, past.tender_switch
    (1.0, 1.0, 0.0)
    """

    day: int = 0
    known: float = 0.0
    same_cashier: float = 0.0
    tender_switch: float = 0.0
    not_covered: float = 0.0

    def count(self, link: RefundLink) -> None:
        """Count a refund."""
        self.known += 1
        self.same_cashier += link.same_cashier
        self.tender_switch += link.tender_switch
        self.not_covered += link.not_covered

    def learn(self, day: "LinkCounts", half_life: float) -> None:
        """Add a day that is over to the store's past, which counts half after so many days."""
        factor = 0.5 ** (max(0, day.day - self.day) / half_life)
        self.day = max(self.day, day.day)
        for name in ("known", *LINKS):
            setattr(self, name, getattr(self, name) * factor + getattr(day, name))


def p_of_links(
    today: LinkCounts | None, past: LinkCounts, expected: float, shape: float
) -> Iterator[tuple[str, float]]:
    """Yield the p-value of each mark that a refund of the cashier's day bears.

    Parameters
    ----------
    today
        The counts of the day; None before its first refund whose sale is known.
    past
        Those that the store has learned.
    expected, shape
        The refunds expected of the day, and the shape of their spread.

    Notes
    -----
    Most days have none of these marks. Tests that are nearly always 1 would weaken all others in their mean.
    The rank makes up for leaving them out.

    Examples
    --------
    >>> today, past = LinkCounts(9, 2, same_cashier=2), LinkCounts(8, 200.0)
    >>> [(name, round(p, 6)) for name, p in p_of_links(today, past, expected=1.0, shape=6.0)]
    [('same_cashier', 9e-06)]
    """
    for name in LINKS if today is not None else ():
        count, seen = getattr(today, name), getattr(past, name)
        if count:
            portion = (seen + 0.5) / (past.known + 10)
            yield name, at_least(count, expected * portion, shape_of(shape, seen + 0.5))
