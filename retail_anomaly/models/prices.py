"""What an article costs: the unit prices of a store's best-selling skus in two kilobytes."""

from math import exp, log
from typing import Final
from zlib import crc32

import msgspec

_WAYS: Final = 4
_STEP: Final = 500.0  # steps of the logarithm: a fifth of a per cent each
_LOWEST: Final = -8.0  # of the logarithm: prices from 0.0003 to 10**53 fit
_CODES: Final = 65_535


class SkuPrices(msgspec.Struct, array_like=True):
    """Unit prices by sku: a cache that keeps what sells, of a fixed size.

    Parameters
    ----------
    buckets
        How many; each holds four skus.
    tags, codes, doubts
        The hash of each sku, its price on a scale of logarithms, and since which day only another was rung.

    Notes
    -----
    A new price is taken for a mistake until the next day, unless the old one is rung again: a wrong
    price is seen before it is learned, and a true change is learned overnight. Two skus of one hash
    in one bucket are taken for one; that befalls one pair in millions.

    Examples
    --------
    >>> prices = SkuPrices.of(64)
    >>> prices.see("sku-1", 9.99, day=1), round(prices.see("sku-1", 0.99, day=1), 3)
    (None, 0.099)
    >>> round(prices.get("sku-1"), 2)
    9.99
    """

    buckets: int
    tags: list[int]
    codes: list[int]
    doubts: list[int]

    @classmethod
    def of(cls, buckets: int) -> "SkuPrices":
        """Return an empty cache."""
        size = buckets * _WAYS
        return cls(buckets, [0] * size, [0] * size, [0] * size)

    def see(self, sku: str, price: float, day: int) -> float | None:
        """Learn the unit price that was rung; return its ratio to the known one, None when there is none."""
        found = self._find(sku)
        code = _code(price)
        if found < 0:
            self._take_place(sku, code)
            return None
        known = self.codes[found]
        if code == known:
            if self.doubts[found]:
                self.doubts[found] = 0
            return 1.0
        today = day % 120 + 1
        if self.doubts[found] not in (0, today):
            self.codes[found], self.doubts[found] = code, 0
            return 1.0
        self.doubts[found] = today
        return exp((code - known) / _STEP)

    def get(self, sku: str) -> float | None:
        """Return the known unit price of a sku."""
        found = self._find(sku)
        return None if found < 0 else exp(self.codes[found] / _STEP + _LOWEST)

    def _find(self, sku: str) -> int:
        hashed = crc32(sku.encode())
        first, tag = hashed % self.buckets * _WAYS, hashed >> 16 or 1
        try:
            return self.tags.index(tag, first, first + _WAYS)
        except ValueError:
            return -1

    def _take_place(self, sku: str, code: int) -> None:
        hashed = crc32(sku.encode())
        first = hashed % self.buckets * _WAYS
        bucket = self.tags[first : first + _WAYS]
        # The place of a sku that was not rung since another was turned away, else its turn to yield.
        place = first + (bucket.index(0) if 0 in bucket else (hashed >> 8) % _WAYS)
        self.tags[place], self.codes[place], self.doubts[place] = hashed >> 16 or 1, code, 0


def _code(price: float) -> int:
    # Zero and absurd prices have the ends of the scale.
    return min(max(round((log(max(price, 1e-300)) - _LOWEST) * _STEP), 0), _CODES)
