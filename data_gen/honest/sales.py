"""Sales: the customers of a day, their cashiers and their baskets."""

from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate
from math import exp
from random import Random
from typing import Final

from data_gen.day import Buyer, Offer, StoreDay
from data_gen.honest.buyers import Buyers
from data_gen.honest.prices import lower_prices
from data_gen.world import MINUTE, PROFILES
from retail_anomaly.core.events import SALE, PosEvent

TENDERS: Final = ("card", "card", "card", "card", "cash", "cash", "voucher")
# Lines of a receipt: most baskets are small, few are very large.
LINES: Final = tuple(range(1, 31))
_LINES_SHARES: Final = tuple(accumulate(round(1e6 * lines**-1.3 * exp(-lines / 8)) for lines in LINES))
QUANTITIES: Final = (1, 2, 3, 4, 6, 12, 24)
_QUANTITIES_SHARES: Final = tuple(accumulate((760, 170, 35, 20, 10, 4, 1)))
# Customers buy more than one piece only below this price.
CHEAP: Final = 20.0


def sales(day: StoreDay) -> None:
    """Sell to the customers of the day."""
    rng, scales = day.rng("sales"), day.rng("scales")
    number = max(1, round(rng.gauss(day.expected, day.expected * 0.05)))
    times = _times(day, number, rng)
    served, buyers = _Served(day), Buyers(day)
    tenders = rng.choices(TENDERS, k=number)
    sizes = rng.choices(LINES, cum_weights=_LINES_SHARES, k=number)
    products = iter(rng.choices(day.catalogue.products, cum_weights=day.catalogue.cumulative, k=sum(sizes)))
    quantities: Iterator[float] = iter(rng.choices(QUANTITIES, cum_weights=_QUANTITIES_SHARES, k=sum(sizes)))
    luck = [rng.random() for _ in range(number)]
    special = {offer.product.sku: offer for offer in day.offers}
    on_hand, sold, closed = day.stock.on_hand, day.sales, day.outages
    for at, tender, size, draw in zip(times, tenders, sizes, luck, strict=True):
        outage = next((o for o in closed if o.start <= at <= o.end), None) if closed else None
        receipt, cashier = day.number("t"), served.by(at, draw)
        buyer = buyers.who_pays(tender)
        for _ in range(size):
            product, quantity = next(products), next(quantities)
            if product.weighed:
                quantity = weight(scales)
            elif product.price >= CHEAP:
                quantity = 1
            if outage is not None:
                outage.lost += product.price * quantity
            elif on_hand[product.sku] >= quantity:  # Else sold out: the customer leaves without it.
                offer = special.get(product.sku) if special else None
                price = offer.price if offer is not None and offer.start <= at <= offer.end else None
                line = day.sale(receipt, cashier, product, quantity, at, buyer, price)
                sold.append(line)
    for offer in day.offers:
        _visits(day, offer, served)
    sold[:] = lower_prices(day, sold)
    sold.sort(key=lambda line: line.event_time)
    day.events += sold


def weight(rng: Random) -> float:
    """Draw the weight of a customer's portion in kilograms, to the gram.

    Examples
    --------
    >>> 0.02 <= weight(Random(7)) <= 9
    True
    """
    return max(0.02, round(min(9.0, rng.lognormvariate(-0.6, 0.6)), 3))


def _visits(day: StoreDay, offer: Offer, served: "_Served") -> None:
    """Sell an offer to the customers who come for it."""
    rng = day.rng(f"offer {offer.product.sku}")
    for _ in range(offer.visits):
        at = rng.randint(offer.start, offer.end)
        quantity = rng.choice((1, 1, 1, 2, 3))
        tender, draw = rng.choice(TENDERS), rng.random()
        if day.stock.can_sell(offer.product.sku, quantity):
            cashier = served.by(at, draw)
            buyer = Buyer(tender)
            day.sales.append(
                day.sale(day.number("t"), cashier, offer.product, quantity, at, buyer, offer.price)
            )


def _times(day: StoreDay, number: int, rng: Random) -> list[int]:
    """Draw moments of the opening hours by the profile, sorted; the last minutes stay free."""
    profile = PROFILES[day.store.profile]
    slots = rng.choices(range(len(profile)), weights=profile, k=number)
    length = (day.closes - 2 * MINUTE - day.opens) / len(profile)
    return sorted(day.opens + int((slot + rng.random()) * length) for slot in slots)


class _Served:
    """Chooses the cashier of a customer: anyone at a till, quick ones more often."""

    def __init__(self, day: StoreDay) -> None:
        edges = {edge for p in day.presences for edge in (p.start, p.end + 1)}
        self._edges = sorted(edges)
        self._people: list[tuple[list[str], list[float]]] = [([], [])]
        for edge in self._edges:
            here = [p.employee for p in day.presences if p.start <= edge <= p.end]
            speeds = list(accumulate(employee.speed for employee in here))
            self._people.append(([employee.employee_id for employee in here], speeds))

    def by(self, at: int, draw: float) -> str:
        """Return the cashier for a moment and a number from 0 to 1."""
        people, speeds = self._people[bisect(self._edges, at)]
        return people[bisect(speeds, draw * speeds[-1], 0, len(people) - 1)]


def dear_times(day: StoreDay, minimum: float) -> list[int]:
    """Return when lines of at least an amount were sold, in order of time."""
    return sorted(
        event.event_time
        for event in day.events
        if isinstance(event, PosEvent) and event.event_type == SALE and event.amount >= minimum
    )
