"""The simulated chain: its catalogue, its stores and their people.

Each purpose has a random generator of its own, named after it. So a change in one store, day or purpose
never shifts the draws of another.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from retail_anomaly.core.events import Event, ShiftEvent

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE

# A rota is published before the shift begins, and on the same day: a store-day is complete in itself.
PUBLISHED_AHEAD: Final = 4 * HOUR
CATALOGUE_SIZE: Final = 200
# The share of the articles that are sold by weight, and the price of a kilogram below which they are.
WEIGHED: Final = 0.08
DEAREST_WEIGHED: Final = 30.0

CASHIER: Final = "cashier"
SERVICE_DESK: Final = "service-desk"
MANAGER: Final = "manager"

# Receipts on an average day, and people at the tills, at the service desk and with the keys.
VOLUMES: Final[dict[str, tuple[tuple[int, int], tuple[int, int], int]]] = {
    "small": ((70, 160), (4, 5), 0),
    "medium": ((400, 650), (7, 9), 1),
    "large": ((1000, 1500), (14, 18), 2),
}
# Shares of a day's receipts by the hour since opening, stretched to the opening hours.
PROFILES: Final[dict[str, tuple[int, ...]]] = {
    "commuter": (3, 5, 7, 8, 9, 8, 7, 7, 9, 13, 14, 9),
    "high street": (2, 4, 7, 10, 12, 11, 10, 9, 9, 8, 6, 4),
    "suburb": (4, 8, 10, 10, 8, 7, 7, 9, 11, 11, 8, 5),
}


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
    """Return the time at which an event becomes known, in epoch milliseconds; it orders the log and Kafka.

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
    weighed
        Whether it is sold by weight; the price is then that of a kilogram.
    """

    sku: str
    price: float
    share: float
    weighed: bool = False


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The articles that every store of the chain sells.

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
class Employee:
    """A person who works in a store.

    Parameters
    ----------
    employee_id
        The id on shifts and receipts.
    role
        ``cashier``, ``service-desk`` or ``manager``.
    speed
        Receipts, compared with the average cashier.
    refunds
        Honest refunds that fall to them, compared with the average cashier.
    """

    employee_id: str
    role: str = CASHIER
    speed: float = 1.0
    refunds: float = 1.0


@dataclass(frozen=True, slots=True)
class Store:
    """A store: its place, its trade and its people.

    Parameters
    ----------
    store_id, number
        Its key on the wire, and its place in the chain from 1.
    time_zone
        An IANA name; it decides the store's day and opening hours.
    volume
        ``small``, ``medium`` or ``large``.
    receipts
        Receipts on an average day.
    growth
        By how much that grows in a year, as a share.
    profile
        The hours at which its customers come; a name of `PROFILES`.
    weekdays
        Demand from Monday to Sunday, compared with the average day.
    opening_hour, closing_hour
        Local hours from Monday to Saturday; on Sundays it opens later and closes earlier.
    staff
        The people who work there when the simulation begins; the first manager opens, the last one closes.
    """

    store_id: str
    number: int
    time_zone: str
    volume: str
    receipts: int
    growth: float
    profile: str
    weekdays: tuple[float, ...]
    opening_hour: int
    closing_hour: int
    staff: tuple[Employee, ...]

    def hours(self, day: date, *, short: bool) -> tuple[int, int]:
        """Return when the store opens and closes that day, in epoch milliseconds.

        Examples
        --------
        >>> store = make_store(7, 1, "Europe/Berlin")
        >>> opens, closes = store.hours(date(2025, 3, 3), short=False)
        >>> (closes - opens) // HOUR == store.closing_hour - store.opening_hour
        True
        """
        less = 2 if short else 0
        zone = ZoneInfo(self.time_zone)

        def at(hour: int) -> int:
            return int(datetime.combine(day, time(hour), zone).timestamp()) * SECOND

        return at(self.opening_hour + less), at(self.closing_hour - less)


def make_catalogue(seed: int, weighed: float = WEIGHED) -> Catalogue:
    """Draw the catalogue: few articles make most of the sales, and few are expensive.

    Every tenth article costs 100 or more, every second of these 200 or more. So each rule has something to
    look at with every seed. Expensive articles sell rarely.

    Parameters
    ----------
    seed
        The world.
    weighed
        The share of the articles that are sold by weight, unless they are expensive.

    Examples
    --------
    >>> len(make_catalogue(7).products)
    200
    """
    rng = rng_for(seed, "catalogue")
    ranks = list(range(1, CATALOGUE_SIZE + 1))
    rng.shuffle(ranks)
    drawn: list[tuple[float, str, float, bool]] = []
    for index, rank in enumerate(ranks):
        if index % 20 == 19:
            price = 210 + min(700.0, rng.paretovariate(1.5) * 60)
        elif index % 10 == 9:
            price = rng.uniform(105, 195)
        else:
            price = min(90.0, max(0.8, rng.lognormvariate(2.2, 0.9)))
        price = round(price) - 0.01 if price >= 2 else round(price, 1)
        popularity = 1 / (rank + 5) / (1 + price / 60)
        # Spread evenly over the articles, whatever their rank.
        by_weight = int((index + 1) * weighed) > int(index * weighed) and price < DEAREST_WEIGHED
        drawn.append((popularity, f"sku-{index + 1:04d}", price, by_weight))
    drawn.sort(reverse=True)
    total = sum(popularity for popularity, _, _, _ in drawn)
    products = tuple(
        Product(sku, round(price, 2), p / total, by_weight) for p, sku, price, by_weight in drawn
    )
    return Catalogue(products, tuple(accumulate(product.share for product in products)))


def make_store(seed: int, number: int, time_zone: str = "UTC", volume: str = "medium") -> Store:
    """Draw one store of the chain.

    Examples
    --------
    >>> store = make_store(7, 1)
    >>> store.store_id, store.staff[0].employee_id, store.volume
    ('store-1', 'c-1-1', 'medium')
    """
    rng = rng_for(seed, number, "store")
    receipts, cashiers, desks = VOLUMES[volume]
    staff = [
        Employee(
            f"c-{number}-{n}",
            speed=round(rng.lognormvariate(0, 0.25), 2),
            refunds=round(rng.gammavariate(4, 0.25), 2),
        )
        for n in range(1, rng.randint(*cashiers) + 1)
    ]
    # Two for each desk, who take turns.
    staff += [
        Employee(f"d-{number}-{n}", SERVICE_DESK, round(rng.uniform(0.1, 0.3), 2), 20.0)
        for n in range(1, 2 * desks + 1)
    ]
    staff += [Employee(f"m-{number}-{n}", MANAGER) for n in (1, 2)]
    return Store(
        store_id=f"store-{number}",
        number=number,
        time_zone=time_zone,
        volume=volume,
        receipts=rng.randint(*receipts),
        growth=round(rng.uniform(-0.04, 0.12), 3),
        profile=rng.choice(sorted(PROFILES)),
        weekdays=tuple(
            round(share * rng.uniform(0.92, 1.08), 3) for share in (0.9, 0.87, 0.92, 1.0, 1.15, 1.35, 0.75)
        ),
        opening_hour=rng.choice((8, 9)),
        closing_hour=rng.choice((19, 20) if volume == "small" else (20, 21)),
        staff=tuple(staff),
    )


def days_from(start: date, days: int) -> list[date]:
    """Return consecutive days.

    Examples
    --------
    >>> days_from(date(2025, 3, 3), 2)[-1]
    datetime.date(2025, 3, 4)
    """
    return [start + timedelta(days=n) for n in range(days)]
