"""Generated logs: few stores, cashiers and ids, and times that meet each other at the limits of the windows.

An event is late by `MAX_LATE` at most, so that the contract specifies everything about it.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from retail_anomaly.contract import Step, TimePasses
from retail_anomaly.core.events import CountEvent, GateData, PosEvent, SecurityEvent, ShiftEvent
from tests.support.events import HOUR, MINUTE, SECOND, T0

MAX_LATE = 30 * MINUTE
WINDOW = 10 * MINUTE
GATE_WINDOW = 2 * MINUTE
SALE_MEMORY = HOUR

# From the newest time so far; negative is late. Small moves first: an example shrinks towards them.
_MOVES = [0, 0, 1, SECOND, SECOND, MINUTE, MINUTE, GATE_WINDOW, GATE_WINDOW + 1] * 5
_MOVES += [-1, -SECOND, -MINUTE, -GATE_WINDOW, -5 * MINUTE, -WINDOW, -WINDOW - 1, -MAX_LATE]
_MOVES += [5 * MINUTE, WINDOW, WINDOW + 1, MAX_LATE, SALE_MEMORY, SALE_MEMORY + 1, 5 * HOUR]
_AMOUNTS = [
    120.0,
    100.0,
    100 - 1e-10,
    100 + 1e-10,
    99.99,
    60.0,
    40.0,
    0.0,
    200.0,
    200 - 1e-10,
    250.0,
    1_000.0,
]
_SALES = ["SALE", "SALE", "Sale"]
_REFUNDS = ["REFUND", "REFUND", "refund"]

_stores = st.sampled_from(["store-1"] * 5 + ["store-2"])
_cashiers = st.sampled_from(["c-1", "c-1", "c-1", "c-2"])
_skus = st.sampled_from(["sku-1", "sku-2"])
_transactions = st.sampled_from(["t-1", "t-2", "t-3", "t-4"])
_moves = st.sampled_from(_MOVES)
_shift_ends = st.sampled_from([-MAX_LATE, -WINDOW, -MINUTE, 0, MINUTE, WINDOW, HOUR])


def logs(
    about: str, *, repeated: bool = False, ticks: bool = False, originals: bool = True, size: int = 40
) -> st.SearchStrategy[list[Step]]:
    """Draw a log.

    Parameters
    ----------
    about
        The subject of most steps: ``bursts``, ``refunds``, ``gates`` or ``counts``.
    repeated
        Whether event ids come again.
    ticks
        Whether ticks come between the events.
    originals
        Whether refunds may name the sale they take back.
    size
        Number of steps at most.
    """
    originally = st.one_of(st.none(), _transactions) if originals else st.none()
    event_ids = st.sampled_from([*[None] * 8, "e-1", "e-2"] if repeated else [None])

    def lines(types: list[str]) -> st.SearchStrategy[tuple[Any, ...]]:
        return st.tuples(
            *(st.just("pos"), _stores, _moves, _transactions, _cashiers, _skus, st.sampled_from(_AMOUNTS)),
            *(st.sampled_from(types), st.integers(1, 6), originally, event_ids),
        )

    refund, sale, other = lines(_REFUNDS), lines(_SALES), lines(["VOID"])
    shift = st.tuples(st.just("shift"), _stores, _cashiers, _shift_ends, _shift_ends)
    gate_ids = st.sampled_from([None, None, None, "g-1"] if repeated else [None])
    gate = st.tuples(st.just("gate"), _stores, _moves, st.sampled_from([True, True, False]), gate_ids)
    count = st.tuples(
        st.just("count"), _stores, _moves, _skus, st.integers(0, 12), st.sampled_from(["m-1", None])
    )
    tick = st.tuples(st.just("tick"), _stores, _moves)
    often = {
        "bursts": [refund] * 12 + [shift],
        "refunds": [refund] * 4 + [sale] * 2,
        "gates": [sale] * 4 + [gate] * 2,
        "counts": [sale] * 4 + [count],
    }[about]
    # Not one_of, which takes equal strategies for one.
    choices = [refund, sale, other, shift, gate, count, *often, *[tick] * ticks]
    step = st.integers(0, len(choices) - 1).flatmap(choices.__getitem__)
    # Long logs make the rules alert; a failure shrinks to a short one.
    short, long = st.lists(step, max_size=12), st.lists(step, min_size=size // 2, max_size=size)
    return st.booleans().flatmap(lambda is_long: long if is_long else short).map(_play)


def _play(moves: list[tuple[Any, ...]]) -> list[Step]:
    newest = T0
    steps: list[Step] = []
    for number, (kind, store, *rest) in enumerate(moves):
        if kind == "shift":
            employee, one, other = rest
            start, end = min(one, other), max(one, other)
            steps.append(ShiftEvent(employee, store, newest + start, newest + max(end, start + 1)))
            continue
        move, *fields = rest
        time = newest + move
        if kind == "tick":
            steps.append(TimePasses(store, time))
            continue
        newest = max(newest, time)
        if kind == "pos":
            transaction, cashier, sku, amount, event_type, quantity, original, event_id = fields
            steps.append(
                PosEvent(
                    transaction, store, cashier, sku, amount, event_type, time, quantity, original, event_id
                )
            )
        elif kind == "gate":
            alarm, event_id = fields
            steps.append(
                SecurityEvent(event_id or f"g-{number}", store, time, "GATE", GateData("gate-1", alarm))
            )
        else:
            sku, counted, manager = fields
            steps.append(CountEvent(store, sku, counted, time, manager))
    return steps
