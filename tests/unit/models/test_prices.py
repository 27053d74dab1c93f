"""Usual prices: what is learned overnight, what is not, and of how many articles."""

from __future__ import annotations

import msgspec
import pytest

from retail_anomaly.models.prices import SkuPrices


def prices_after(*rung: tuple[float, int]) -> SkuPrices:
    prices = SkuPrices.of(192)
    for price, day in rung:
        prices.see("sku-1", price, day)
    return prices


def ratio(prices: SkuPrices, price: float, day: int) -> float | None:
    return prices.see("sku-1", price, day).ratio


def test_one_coupon_does_not_open_the_door_to_any_other_price():
    assert ratio(prices_after((9.99, 1), (8.99, 2)), 0.99, 3) == pytest.approx(0.1, abs=0.01)


def test_coupons_of_many_days_leave_the_price_known():
    prices = prices_after((9.99, 1), (8.99, 2), (7.99, 3), (8.49, 4), (6.99, 5))
    assert prices.get("sku-1") == pytest.approx(9.99, rel=0.01)


def test_a_price_rung_again_on_a_later_day_is_the_new_one():
    prices = prices_after((9.99, 1), (4.99, 2), (4.99, 2))
    assert ratio(prices, 4.99, 2) == pytest.approx(0.5, abs=0.01)
    assert ratio(prices, 4.99, 3) == 1.0
    assert prices.get("sku-1") == pytest.approx(4.99, rel=0.01)


def test_the_old_price_takes_a_doubt_away():
    prices = prices_after((9.99, 1), (4.99, 2), (9.99, 2))
    assert ratio(prices, 4.99, 3) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("gift", [0.0, -1.0])
def test_a_gift_is_no_price(gift):
    prices = prices_after((gift, 1))
    assert prices.get("sku-1") is None
    assert prices_after((gift, 1), (9.99, 1)).get("sku-1") == pytest.approx(9.99, rel=0.01)
    known = prices_after((9.99, 1), (gift, 2), (gift, 3))
    assert known.get("sku-1") == pytest.approx(9.99, rel=0.01)
    assert ratio(known, gift, 4) is None


def test_the_rounding_of_a_weighed_piece_is_no_other_price():
    prices = prices_after((3.99, 1))
    seen = prices.see("sku-1", 1.71 / 0.43, 2)  # 3.9767
    assert (seen.ratio, seen.learned) == (1.0, False)


def test_a_thousand_articles_are_known():
    prices = SkuPrices.of(192)
    for number in range(1000):
        prices.see(f"article-{number}", 1.0 + number, 1)
    known = [prices.get(f"article-{number}") for number in range(1000)]
    wrong = [n for n, price in enumerate(known) if price is not None and abs(price / (1.0 + n) - 1) > 0.01]
    assert not wrong
    assert sum(price is not None for price in known) >= 970
    assert len(msgspec.msgpack.encode(prices)) < 11_000


@pytest.mark.parametrize("price", [1e-9, 1e-3, 1e6, 1e60, 1e300])
def test_an_absurd_price_is_seen_and_spoils_no_other(price):
    prices = prices_after((9.99, 1))
    prices.see("sku-2", price, 1)
    assert ratio(prices, price, 2) is not None
    assert prices.get("sku-1") == pytest.approx(9.99, rel=0.01)
