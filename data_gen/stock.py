"""The shelves of one store: what is there, what the till sold, what went missing."""

from math import ceil
from typing import Final

from data_gen.world import Catalogue

LINES_PER_RECEIPT: Final = 2.6
PIECES_PER_LINE: Final = 1.25


class Stock:
    """Pieces of every sku in one store.

    It keeps the promises that make an honest store silent: a sku is never sold so far down that
    less than what was sold is left at the count, and no more than `SLACK` pieces of a sku vanish
    between two counts unless a scenario is about exactly that.

    Parameters
    ----------
    catalogue
        What the store sells.
    receipts
        Receipts on an average day, for the size of the deliveries.

    Examples
    --------
    >>> from data_gen.world import make_catalogue
    >>> stock = Stock(make_catalogue(7), receipts=500)
    >>> sku = make_catalogue(7).products[0].sku
    >>> before = stock.on_hand[sku]
    >>> stock.sell(sku, 3)
    >>> before - stock.on_hand[sku], stock.sold[sku]
    (3, 3)
    """

    # With a counting error of one piece at both counts 4 can seem missing: one under the threshold.
    SLACK: Final = 2

    def __init__(self, catalogue: Catalogue, receipts: int) -> None:
        pieces = receipts * LINES_PER_RECEIPT * PIECES_PER_LINE
        self._daily = {p.sku: p.share * pieces for p in catalogue.products}
        self._full = {sku: ceil(8 * daily) + 40 for sku, daily in self._daily.items()}
        self.on_hand = dict(self._full)
        self.sold = dict.fromkeys(self._full, 0)
        self.gone = dict.fromkeys(self._full, 0)
        # The opening balance is counted once, so that every later count has one to compare with.
        self._uncounted = set(self._full)

    def can_sell(self, sku: str, quantity: int) -> bool:
        """Tell whether at least as many pieces as were sold would remain."""
        return self.on_hand[sku] - self.sold[sku] >= 2 * quantity

    def can_lose(self, sku: str, quantity: int) -> bool:
        """Tell whether that many pieces can vanish without a count noticing."""
        return self.gone[sku] + quantity <= self.SLACK and self.on_hand[sku] >= quantity

    def sell(self, sku: str, quantity: int) -> None:
        """Take sold pieces off the shelf."""
        self.on_hand[sku] -= quantity
        self.sold[sku] += quantity

    def put_back(self, sku: str, quantity: int) -> None:
        """Return refunded pieces to the shelf."""
        self.on_hand[sku] += quantity

    def lose(self, sku: str, quantity: int) -> None:
        """Let pieces leave the store that no till has sold."""
        self.on_hand[sku] -= quantity
        self.gone[sku] += quantity

    def refund_without_goods(self, sku: str, quantity: int) -> None:
        """Book pieces back that nobody brought: the books then hold more than the shelf."""
        self.gone[sku] += quantity

    def count(self, sku: str) -> int:
        """Return what is on the shelf and begin a new period."""
        self.sold[sku] = self.gone[sku] = 0
        return self.on_hand[sku]

    def deliver(self) -> list[str]:
        """Fill up what would not last the day; return the skus to count afterwards."""
        delivered = []
        for sku, daily in self._daily.items():
            # Twice, because a sale lowers what is left and raises what must be left.
            if self.on_hand[sku] - self.sold[sku] < 2 * ceil(1.6 * daily + 5):
                self.on_hand[sku] = max(self.on_hand[sku], self._full[sku])
                delivered.append(sku)
            elif sku in self._uncounted:
                delivered.append(sku)
        self._uncounted.clear()
        return delivered
