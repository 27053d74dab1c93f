"""A store with habits: weeks in which every day is much like the last, and then days that are not."""

from __future__ import annotations

import random
from functools import cache

from retail_anomaly.core.events import Event, PosEvent, ShiftEvent
from tests.support.events import DAY, HOUR, MINUTE

MONDAY = 1_762_128_000_000  # 2025-11-03 in UTC
STORE = "store-habits"
OPENS, CLOSES = 9 * HOUR, 17 * HOUR
OUTAGE = 30
BURST = 31
DAYS = 33
CASHIERS = ("c-1", "c-2", "c-3")


@cache
def weeks(seed: int = 1, days: int = DAYS, strange: bool = True) -> tuple[Event, ...]:
    """Return a store's events; on day `OUTAGE` nothing sells from 12 to 14, on `BURST` c-1 refunds a lot."""
    rng = random.Random(seed)
    events: list[Event] = []
    for day in range(days):
        start = MONDAY + day * DAY
        events += [ShiftEvent(c, STORE, start + OPENS - HOUR, start + CLOSES + HOUR) for c in CASHIERS]
        lines: list[PosEvent] = []
        for at in range(OPENS, CLOSES, 15 * MINUTE):
            out = strange and day == OUTAGE and 12 * HOUR <= at < 14 * HOUR
            for number in range(0 if out else rng.randint(2, 5)):
                time = start + at + rng.randrange(15 * MINUTE)
                lines.append(_line(f"t-{day}-{at}-{number}", "SALE", time, rng))
        refunds = rng.randint(1, 3)
        for number in range(refunds):
            time = start + rng.randrange(OPENS, CLOSES)
            lines.append(_line(f"r-{day}-{number}", "REFUND", time, rng))
        if strange and day == BURST:
            lines += [
                _line(f"x-{number}", "REFUND", start + 10 * HOUR + number * 20 * MINUTE, rng, "c-1")
                for number in range(12)
            ]
        lines.sort(key=lambda line: line.event_time)
        events += lines
    return tuple(events)


def _line(receipt: str, kind: str, time: int, rng: random.Random, cashier: str | None = None) -> PosEvent:
    sku = rng.randrange(20)
    return PosEvent(
        receipt,
        STORE,
        cashier or rng.choice(CASHIERS),
        f"sku-{sku}",
        5.0 + 3 * sku,
        kind,
        time,
        original_transaction_id="t-0" if kind == "REFUND" else None,
        tender=rng.choice(["card", "card", "cash"]),
    )
