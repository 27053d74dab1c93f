"""Receipts and their lines: identities, voids, how long a line is kept and how much memory it takes."""

from __future__ import annotations

import tracemalloc
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import PosEvent, TillEvent
from retail_anomaly.core.kept_lines import KeptLines
from retail_anomaly.core.local_time import UTC, LocalTime
from retail_anomaly.core.receipts import NumberedBy, Numbering
from retail_anomaly.core.state_errors import NumberingChangedError
from retail_anomaly.core.taking_back import TakenLine, take_back
from tests.support.events import DAY, HOUR, MINUTE, T0, line, sale
from tests.support.runs import engine_of

BYTES_A_LINE = 40


def kept(*events: PosEvent, by: NumberedBy = "store", zone: ZoneInfo = UTC) -> tuple[KeptLines, Numbering]:
    """Return the lines of a store after some receipt lines that came in time."""
    numbering = Numbering(by, LocalTime(zone))
    lines = KeptLines(numbering, keep=DAY)
    for event in events:
        lines.add(event, 1 if event.event_type == "SALE" else -1, event.event_time)
    return lines, numbering


def void(kind: str = "VOID", at: int = 0, **fields: Any) -> TillEvent:
    given = {"transaction_id": "t-1", **fields}
    return TillEvent("store-1", "c-1", kind, T0 + at, **given)


def taken(event: PosEvent | TillEvent, *events: PosEvent, by: NumberedBy = "store") -> list[TakenLine]:
    lines, numbering = kept(*events, by=by)
    clock = max(event.event_time, *(each.event_time for each in events))
    return take_back(event.event_type, event, lines, numbering, clock=clock, void_memory=DAY)


@pytest.mark.parametrize(
    ("by", "identity"),
    [("store", ("t-1",)), ("register", ("t-1", "r")), ("register_day", ("t-1", "r", "2025-10-10"))],
)
def test_identity_has_the_parts_of_the_setting(by, identity):
    at_night = sale(11 * HOUR, register_id="r")  # 19:53 UTC, the next day in Tokyo
    assert Numbering(by, LocalTime(ZoneInfo("Asia/Tokyo"))).identity(at_night) == identity


def test_a_void_takes_all_lines_of_its_receipt_back_once():
    lines = sale(), sale(sku="sku-2", amount=5.0, quantity=0.42)
    assert [(each.sku, each.quantity, each.amount) for each in taken(void(), *lines)] == [
        ("sku-1", 1.0, 120.0),
        ("sku-2", 0.42, 5.0),
    ]
    store, numbering = kept(*lines)
    for left in (2, 0):
        voided = take_back("VOID", void(), store, numbering, clock=T0, void_memory=DAY)
        assert len(voided) == left


def test_a_line_void_takes_the_last_line_first_and_part_of_another():
    lines = sale(quantity=3, amount=30.0), sale(MINUTE, quantity=2, amount=20.0)
    parts = taken(line("LINE_VOID", MINUTE, quantity=3), *lines)
    assert [(part.quantity, part.amount, part.is_gone) for part in parts] == [
        (2.0, 20.0, True),
        (1.0, 10.0, False),
    ]


@pytest.mark.parametrize(("later", "lines"), [(DAY, 1), (DAY + 1, 0)])
def test_a_line_can_be_taken_back_up_to_and_with_the_end_of_the_memory(later, lines):
    store, numbering = kept(sale())
    voided = take_back("VOID", void(at=later), store, numbering, clock=T0 + later, void_memory=DAY)
    assert len(voided) == lines


@pytest.mark.parametrize(("by", "lines"), [("store", 2), ("register", 1)])
def test_numbers_of_two_tills_are_one_receipt_only_where_numbers_are_the_stores(by, lines):
    tills = sale(register_id="till-1"), sale(register_id="till-2")
    assert len(taken(void(register_id="till-2"), *tills, by=by)) == lines


def test_a_receipt_is_known_after_the_line_that_began_it_was_forgotten():
    """The third line is a day from the first but not from the second: it begins a receipt of its own."""
    fill = [sale(20 * HOUR, transaction_id=f"f-{n}") for n in range(300)]
    lines, _ = kept(sale(), *fill[:260], sale(20 * HOUR), *fill)
    lines.forget(T0 + DAY + HOUR)
    third = lines.add(sale(DAY + 2 * HOUR), 1, T0 + DAY + 2 * HOUR)
    assert [each.receipt_first for each in lines.of_number("t-1")][-2:] == [T0, T0 + DAY + 2 * HOUR]
    assert lines.receipt(third, "t-1").first == T0 + DAY + 2 * HOUR


def test_lines_are_found_after_a_restart():
    lines, numbering = kept(*[sale(n, transaction_id=f"t-{n}", amount=n / 8) for n in range(600)])
    records = {name: content for name, content in lines.records() if content is not None}
    again = KeptLines(numbering, keep=DAY)
    again.restore(lines.describe(), records.get)
    assert list(again.records()) == []
    assert again.of_number("t-345") == lines.of_number("t-345") != []


def test_only_the_chunks_that_changed_are_written():
    lines, _ = kept(*[sale(n, transaction_id=f"t-{n}") for n in range(600)])
    assert len(list(lines.records())) == 3
    lines.add(sale(601), 1, T0 + 601)
    assert len(list(lines.records())) == 1


@pytest.mark.long
def test_a_line_takes_forty_bytes_and_is_forgotten():
    """So do a million; a fifth of them is enough to see it."""

    def many() -> KeptLines:
        lines, _ = kept()
        for number in range(200_000):
            at = number * 400
            event = sale(at, transaction_id=f"t-{number // 3}", sku=f"sku-{number % 1_000}", amount=9.99)
            lines.add(event, 1, T0 + at)
        return lines

    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        lines = many()
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert used <= BYTES_A_LINE * 200_000
    lines.forget(T0 + 10 * DAY)
    assert len(lines) == 0


def test_state_of_another_numbering_is_refused_with_the_way_out():
    engine: Engine = engine_of("refund_burst")
    store = engine.load_store("store-1", lambda name: None)
    engine.process(sale(), store)
    records = dict(store.records())
    engine.numbered_by = "register"
    with pytest.raises(NumberingChangedError, match="set it back to store, or start with a new"):
        engine.load_store("store-1", records.get)
