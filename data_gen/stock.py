"""The shelves of one store: pieces present, pieces sold and pieces missing."""

from math import ceil
from random import Random
from typing import Final

from data_gen.world import Catalogue

LINES_PER_RECEIPT: Final = 2.6
PIECES_PER_LINE: Final = 1.3
# Share of deliveries that do not come.
DELAYED: Final = 0.03


class ShelfStock:
    """Pieces of every sku in one store.

    Parameters
    ----------
    catalogue
        The articles that the store sells.
    receipts
        Receipts on an average day, for the size of the deliveries.

    Attributes
    ----------
    on_hand
        Pieces on the shelf.
    sold
        Pieces sold since the last count.
    gone
        Pieces in the books that are missing on the shelf, since the last count.

    Examples
    --------
    >>> from data_gen.world import make_catalogue
    >>> stock = ShelfStock(make_catalogue(7), receipts=500)
    >>> sku = make_catalogue(7).products[0].sku
    >>> before = stock.on_hand[sku]
    >>> stock.sell(sku, 3)
    >>> before - stock.on_hand[sku], stock.sold[sku]
    (3, 3)
    """

    # An incident about something else takes at most this many pieces, so that no count reveals it first.
    SLACK: Final = 2

    def __init__(self, catalogue: Catalogue, receipts: int) -> None:
        pieces = receipts * LINES_PER_RECEIPT * PIECES_PER_LINE
        daily = {product.sku: product.share * pieces for product in catalogue.products}
        self._full = {sku: ceil(10 * expected) + 40 for sku, expected in daily.items()}
        self.on_hand = dict(self._full)
        self.sold = dict.fromkeys(self._full, 0)
        self.gone = dict.fromkeys(self._full, 0)
        # The opening balance is counted once, so that every later count has one to compare with.
        self._uncounted = set(self._full)

    def can_sell(self, sku: str, quantity: int) -> bool:
        """Tell whether so many pieces are left."""
        return self.on_hand[sku] >= quantity

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
        """Return the pieces on the shelf and begin a new period."""
        self.sold[sku] = self.gone[sku] = 0
        return self.on_hand[sku]

    def order(self, sku: str, pieces: int) -> None:
        """Have more of a sku delivered than usual, and counted, with the next delivery."""
        self.on_hand[sku] += pieces
        self._uncounted.add(sku)

    def deliver(self, rng: Random) -> list[str]:
        """Fill up every shelf that is less than three fifths full; return the skus to count afterwards."""
        delivered = []
        for sku, full in self._full.items():
            if 5 * self.on_hand[sku] < 3 * full and rng.random() >= DELAYED:
                self.on_hand[sku] = full
                delivered.append(sku)
            elif sku in self._uncounted:
                delivered.append(sku)
        self._uncounted.clear()
        return delivered
