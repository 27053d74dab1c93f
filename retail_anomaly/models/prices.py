"""Usual prices: the unit prices of a store's best-selling articles in two kilobytes."""

from math import exp, log
from typing import Final, NamedTuple
from zlib import crc32

import msgspec

_WAYS: Final = 4
_STEP: Final = 500.0  # steps of the logarithm: a fifth of a per cent each
_LOWEST: Final = -8.0  # the lowest logarithm: prices from 0.0003 to 10**53 fit
_CODES: Final = 65_535
_HIGHEST: Final = 1e300  # of a billionth of a piece even a small amount makes an infinite price


class SeenPrice(NamedTuple):
    """The answer of `SkuPrices.see`.

    Parameters
    ----------
    ratio
        The price that was rung, divided by the known one; None when none is known.
    learned
        Whether the cache changed.

    Examples
    --------
    >>> SeenPrice(1.0, learned=False).ratio
    1.0
    """

    ratio: float | None
    learned: bool


class SkuPrices(msgspec.Struct, array_like=True):
    """Unit prices by sku: a cache of fixed size that keeps the articles that sell.

    Parameters
    ----------
    buckets
        How many buckets it has; each holds four skus.
    tags, codes, doubts
        For each place: the hash of the sku; its price on a scale of logarithms; and the day, as a number from
        1 to 120, since which only another price was rung, or 0.

    Notes
    -----
    A new price is taken for a mistake until the next day, unless the old one is rung again: a wrong
    price is noticed before it is learned, and a true change is learned overnight. Two skus of one bucket with
    equal hashes are taken for one; that affects one pair in millions.

    Examples
    --------
    >>> prices = SkuPrices.of(64)
    >>> prices.see("sku-1", 9.99, day=1).ratio, round(prices.see("sku-1", 0.99, day=1).ratio, 3)
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

    def see(self, sku: str, price: float, day: int) -> SeenPrice:
        """Learn the unit price that was rung; return its ratio to the known one."""
        place = self._place_of(sku)
        code = _code(price)
        if place < 0:
            self._take_place(sku, code)
            return SeenPrice(None, learned=True)
        known = self.codes[place]
        if code == known:
            doubted = self.doubts[place] != 0
            self.doubts[place] = 0
            return SeenPrice(1.0, learned=doubted)
        today = day % 120 + 1
        if self.doubts[place] not in (0, today):
            self.codes[place], self.doubts[place] = code, 0
            return SeenPrice(1.0, learned=True)
        self.doubts[place] = today
        return SeenPrice(exp((code - known) / _STEP), learned=True)

    def get(self, sku: str) -> float | None:
        """Return the known unit price of a sku."""
        place = self._place_of(sku)
        return None if place < 0 else exp(self.codes[place] / _STEP + _LOWEST)

    def _place_of(self, sku: str) -> int:
        hashed = crc32(sku.encode())
        first = hashed % self.buckets * _WAYS
        try:
            return self.tags.index(hashed >> 16 or 1, first, first + _WAYS)
        except ValueError:
            return -1

    def _take_place(self, sku: str, code: int) -> None:
        hashed = crc32(sku.encode())
        first = hashed % self.buckets * _WAYS
        bucket = self.tags[first : first + _WAYS]
        # An empty place, else one that the hash chooses: the sku that stood there has to go.
        place = first + (bucket.index(0) if 0 in bucket else (hashed >> 8) % _WAYS)
        self.tags[place], self.codes[place], self.doubts[place] = hashed >> 16 or 1, code, 0


def _code(price: float) -> int:
    if price > 0:
        code = round((log(min(price, _HIGHEST)) - _LOWEST) * _STEP)
        if 0 <= code <= _CODES:
            return code
        # Absurd prices have the ends of the scale, and so has zero.
        return 0 if code < 0 else _CODES
    return 0
