"""Wrong prices: whether more receipts than usual have a line far off the known price."""

from collections.abc import Sequence
from typing import Final

import msgspec

from retail_anomaly.models.sales.history import SalesHistory, WindowQuarter
from retail_anomaly.models.tails import at_least

_KNOWN_FROM: Final = 200  # lines
_PRIOR_LINES: Final = 1000
_DECAY: Final = 0.95  # a day


class OffPriceTails(msgspec.Struct, frozen=True):
    """Receipts of two hours with a line far below and far above the known price, and their chances."""

    cheap: int
    dear: int
    p_cheap: float
    p_dear: float


def off_price_tails(window: Sequence[WindowQuarter], store: SalesHistory) -> OffPriceTails:
    """Return how unusual it is that so many of two hours' receipts have a line far off the known price."""
    known = store.priced
    lines = sum(row.lines for row in window)

    def chance(count: float, seen: float) -> float:
        if known.lines <= _KNOWN_FROM:
            return 1.0
        return at_least(count, lines * (seen + 0.5) / (known.lines + _PRIOR_LINES), seen + 1.0)

    cheap, dear = sum(row.cheap for row in window), sum(row.dear for row in window)
    return OffPriceTails(int(cheap), int(dear), chance(cheap, known.cheap), chance(dear, known.dear))


def learn_off_prices(store: SalesHistory) -> None:
    """Learn the lines of the quarter that is over."""
    store.priced.add(store.lines, store.off_price.cheap, store.off_price.dear)


def decay_off_prices(store: SalesHistory) -> None:
    """Make the past count less; once a day."""
    store.priced.decay(_DECAY)
