"""The chain that is simulated: its catalogue, stores, tills and people.

Nothing here changes while a simulation runs. Every draw comes from a generator of its own, named
by what it is for, so that one store, day or purpose never shifts the luck of another.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from retail_anomaly.events import Event, ShiftEvent

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE

# A rota is published before the shift begins, and on the same day: a store-day is complete in itself.
PUBLISHED_AHEAD: Final = 4 * HOUR
CATALOGUE_SIZE: Final = 200
SUNDAY: Final = 6


def rng_for(seed: int, *purpose: object) -> Random:
    """Return the random generator of one purpose.

    It is seeded by a text, which Python hashes the same way on every host and in every process.

    Examples
    --------
    >>> rng_for(7, "store-1", "sales").random() == rng_for(7, "store-1", "sales").random()
    True
    >>> rng_for(7, "store-1", "sales").random() == rng_for(7, "store-2", "sales").random()
    False
    """
    return Random("/".join(map(str, (seed, *purpose))))


def recorded_at(event: Event) -> int:
    """Return when an event arrives, in epoch milliseconds: its place in the log and in Kafka.

    A shift is known when the rota is published, everything else when it happens.

    Examples
    --------
    >>> recorded_at(ShiftEvent("c-1-1", "store-1", 1_760_000_000_000, 1_760_028_800_000))
    1759985600000
    """
    return event.shift_start - PUBLISHED_AHEAD if isinstance(event, ShiftEvent) else event.event_time


@dataclass(frozen=True, slots=True)
class Product:
    """An article of the catalogue.

    Parameters
    ----------
    sku
        Its number.
    price
        The price of one piece.
    share
        Its share of all receipt lines.
    """

    sku: str
    price: float
    share: float


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What every store of the chain sells.

    Parameters
    ----------
    products
        The articles, best sellers first.
    cumulative
        Their shares added up, which is how `random.Random.choices` wants them.
    """

    products: tuple[Product, ...]
    cumulative: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Store:
    """A store: where it is, how busy it is and who works there.

    Parameters
    ----------
    store_id, number
        Its key on the wire, and its place in the chain from 1.
    time_zone
        An IANA name; it decides the store's day and opening hours.
    receipts
        Receipts on an average day.
    opening_hour, closing_hour
        Local hours from Monday to Saturday; on Sundays it opens later and closes earlier.
    cashiers, managers
        Employee ids; the first manager opens the store, the last one closes it.
    """

    store_id: str
    number: int
    time_zone: str
    receipts: int
    opening_hour: int
    closing_hour: int
    cashiers: tuple[str, ...]
    managers: tuple[str, ...]

    def hours(self, day: date) -> tuple[int, int]:
        """Return when the store opens and closes that day, in epoch milliseconds.

        Examples
        --------
        >>> opens, closes = make_store(7, 1, "Europe/Berlin").hours(date(2025, 3, 3))
        >>> (closes - opens) // HOUR
        12
        """
        shorter = 2 if day.weekday() == SUNDAY else 0
        zone = ZoneInfo(self.time_zone)

        def at(hour: int) -> int:
            return int(datetime.combine(day, time(hour), zone).timestamp()) * SECOND

        return at(self.opening_hour + shorter), at(self.closing_hour - shorter)


def make_catalogue(seed: int) -> Catalogue:
    """Draw the catalogue.

    Every tenth article costs 100 or more, every second of these 200 or more: each rule has something
    to look at whatever the seed. Dear articles sell rarely.

    Examples
    --------
    >>> len(make_catalogue(7).products)
    200
    """
    rng = rng_for(seed, "catalogue")
    drawn: list[tuple[float, str, float]] = []
    for index in range(CATALOGUE_SIZE):
        if index % 20 == 19:
            price = rng.uniform(210, 600)
        elif index % 10 == 9:
            price = rng.uniform(105, 195)
        else:
            price = min(90.0, max(0.8, rng.lognormvariate(2.2, 0.9)))
        price = round(price) - 0.01 if price >= 2 else round(price, 1)
        popularity = 1 / (rng.randint(1, CATALOGUE_SIZE) + 15) / (1 + price / 60)
        drawn.append((popularity, f"sku-{index + 1:04d}", price))
    drawn.sort(reverse=True)
    total = sum(popularity for popularity, _, _ in drawn)
    products = tuple(Product(sku, round(price, 2), p / total) for p, sku, price in drawn)
    return Catalogue(products, tuple(accumulate(product.share for product in products)))


def make_store(seed: int, number: int, time_zone: str = "UTC") -> Store:
    """Draw one store of the chain.

    Examples
    --------
    >>> store = make_store(7, 1)
    >>> store.store_id, store.cashiers[0]
    ('store-1', 'c-1-1')
    """
    rng = rng_for(seed, number, "store")
    return Store(
        store_id=f"store-{number}",
        number=number,
        time_zone=time_zone,
        receipts=rng.randint(400, 750),
        opening_hour=rng.choice((8, 9)),
        closing_hour=rng.choice((20, 21)),
        cashiers=tuple(f"c-{number}-{n}" for n in range(1, rng.randint(7, 9) + 1)),
        managers=tuple(f"m-{number}-{n}" for n in (1, 2)),
    )


def days_from(start: date, days: int) -> list[date]:
    """Return consecutive days.

    Examples
    --------
    >>> days_from(date(2025, 3, 3), 2)[-1]
    datetime.date(2025, 3, 4)
    """
    return [start + timedelta(days=n) for n in range(days)]
