"""The five rules written a second time, as plainly as possible, to judge the simulated world.

Brute force over one store's events in order; deliberately shares nothing with the detectors.
"""

from collections.abc import Iterable
from typing import NamedTuple

from retail_anomaly.core.events import CountEvent, Event, PosEvent, SecurityEvent, ShiftEvent

MINUTE = 60_000


class Finding(NamedTuple):
    scenario: str
    store: str
    subject: str
    """The employee, or for the two rules on counts the sku."""
    cited: str
    off_shift: bool = False


def findings(events: Iterable[Event]) -> list[Finding]:
    stores: dict[str, list[Event]] = {}
    for event in events:
        stores.setdefault(event.store_id, []).append(event)
    return [found for store in stores.values() for found in _one_store(store)]


def _one_store(events: list[Event]) -> Iterable[Finding]:
    pos = [e for e in events if isinstance(e, PosEvent)]
    refunds = [e for e in pos if e.event_type == "REFUND"]
    sales = [e for e in pos if e.event_type == "SALE"]
    shifts = [e for e in events if isinstance(e, ShiftEvent)]

    large: dict[tuple[str, str, int], float] = {}
    for e in refunds:
        receipt = (e.cashier_id, e.transaction_id, e.event_time)
        large[receipt] = large.get(receipt, 0) + e.amount
    for (cashier, transaction, at), amount in large.items():
        near = [
            t for (c, _, t), a in large.items() if c == cashier and a >= 100 and 0 <= at - t <= 10 * MINUTE
        ]
        if amount >= 100 and len(near) >= 3:
            store = events[0].store_id
            yield Finding("refund_burst", store, cashier, transaction, is_off_shift(shifts, cashier, at))

    sold_at: dict[str, int] = {e.transaction_id: e.event_time for e in sales}
    for e in (e for e in refunds if e.original_store_id in (None, e.store_id)):
        sold = sold_at.get(e.original_transaction_id or e.transaction_id)
        if sold is None or sold > e.event_time or e.event_time - sold > 30 * 24 * 60 * MINUTE:
            yield Finding("refund_without_sale", e.store_id, e.cashier_id, e.transaction_id)

    for alarm in (e for e in events if isinstance(e, SecurityEvent) and e.event_data.alarm):
        dear = [s for s in sales if s.amount >= 200 and 0 <= alarm.event_time - s.event_time <= 2 * MINUTE]
        if dear:
            sale = max(dear, key=lambda s: s.event_time)
            yield Finding("security_correlation", alarm.store_id, sale.cashier_id, sale.transaction_id)

    sold_since: dict[str, int | float] = {}
    expected: dict[str, int | float] = {}
    for event in events:
        if isinstance(event, PosEvent):
            quantity = event.quantity if event.event_type == "SALE" else -event.quantity
            sold_since[event.sku] = sold_since.get(event.sku, 0) + max(0, quantity)
            if event.sku in expected:
                expected[event.sku] -= quantity
        elif isinstance(event, CountEvent):
            if sold_since.get(event.sku, 0) - event.counted_qty >= 5:
                yield Finding("inventory_shrinkage", event.store_id, event.sku, "")
            if expected.get(event.sku, 0) - event.counted_qty >= 5:
                yield Finding("stock_discrepancy", event.store_id, event.sku, "")
            expected[event.sku] = event.counted_qty
            sold_since[event.sku] = 0


def is_off_shift(shifts: list[ShiftEvent], cashier: str, at: int) -> bool:
    own = [s for s in shifts if s.employee_id == cashier and s.shift_start - 4 * 60 * MINUTE <= at]
    return bool(own) and not any(s.shift_start <= at <= s.shift_end for s in own)
