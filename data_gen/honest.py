"""An honest day: rota, deliveries, sales, refunds, doors and counts that raise no alert.

Each function adds one kind of event to a `StoreDay`. Where a rule of the detectors could be met by
chance, the world keeps clear of it with a margin: a simulated incident is then the only reason for
an alert, and whatever else is found on a clean world is a fault.
"""

from collections import defaultdict
from datetime import date, timedelta
from random import Random
from typing import Final, TypeAlias

from data_gen.day import TENDERS, StoreDay
from data_gen.world import HOUR, MINUTE, SECOND
from retail_anomaly.events import PosEvent, ShiftEvent

# Share of a day's receipts by the hour since opening, stretched to the opening hours.
PROFILE: Final = (3, 5, 7, 9, 10, 8, 7, 8, 10, 12, 11, 7)
# Monday to Sunday.
WEEKDAYS: Final = (0.9, 0.85, 0.9, 1.0, 1.15, 1.3, 0.7)
LINES: Final = (30, 25, 18, 12, 9, 6)
RETURNED: Final = 0.02
# A sale is remembered for 30 days: who comes later is turned away.
LONGEST_RETURN: Final = 28
LARGE_REFUND: Final = 90.0
HIGH_VALUE: Final = 190.0
SKUS_PER_NIGHT: Final = 5

# Lines that will be brought back, by the day on which that happens.
Returns: TypeAlias = dict[date, list[PosEvent]]


def rota(day: StoreDay) -> None:
    """Publish the shifts: an early and a late one, with an hour together at midday."""
    rng = day.rng("rota")
    store, middle = day.store, (day.opens + day.closes) // 2
    at_work = sorted(rng.sample(store.cashiers, rng.randint(5, len(store.cashiers) - 1)))
    rng.shuffle(at_work)
    for index, cashier in enumerate(at_work):
        if index % 2 == 0:
            start, end = day.opens - 15 * MINUTE, middle + HOUR
        else:
            start, end = middle - HOUR, day.closes + 30 * MINUTE
        shift = ShiftEvent(cashier, store.store_id, start, end, "cashier")
        day.shifts.append(shift)
        day.open_till(shift)
    early, late = store.managers
    day.shifts += [
        ShiftEvent(early, store.store_id, day.opens - 2 * HOUR, middle + HOUR, "manager"),
        ShiftEvent(late, store.store_id, middle - HOUR, day.closes + 90 * MINUTE, "manager"),
    ]
    day.events += day.shifts


def deliveries(day: StoreDay) -> None:
    """Fill the shelves before opening; a count follows each delivery."""
    rng = day.rng("deliveries")
    for sku in day.stock.deliver():
        at = day.opens - 90 * MINUTE + rng.randint(0, 60 * 60) * SECOND
        day.events.append(day.count(sku, at, rng))


def sales(day: StoreDay, returns: Returns) -> None:
    """Sell all day long, and note which lines will be brought back on a later day or today."""
    rng = day.rng("sales")
    later = day.rng("returns")
    products, shares = day.catalogue.products, day.catalogue.cumulative
    expected = day.store.receipts * WEEKDAYS[day.day.weekday()]
    times = sorted(_time_of_day(day, rng) for _ in range(round(rng.gauss(expected, expected * 0.05))))
    for at in times:
        receipt, tender = day.number("t"), rng.choice(TENDERS)
        cashier = rng.choice(day.on_shift(at))
        for product in rng.choices(products, cum_weights=shares, k=_lines(rng)):
            several = product.price < 20 and rng.random() < 0.3
            quantity = rng.choice((2, 2, 3)) if several else 1
            if not day.stock.can_sell(product.sku, quantity):
                continue  # Sold out: the customer leaves without it.
            line = day.sale(receipt, cashier, product, quantity, at, tender)
            day.sales.append(line)
            if later.random() < RETURNED:
                lag = 0 if later.random() < 0.3 else 1 + int(later.expovariate(1 / 9))
                if lag <= LONGEST_RETURN:
                    returns[day.day + timedelta(days=lag)].append(line)
    day.events += day.sales


def refunds(day: StoreDay, returns: Returns) -> None:
    """Take back what customers bring, with a reference to the sale and by a cashier on shift.

    A cashier makes no two large refunds within ten minutes: the customer is sent to the next till
    or comes another day.
    """
    rng = day.rng("refunds")
    due: list[tuple[int, PosEvent]] = []
    for line in returns.pop(day.day, []):
        earliest = max(line.event_time + 20 * MINUTE, day.opens + 30 * MINUTE)
        latest = day.closes - 10 * MINUTE
        if earliest < latest:
            due.append((rng.randint(earliest, latest), line))
    last_large: defaultdict[str, int] = defaultdict(int)
    for at, line in sorted(due, key=lambda visit: visit[0]):
        large = line.amount >= LARGE_REFUND
        free = [c for c in day.on_shift(at) if not large or at - last_large[c] > 11 * MINUTE]
        if not free:
            continue
        cashier = rng.choice(free)
        if large:
            last_large[cashier] = at
        sale = line.transaction_id
        # Some tills print a number of their own for the refund, others repeat the sale's.
        own = rng.random() < 0.8
        receipt, original = (day.number("t"), sale) if own else (sale, None)
        day.events.append(day.refund(receipt, cashier, line, at, original))
        day.stock.put_back(line.sku, line.quantity)


def doors(day: StoreDay) -> None:
    """Let the gates report open doors, and rarely an alarm about a tag left on something cheap."""
    rng = day.rng("doors")
    for _ in range(rng.randint(8, 20)):
        at = rng.randint(day.opens, day.closes)
        day.events.append(day.gate("DOOR_OPEN", at, rng, alarm=False))
    dear = [e.event_time for e in day.events if isinstance(e, PosEvent) and e.amount >= HIGH_VALUE]
    for _ in range(rng.randint(0, 3)):
        at = rng.randint(day.opens, day.closes)
        # On either side: whoever reads the topics a moment out of step must not find a pair.
        if all(abs(at - sold) > 4 * MINUTE for sold in dear):
            day.events.append(day.gate("GATE_ALARM", at, rng, alarm=True))


def counts(day: StoreDay) -> None:
    """Count a fifth of the shelves after closing, another one every night."""
    rng = day.rng("counts")
    for index, product in enumerate(day.catalogue.products):
        tonight = (index + day.day.toordinal()) % SKUS_PER_NIGHT == 0
        if tonight and product.sku not in day.counted:
            day.events.append(day.count_after_closing(product.sku, rng))


def _time_of_day(day: StoreDay, rng: Random) -> int:
    """Draw a moment of the opening hours by the profile; the last minutes stay free."""
    slot = rng.choices(range(len(PROFILE)), weights=PROFILE)[0]
    length = day.closes - 2 * MINUTE - day.opens
    return day.opens + int(length * (slot + rng.random()) / len(PROFILE))


def _lines(rng: Random) -> int:
    return rng.choices((1, 2, 3, 4, 5, 6), weights=LINES)[0]
