"""Events beside the tills: deliveries, counts, and gates at the exit."""

from bisect import bisect
from random import Random
from typing import Final

from data_gen.day import StoreDay
from data_gen.honest.sales import dear_times
from data_gen.world import MINUTE, SECOND

COUNT_NIGHTS: Final = 5
# Share of counts that are off by one or two, and share with a larger slip.
MISCOUNTED: Final = 0.12
SLIP: Final = 0.004
# Pieces that break or vanish, compared with those sold.
UNKNOWN_LOSS: Final = 0.001
# False alarms a day: a few, and more where more people leave.
ALARMS: Final = 1.0
ALARMS_PER_RECEIPT: Final = 0.003
HIGH_VALUE: Final = 200.0
GATE_WINDOW: Final = 2 * MINUTE


def deliveries(day: StoreDay) -> None:
    """Fill the shelves before opening; a count follows each delivery."""
    rng, arrival = day.rng("deliveries"), day.rng("arrival")
    for sku, quantity in day.stock.deliver(rng).items():
        if quantity and arrival.random() < day.rates.movements:
            # Never on a whole minute: shifts are published then.
            after = arrival.randint(0, 14) * MINUTE + arrival.randint(1, 59) * SECOND
            day.events.append(day.movement(sku, quantity, day.opens - 110 * MINUTE + after, "DELIVERY"))
        at = day.opens - 90 * MINUTE + rng.randint(0, 60 * 60) * SECOND
        day.events.append(day.count(sku, at, counting_error(rng)))


def breakage(day: StoreDay) -> None:
    """Let a few pieces break or vanish without a booking."""
    rng = day.rng("breakage")
    products = day.catalogue.products
    for _ in range(int(len(day.sales) * UNKNOWN_LOSS + rng.random())):
        (product,) = rng.choices(products, cum_weights=day.catalogue.cumulative)
        if day.stock.can_sell(product.sku, 1):
            day.stock.lose(product.sku, 1)


def doors(day: StoreDay) -> None:
    """Let the gates report open doors, and false alarms: tags that were left on."""
    rng = day.rng("doors")
    for _ in range(rng.randint(8, 20)):
        at = rng.randint(day.opens, day.closes)
        day.events.append(day.gate("DOOR_OPEN", at, rng, alarm=False))
    dear = dear_times(day, HIGH_VALUE)
    for _ in range(int(ALARMS + day.expected * ALARMS_PER_RECEIPT + rng.random())):
        at = rng.randint(day.opens, day.closes)
        if not _on_a_limit(at, dear):
            day.events.append(day.gate("GATE_ALARM", at, rng, alarm=True))


def counts(day: StoreDay) -> None:
    """Count a fifth of the shelves after closing, another one every night."""
    rng = day.rng("counts")
    for index, product in enumerate(day.catalogue.products):
        tonight = (index + day.day.toordinal()) % COUNT_NIGHTS == 0
        if tonight and product.sku not in day.counted:
            day.events.append(day.count_after_closing(product.sku, rng, counting_error(rng)))


def counting_error(rng: Random) -> int:
    """Draw the error of a count, in pieces.

    Examples
    --------
    >>> rng = Random(7)
    >>> sum(counting_error(rng) == 0 for _ in range(1000)) > 800
    True
    """
    draw = rng.random()
    if draw < SLIP:
        return rng.choice((-1, 1)) * rng.randint(3, 12)
    return rng.choice((-1, -1, 1, 1, -2, 2)) if draw < MISCOUNTED else 0


def _on_a_limit(at: int, dear: list[int]) -> bool:
    """Return whether an alarm comes right at an expensive sale, or right at the end of its two minutes.

    A reader of the topics that is a moment out of step would decide such a case differently.
    """
    margin = 10 * SECOND
    return any(bisect(dear, edge + margin) > bisect(dear, edge - margin) for edge in (at, at - GATE_WINDOW))
