"""What other stores of the chain have refunded of a store's receipts."""

from typing import Final

import msgspec

from retail_anomaly.core.collections import Table
from retail_anomaly.core.ledger.block import Place
from retail_anomaly.core.ledger.sold_receipt import SoldReceipt

_TINY: Final = 1e-9


class TakenElsewhere(msgspec.Struct, array_like=True, gc=False):
    """What other stores refunded of one receipt.

    Parameters
    ----------
    newest
        The time of its newest SALE line, in epoch milliseconds.
    quantities
        The quantity by sku.
    stores
        The stores, each once, in the order in which they came.

    Examples
    --------
    >>> TakenElsewhere(1_760_000_000_000, {"sku-1": 1.0}, ["store-2"]).stores
    ['store-2']
    """

    newest: int
    quantities: dict[str, float]
    stores: list[str]


class Elsewhere(Table[TakenElsewhere]):
    """Remember what other stores refunded, by receipt.

    Parameters
    ----------
    keep
        How long after its newest SALE line a receipt is of use, in milliseconds.

    Examples
    --------
    >>> receipt = SoldReceipt(("42",), 5, home=Place(0, 0), booked={"k": 1.0})
    >>> elsewhere = Elsewhere(keep=90)
    >>> elsewhere.book(receipt, "k", 1.0, "store-2")
    >>> elsewhere.stores(receipt, "k"), elsewhere.beside(receipt).booked
    (['store-2'], {'k': 2.0})
    """

    __slots__ = ()

    def __init__(self, keep: int) -> None:
        super().__init__(
            TakenElsewhere, due=lambda taken: taken.newest + keep, time=lambda taken: taken.newest
        )

    def book(self, receipt: SoldReceipt, sku: str, quantity: float, store_id: str) -> None:
        """Book what a store takes of a receipt."""
        if quantity <= _TINY:
            return
        key = _key(receipt.home)
        taken = self.get(key) or TakenElsewhere(receipt.newest, {}, [])
        taken.quantities[sku] = taken.quantities.get(sku, 0.0) + quantity
        if store_id not in taken.stores:
            taken.stores.append(store_id)
        self.put(key, taken)

    def stores(self, receipt: SoldReceipt, sku: str) -> list[str]:
        """Return the stores that took anything of a receipt, if they took this article."""
        taken = self.get(_key(receipt.home)) if len(self) else None
        return list(taken.stores) if taken is not None and sku in taken.quantities else []

    def beside(self, receipt: SoldReceipt) -> SoldReceipt:
        """Return the receipt with what other stores took booked on it as well."""
        taken = self.get(_key(receipt.home))
        booked = dict(receipt.booked)
        for sku, quantity in (taken.quantities if taken is not None else {}).items():
            booked[sku] = booked.get(sku, 0.0) + quantity
        return receipt.with_booked(booked)


def _key(home: Place) -> str:
    return f"{home.block}/{home.number}"
