"""The routine of a day at the tills: typed articles, cash counts, payments, copies, practice.

Tills report it if the rates say so. It lets a rule about it meet honest events.
"""

from random import Random
from typing import Final

import msgspec

from data_gen.day import Presence, StoreDay
from data_gen.world import MINUTE, SECOND
from retail_anomaly.core.events import SALE, VOID, PosEvent, TillEvent

CASH_COUNT: Final = "CASH_COUNT"
PAID_OUT: Final = "PAID_OUT"
SUSPEND: Final = "SUSPEND"
RESUME: Final = "RESUME"
RECEIPT_COPY: Final = "RECEIPT_COPY"
# The cash that a drawer begins with.
FLOAT: Final = 150.0
# A count is wrong by some cents, or by a banknote.
CENTS: Final = 1.0
BANKNOTE: Final = 0.01
# From this amount on somebody approves a payment; honest people ask.
APPROVED_FROM: Final = 50.0
# Share of the suspended receipts whose customer does not come back, and share of the sessions of practice
# that go as far as a payment in cash.
GIVEN_UP: Final = 0.1
TO_THE_END: Final = 0.1


def routine(day: StoreDay) -> None:
    """Add the routine to the day, as far as its rates ask for it."""
    rates, rng = day.rates, day.rng("routine")
    if rates.typed or day.typists:
        _say_how_entered(day, rng)
    for presence in day.presences:
        if rng.random() < rates.cash_counts:
            day.events.append(_counted(day, presence, rng))
        if rng.random() < rates.paid_outs:
            day.events += _paid_out(day, presence, rng)
        if rng.random() < rates.training:
            day.events += _practice(day, presence, rng)
    last_lines = {line.transaction_id: line for line in day.sales}
    for line in last_lines.values() if rates.suspended or rates.copies else ():
        draw = rng.random()
        if draw < rates.suspended:
            day.events += _suspended(day, line, rng)
        elif draw < rates.suspended + rates.copies:
            day.events.append(copied(day, line, line.event_time + rng.randint(30, 300) * SECOND))


def copied(day: StoreDay, line: PosEvent, at: int) -> TillEvent:
    """Print the receipt of a line again."""
    return day.at_till(RECEIPT_COPY, line.cashier_id, at, transaction_id=line.transaction_id)


def counted(day: StoreDay, cashier: str, at: int, expected: float, amount: float) -> TillEvent:
    """Count the cash of a drawer."""
    return day.at_till(CASH_COUNT, cashier, at, amount=round(amount, 2), expected_amount=round(expected, 2))


def cash_of(day: StoreDay, cashier: str) -> float:
    """Return the cash that should be in a cashier's drawer in the evening."""
    return FLOAT + sum(
        line.amount for line in day.sales if (line.cashier_id, line.tender) == (cashier, "cash")
    )


def _say_how_entered(day: StoreDay, rng: Random) -> None:
    for place, event in enumerate(day.events):
        if isinstance(event, PosEvent) and event.event_type == SALE:
            share = day.typists.get(event.cashier_id, day.rates.typed)
            method = "keyed" if rng.random() < share else "scan"
            day.events[place] = msgspec.structs.replace(event, entry_method=method)


def _counted(day: StoreDay, presence: Presence, rng: Random) -> TillEvent:
    cashier, at = presence.employee.employee_id, min(presence.end, day.closes) + 10 * MINUTE
    expected = cash_of(day, cashier)
    wrong = rng.gauss(0, CENTS) if rng.random() >= BANKNOTE else rng.choice((-20.0, -10.0, 10.0, 20.0))
    return counted(day, cashier, at, expected, max(0.0, expected + wrong))


def _paid_out(day: StoreDay, presence: Presence, rng: Random) -> list[TillEvent]:
    first, last = max(presence.start, day.opens), min(presence.end, day.closes) - MINUTE
    if first >= last:
        return []
    at, amount = rng.randint(first, last), round(rng.lognormvariate(3.0, 0.7), 2)
    approver = day.manager(at) if amount >= APPROVED_FROM else None
    cashier = presence.employee.employee_id
    return [day.at_till(PAID_OUT, cashier, at, amount=amount, approver_id=approver, reason_code="SUPPLIES")]


def _practice(day: StoreDay, presence: Presence, rng: Random) -> list[PosEvent]:
    first, last = max(presence.start, day.opens), min(presence.end, day.closes) - 30 * MINUTE
    own = [line for line in day.sales if not line.discount_amount]
    if first >= last or not own:
        return []
    at, cashier, paid = rng.randint(first, last), presence.employee.employee_id, rng.random() < TO_THE_END
    return [
        practised(day, rng.choice(own), cashier, at + n * 40 * SECOND, "cash" if paid and n < 2 else None)
        for n in range(rng.randint(3, 15))
    ]


def practised(day: StoreDay, like: PosEvent, cashier: str, at: int, tender: str | None) -> PosEvent:
    """Ring up a line in training mode: nothing is sold."""
    line = day.again(like, day.number("t"), at)
    return msgspec.structs.replace(
        line,
        cashier_id=cashier,
        tender=tender,
        training=True,
        customer_token=None,
        card_token=None,
    )


def _suspended(day: StoreDay, line: PosEvent, rng: Random) -> list[TillEvent]:
    """Suspend a receipt before its payment and resume it, or begin one that is given up in the end."""
    if rng.random() < GIVEN_UP:
        number, at = day.number("t"), line.event_time + MINUTE
        gone = at + rng.randint(20, 120) * MINUTE
        return [
            day.at_till(SUSPEND, line.cashier_id, at, transaction_id=number),
            day.at_till(VOID, line.cashier_id, gone, transaction_id=number),
        ]
    at = line.event_time + 10 * SECOND
    back = at + rng.randint(1, 12) * MINUTE
    return [
        day.at_till(kind, line.cashier_id, when, transaction_id=line.transaction_id)
        for kind, when in ((SUSPEND, at), (RESUME, back))
    ]
