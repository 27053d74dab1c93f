"""Goods that come in and goods that are written off, as the stock system books them."""

from typing import Final

from data_gen.day import StoreDay
from data_gen.world import MINUTE, SECOND

# Share of the damaged returns that somebody books out; pieces written off a day, by their date.
BOOKED_OUT: Final = 0.5
OUT_OF_DATE: Final = 1.5


def write_offs(day: StoreDay) -> None:
    """Book out what cannot be sold: damaged returns, and goods past their date."""
    rng = day.rng("write-offs")
    share = day.rates.movements
    lost = [(line.sku, line.quantity) for line in day.damaged if rng.random() < share * BOOKED_OUT]
    for _ in range(int(share * OUT_OF_DATE * 2 * rng.random() + rng.random()) if share else 0):
        (product,) = rng.choices(day.catalogue.products, cum_weights=day.catalogue.cumulative)
        if day.stock.can_lose(product.sku, 1):
            day.stock.lose(product.sku, 1)
            lost.append((product.sku, 1))
    for number, (sku, quantity) in enumerate(lost):
        # Before the counts, and never on a whole minute: shifts are published then.
        at = day.closes + 2 * MINUTE + (1 + number % 50) * SECOND + number // 50 * MINUTE
        day.events.append(day.movement(sku, -quantity, at, "WRITE_OFF"))
