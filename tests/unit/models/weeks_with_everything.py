"""Eight weeks of one small store in which everything happens that the two models look for."""

from __future__ import annotations

import random
from collections.abc import Iterator

from retail_anomaly.contract import Step, TimePasses
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import PosEvent, ShiftEvent
from tests.support.events import DAY, HOUR, MINUTE
from tests.support.runs import engine_of

STORE = "store-1"
MONDAY = 1_762_128_000_000  # 2025-11-03 in UTC
QUARTER = 15 * MINUTE
DAYS = 58
OUTAGE, BURST, CHEAP, DEAR, LARGE_TICKETS, CROWD = 23, 24, 25, 26, 27, 28
NEAR_LIMIT, OVERPRICED, SAME_SALE, OFF_SHIFT = 29, 30, 31, 32
PROMOTED, HOLIDAY = 33, 41
MANY_REFUNDS = range(26, 50)
TWICE_THE_TRADE = range(47, 51)
CLOSED = range(52, 57)
LATE, FAR_FUTURE = 6, 57


def engine() -> Engine:
    """Return both models, with so many false alarms allowed that most components alert in these weeks."""
    return engine_of(
        "refund_deviation",
        "sales_deviation",
        refund_deviation={"false_alarms": 0.1},
        sales_deviation={"false_alarms": 0.02},
    )


def steps() -> Iterator[Step]:
    """Yield the weeks' events and, at every half hour, the time that passes."""
    rng = random.Random(8)
    for day in range(DAYS):
        start = MONDAY + day * DAY
        for cashier in ("c-1", "c-2", "c-3"):
            role = "supervisor" if cashier == "c-3" or (cashier == "c-2" and day >= PROMOTED) else "cashier"
            yield ShiftEvent(cashier, STORE, start + 8 * HOUR, start + 18 * HOUR, role)
        if day == FAR_FUTURE:
            yield _line("far", "SALE", start + 400 * DAY, 1)
        lines = [] if day in (HOLIDAY, *CLOSED) else [*_sales(day, rng), *_refunds(day, rng)]
        times = [TimePasses(STORE, start + at) for at in range(0, DAY, 2 * QUARTER)]
        timed: list[PosEvent | TimePasses] = [*lines, *times]
        yield from sorted(timed, key=_time)
        if day == LATE:
            yield from (_line(f"late-{n}", "SALE", start - 20 * HOUR + n, 1) for n in range(3))


def _time(step: PosEvent | TimePasses) -> int:
    return step.time if isinstance(step, TimePasses) else step.event_time


def _sales(day: int, rng: random.Random) -> Iterator[PosEvent]:
    for at in range(9 * HOUR, 17 * HOUR, QUARTER):
        receipts = rng.randint(2, 5) * (2 if day in TWICE_THE_TRADE else 1)
        if day == OUTAGE and 12 * HOUR <= at < 14 * HOUR:
            receipts = 0
        if day == CROWD and 15 * HOUR <= at < 16 * HOUR:
            receipts *= 5
        for number in range(receipts):
            time = MONDAY + day * DAY + at + rng.randrange(QUARTER)
            cashier = rng.choice(("c-1", "c-2", "c-3"))
            for _ in range(rng.randint(1, 3)):
                sku, factor = rng.randrange(12), 1.0
                if day == CHEAP and at >= 11 * HOUR and sku < 4:
                    factor = 0.1
                if day == DEAR and at >= 13 * HOUR and sku < 4:
                    factor = 4.0
                if day == LARGE_TICKETS and at >= 12 * HOUR:
                    factor = 1.7
                yield _line(f"t-{day}-{at // QUARTER}-{number}", "SALE", time, sku, cashier, factor)


def _refunds(day: int, rng: random.Random) -> Iterator[PosEvent]:
    def at(hour: float) -> int:
        return MONDAY + day * DAY + int(hour * HOUR)

    for number in range(rng.randint(1, 4)):
        cashier, tender = rng.choice(("c-1", "c-2", "c-3")), rng.choice(("card", "card", "cash"))
        original = f"t-{day - 1}-40-0" if rng.random() < 0.9 else None
        time = at(9 + 8 * rng.random())
        yield _line(f"r-{day}-{number}", "REFUND", time, rng.randrange(12), cashier, 1.0, original, tender)
    for number in range(12):
        receipt, time = f"x-{day}-{number}", at(10 + number * 0.5)
        if day == BURST:
            yield _line(
                receipt, "REFUND", at(10 + number * 0.1), number, "c-1", 1.0, f"t-2-36-{number}", "card"
            )
        if day == NEAR_LIMIT and number < 5:
            yield _line(receipt, "REFUND", time, number, "c-2", 95 / (5.0 + 3 * number), None, "cash")
        if day == OVERPRICED and number < 5:
            yield _line(receipt, "REFUND", time, number, "c-1", 2.5, f"t-2-37-{number}", "card")
        if day == SAME_SALE and number < 4:
            yield _line(receipt, "REFUND", time, 3, "c-2", 1.0, "t-2-38-0", "card")
        if day == OFF_SHIFT and number < 3:
            yield _line(receipt, "REFUND", at(18.5 + number / 10), number, "c-3", 1.0, "t-2-39-0", "card")
        if day in MANY_REFUNDS and day != HOLIDAY and number < 9:
            yield _line(receipt, "REFUND", time, number, "c-3", 1.0, f"t-2-41-{number}", "card")


def _line(
    receipt: str,
    kind: str,
    time: int,
    sku: int,
    cashier: str = "c-1",
    factor: float = 1.0,
    original: str | None = None,
    tender: str | None = None,
) -> PosEvent:
    amount = round((5.0 + 3 * sku) * factor, 2)
    return PosEvent(
        receipt,
        STORE,
        cashier,
        f"sku-{sku}",
        amount,
        kind,
        time,
        original_transaction_id=original,
        tender=tender,
    )
