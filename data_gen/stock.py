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
    """Pieces of every sku in one store, or kilograms of the weighed ones.

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
        self.on_hand: dict[str, float] = dict(self._full)
        self.sold: dict[str, float] = dict.fromkeys(self._full, 0)
        self.gone: dict[str, float] = dict.fromkeys(self._full, 0)
        self._ordered: dict[str, int] = {}
        # The opening balance is counted once, so that every later count has one to compare with.
        self._uncounted = set(self._full)

    def can_sell(self, sku: str, quantity: float) -> bool:
        """Tell whether so many pieces are left."""
        return self.on_hand[sku] >= quantity

    def can_lose(self, sku: str, quantity: float) -> bool:
        """Tell whether that many pieces can vanish without a count noticing."""
        return self.gone[sku] + quantity <= self.SLACK and self.on_hand[sku] >= quantity

    def sell(self, sku: str, quantity: float) -> None:
        """Take sold pieces off the shelf."""
        left, sold = self.on_hand[sku] - quantity, self.sold[sku] + quantity
        # Most goods are pieces: a call for each line would cost as much as the rest.
        self.on_hand[sku] = left if isinstance(left, int) else exact(left)
        self.sold[sku] = sold if isinstance(sold, int) else exact(sold)

    def put_back(self, sku: str, quantity: float) -> None:
        """Return refunded pieces to the shelf."""
        self.on_hand[sku] = exact(self.on_hand[sku] + quantity)

    def lose(self, sku: str, quantity: float) -> None:
        """Let pieces leave the store that no till has sold."""
        self.on_hand[sku] = exact(self.on_hand[sku] - quantity)
        self.gone[sku] = exact(self.gone[sku] + quantity)

    def refund_without_goods(self, sku: str, quantity: float) -> None:
        """Book pieces back that nobody brought: the books then hold more than the shelf."""
        self.gone[sku] = exact(self.gone[sku] + quantity)

    def count(self, sku: str) -> float:
        """Return the pieces on the shelf and begin a new period."""
        self.sold[sku] = self.gone[sku] = 0
        return self.on_hand[sku]

    def order(self, sku: str, pieces: int) -> None:
        """Have more of a sku delivered than usual, and counted, with the next delivery."""
        self._ordered[sku] = self._ordered.get(sku, 0) + pieces

    def deliver(self, rng: Random) -> dict[str, float]:
        """Fill up every shelf that is less than three fifths full.

        Returns
        -------
        dict of str and float
            By sku that is to be counted afterwards, how much came; 0 where it is only counted.
        """
        delivered: dict[str, float] = {}
        for sku, full in self._full.items():
            ordered = self._ordered.pop(sku, 0)
            left = self.on_hand[sku] + ordered
            if 5 * left < 3 * full and rng.random() >= DELAYED:
                delivered[sku], self.on_hand[sku] = exact(full - self.on_hand[sku]), full
            elif ordered or sku in self._uncounted:
                delivered[sku], self.on_hand[sku] = ordered, exact(left)
        self._uncounted.clear()
        return delivered


def exact(quantity: float) -> float:
    """Return a quantity to the gram: sums of weights leave the rest behind.

    Examples
    --------
    >>> exact(0.1 + 0.2), exact(3.0), exact(3)
    (0.3, 3, 3)
    """
    if isinstance(quantity, int):
        return quantity
    rounded = round(quantity, 3)
    return int(rounded) if rounded.is_integer() else rounded
