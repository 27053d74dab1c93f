"""Usual prices: the unit prices of a store's articles in seven bytes each."""

from math import exp, log
from struct import Struct
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec

_WAYS: Final = 8
_HASHES: Final = Struct(f"<{_WAYS}H")
_PRICE: Final = Struct("<HHB")  # the price, the doubted one, the day of the doubt
_BUCKET_BYTES: Final = _HASHES.size + _WAYS * _PRICE.size
_STEP: Final = 500.0  # steps of the logarithm: a fifth of a per cent each
_SAME: Final = 2  # steps: a weighed piece's price differs by the rounding of its amount
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
        How many buckets it has; each holds eight skus in 56 bytes.
    places
        The buckets. Each place has the hash of the sku; its price on a scale of logarithms; another price
        that is rung lately; and the day, as a number from 1 to 120, since which it is, or 0.

    Notes
    -----
    A new price is taken for a mistake until that same price is rung on a later day, unless the old one is
    rung before: a wrong price is noticed before it is learned, a true change is learned overnight, and one
    coupon does not open the door to the next one. A gift, at no price, says nothing of the price.

    Two skus of one bucket with equal hashes are taken for one; that affects one pair in millions.

    Examples
    --------
    >>> prices = SkuPrices.of(64)
    >>> prices.see("sku-1", 9.99, day=1).ratio, round(prices.see("sku-1", 0.99, day=1).ratio, 3)
    (None, 0.099)
    >>> round(prices.get("sku-1"), 2)
    9.99
    """

    buckets: int
    places: bytearray | list[Any]

    def __post_init__(self) -> None:
        # Written by release 1, in a form that cannot grow. Prices are known again after a day.
        if isinstance(self.places, list):
            self.places = bytearray(self.buckets * _BUCKET_BYTES)

    @classmethod
    def of(cls, buckets: int) -> "SkuPrices":
        """Return an empty cache."""
        return cls(buckets, bytearray(buckets * _BUCKET_BYTES))

    def see(self, sku: str, price: float, day: int) -> SeenPrice:
        """Learn the unit price that was rung; return its ratio to the known one.

        Parameters
        ----------
        sku
            The article.
        price
            Its unit price; zero or less says nothing.
        day
            The local day, as a number that grows by one a day.
        """
        if price <= 0:
            return SeenPrice(None, learned=False)
        hashed = crc32(sku.encode())
        at, tag = self._bucket_of(hashed)
        code, row = _code(price), self._place_of(at, tag)
        if row < 0:
            self._take_place(at, hashed, code)
            return SeenPrice(None, learned=True)
        known, doubted, since = _PRICE.unpack_from(self.places, row)  # type: ignore[arg-type]
        if abs(code - known) <= _SAME:
            if since:
                self._put(row, known, 0, 0)
            return SeenPrice(1.0, learned=since != 0)
        today = day % 120 + 1
        if not since or abs(code - doubted) > _SAME:
            self._put(row, known, code, today)
            return SeenPrice(exp((code - known) / _STEP), learned=True)
        if since == today:
            return SeenPrice(exp((code - known) / _STEP), learned=False)
        self._put(row, code, 0, 0)
        return SeenPrice(1.0, learned=True)

    def get(self, sku: str) -> float | None:
        """Return the known unit price of a sku."""
        row = self._place_of(*self._bucket_of(crc32(sku.encode())))
        if row < 0:
            return None
        code, _, _ = _PRICE.unpack_from(self.places, row)  # type: ignore[arg-type]
        return exp(code / _STEP + _LOWEST)

    def _bucket_of(self, hashed: int) -> tuple[int, int]:
        return hashed % self.buckets * _BUCKET_BYTES, hashed >> 16 or 1

    def _place_of(self, at: int, tag: int) -> int:
        """Return the place of the price of the sku with this hash in a bucket, or -1."""
        tags = _HASHES.unpack_from(self.places, at)  # type: ignore[arg-type]
        return at + _HASHES.size + tags.index(tag) * _PRICE.size if tag in tags else -1

    def _take_place(self, at: int, hashed: int, code: int) -> None:
        tags = list(_HASHES.unpack_from(self.places, at))  # type: ignore[arg-type]
        # An empty place, else one that the hash chooses: the sku that stood there has to go.
        way = tags.index(0) if 0 in tags else (hashed >> 8) % _WAYS
        tags[way] = hashed >> 16 or 1
        _HASHES.pack_into(self.places, at, *tags)  # type: ignore[arg-type]
        self._put(at + _HASHES.size + way * _PRICE.size, code, 0, 0)

    def _put(self, row: int, price: int, doubted: int, since: int) -> None:
        _PRICE.pack_into(self.places, row, price, doubted, since)  # type: ignore[arg-type]


def _code(price: float) -> int:
    code = round((log(min(price, _HIGHEST)) - _LOWEST) * _STEP)
    return min(max(code, 0), _CODES)  # absurd prices have the ends of the scale
