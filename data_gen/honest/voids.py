"""Voids: articles scanned twice, baskets left at the till, and receipts that a supervisor takes back."""

from collections.abc import Iterator
from random import Random
from typing import Final

import msgspec

from data_gen.day import StoreDay
from data_gen.world import MINUTE, SECOND
from retail_anomaly.core.events import LINE_VOID, POST_VOID, VOID, PosEvent, TillEvent

Receipt = list[PosEvent]

# A dearer article is not scanned twice, and nobody leaves a larger basket behind: no gate and no count can
# mistake it for a sale.
DEAREST: Final = 60.0
MOST_LINES: Final = 4
# Share of the receipts taken back that are rung up again, with another tender or price.
AGAIN: Final = 0.6
# Share of a trainee's receipts that go wrong.
TRAINEES: Final = 0.3
REASONS: Final = ("WRONG_TENDER", "WRONG_PRICE", "CUSTOMER_LEFT")


def voids(day: StoreDay) -> None:
    """Take lines and receipts back; a receipt that was taken back is no sale of the day any more."""
    rng = day.rng("voids")
    rates, receipts = day.rates, list(receipts_of(day.sales))
    taken_back: set[str] = set()
    for receipt in receipts:
        draw = rng.random()
        if draw < rates.line_voids:
            day.events += scan_twice(day, rng.choice(receipt), rng)
        elif draw < rates.line_voids + rates.voids:
            _leave_at_the_till(day, receipt, rng)
        elif draw < rates.line_voids + rates.voids + rates.post_voids + _mistakes(
            day, receipt
        ) and _take_back(day, receipt, rng):
            taken_back.add(receipt[0].transaction_id)
    if taken_back:
        day.sales[:] = [line for line in day.sales if line.transaction_id not in taken_back]


def _mistakes(day: StoreDay, receipt: Receipt) -> float:
    return TRAINEES if receipt[0].cashier_id in day.trainees else 0.0


def receipts_of(lines: list[PosEvent]) -> Iterator[Receipt]:
    """Yield the lines of each receipt, in the order in which the receipts begin."""
    receipts: dict[str, Receipt] = {}
    for line in lines:
        receipts.setdefault(line.transaction_id, []).append(line)
    yield from receipts.values()


def scan_twice(day: StoreDay, line: PosEvent, rng: Random) -> list[PosEvent]:
    """Return the line once more and its void, unless it is too dear or at a lower price."""
    if line.amount > DEAREST or line.discount_amount is not None:
        return []
    again = day.again(line, line.transaction_id, line.event_time)
    later = day.again(line, line.transaction_id, line.event_time + rng.randint(2, 20) * SECOND)
    return [again, msgspec.structs.replace(later, event_type=LINE_VOID)]


def _leave_at_the_till(day: StoreDay, like: Receipt, rng: Random) -> None:
    """Begin a receipt such as another customer's a minute later, and give it up; the goods stay."""
    at = like[0].event_time + rng.randint(60, 120) * SECOND
    unlike = any(line.amount > DEAREST or line.discount_amount is not None for line in like)
    if unlike or len(like) > MOST_LINES or not day.can_ring_up(at):
        return
    number = day.number("t")
    day.events += [day.again(line, number, at) for line in like]
    gone = at + rng.randint(5, 60) * SECOND
    day.events.append(day.at_till(VOID, like[0].cashier_id, gone, transaction_id=number))


def _take_back(day: StoreDay, receipt: Receipt, rng: Random) -> bool:
    """Take a receipt back after the payment, and perhaps ring it up again."""
    first = receipt[0]
    at = first.event_time + rng.randint(1, 8) * MINUTE
    again_at = at + rng.randint(20, 90) * SECOND
    if len(receipt) > MOST_LINES or any(line.amount > DEAREST for line in receipt):
        return False
    if not day.can_ring_up(again_at):
        return False
    reason = rng.choice(REASONS)
    day.events.append(post_void(day, first, at, day.manager(at), reason))
    number = day.number("t") if rng.random() < AGAIN else None
    for line in receipt:
        if number is None:
            day.stock.put_back(line.sku, line.quantity)
        else:
            day.events.append(day.again(line, number, again_at))
    return True


def post_void(day: StoreDay, line: PosEvent, at: int, approver: str, reason: str | None) -> TillEvent:
    """Take back the receipt of a line, at its own till and under its own number."""
    return day.at_till(
        POST_VOID,
        line.cashier_id,
        at,
        transaction_id=line.transaction_id,
        approver_id=approver,
        reason_code=reason,
        tender=line.tender,
    )
