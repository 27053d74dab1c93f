"""The events that every benchmark reads: a chain of shops on a busy day, the same at every run."""

import random
from collections import deque
from collections.abc import Iterator

from retail_anomaly.core.events import CountEvent, Event, GateData, PosEvent, SecurityEvent, ShiftEvent

START = 1_760_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR


def events(count: int, *, stores: int = 100, skus: int = 2_000, per_second: float = 100.0) -> Iterator[Event]:
    """Yield about `count` events in the order of their times.

    97 % are receipt lines, 3 % of them refunds of an earlier sale; every POS and security event
    has an event id, as a careful producer sends them.
    """
    rng = random.Random(1)
    names = [f"store-{n:03d}" for n in range(stores)]
    recent: dict[str, deque[tuple[str, str]]] = {name: deque(maxlen=50) for name in names}
    gap = 2_000 / per_second
    time = float(START)
    for name in names:
        for cashier in range(10):
            yield ShiftEvent(f"{name}-c{cashier}", name, START, START + 12 * HOUR, "CASHIER")
    made = 0
    while made < count:
        store = rng.choice(names)
        kind = rng.random()
        sku = f"sku-{int(rng.random() ** 2 * skus)}"
        cashier_id = f"{store}-c{rng.randrange(10)}"
        at = int(time)
        if kind < 0.03 and recent[store]:
            transaction, sku = rng.choice(recent[store])
            amount = round(rng.uniform(5, 150), 2)
            yield PosEvent(transaction, store, cashier_id, sku, amount, "REFUND", at, event_id=f"e{made}")
            made += 1
        elif kind < 0.97:
            transaction = f"{store}-t{made}"
            for _ in range(rng.randint(1, 4)):
                amount = round(rng.expovariate(1 / 40), 2)
                yield PosEvent(
                    transaction, store, cashier_id, sku, amount, "SALE", at,
                    event_id=f"e{made}", register_id="till-1", tender="CARD",
                )  # fmt: skip
                made += 1
                time += rng.random() * gap
            recent[store].append((transaction, sku))
        elif kind < 0.985:
            yield SecurityEvent(f"g{made}", store, at, "GATE", GateData("gate-1", rng.random() < 0.1))
            made += 1
        else:
            yield CountEvent(store, sku, rng.randint(0, 50), at, "m-1")
            made += 1
        time += rng.random() * gap
