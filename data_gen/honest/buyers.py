"""The tokens that stand on receipts: regular customers, and the cards that they pay with."""

from random import Random
from typing import Final

from data_gen.day import Buyer, StoreDay

# How many regular customers there are for each receipt of an average day.
REGULARS_PER_RECEIPT: Final = 4


class Buyers:
    """Draws who buys; the same customers come again on other days.

    Parameters
    ----------
    day
        The day of the store.

    Examples
    --------
    >>> regular_customer(3, 17)
    'customer-3-17'
    """

    def __init__(self, day: StoreDay) -> None:
        self._rng: Random = day.rng("buyers")
        self._share = day.rates.customers
        self._without = 1 - day.rates.cards
        self._store = day.store.number
        self._regulars = max(1, day.store.receipts * REGULARS_PER_RECEIPT)

    def who_pays(self, tender: str) -> Buyer:
        """Draw the customer of a receipt that is paid this way."""
        draw, who = self._rng.random(), self._rng.random()
        number = int(who * self._regulars)
        customer = regular_customer(self._store, number) if draw < self._share else None
        # A regular customer pays with their own card; anybody else's card is seldom seen again.
        card = None
        if tender == "card" and draw >= self._without:
            card = f"card-{self._store}-{number if customer else int(who * 1e6) + self._regulars}"
        return Buyer(tender, customer, card)


def regular_customer(store: int, number: int) -> str:
    """Return the token of a regular customer of a store."""
    return f"customer-{store}-{number}"
