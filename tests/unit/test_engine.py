"""The engine: repeated events, ticks, and the decisions that wait for them."""

from __future__ import annotations

from typing import Any

import pytest

from retail_anomaly.contract import Run, Step, TimePasses
from retail_anomaly.core.durations import Duration
from tests.support.events import DAY, HOUR, MINUTE, T0, count, gate, line, refund, sale, shift
from tests.support.runs import alerts_of, engine_of

# Pieces sold are the plainest sign of whether a line counted.


def sold(*steps: Step, **settings: Any) -> Any:
    (alert,) = alerts_of(
        engine_of("inventory_shrinkage", threshold=1, **settings), *steps, count(10 * DAY, 0)
    )
    return alert.evidence["sold"]


# --- Repeated events -----------------------------------------------------------------------------


def test_repeated_line_counts_once():
    assert sold(sale(event_id="e-1"), sale(event_id="e-1")) == 1


def test_event_id_is_what_makes_a_line_repeated_not_its_content():
    assert sold(sale(event_id="e-1"), sale(5, event_id="e-1", quantity=7)) == 1


def test_lines_without_event_id_are_never_repeated():
    assert sold(sale(), sale()) == 2


@pytest.mark.parametrize(("clock", "pieces"), [(HOUR, 1), (HOUR + 1, 2)])
def test_repeated_line_is_recognised_up_to_and_with_the_end_of_the_memory(clock, pieces):
    steps = sale(event_id="e-1"), line("NO_SALE", clock), sale(event_id="e-1")
    assert sold(*steps, dedupe_memory=HOUR) == pieces


def test_repeated_line_moves_the_clock_that_ends_its_own_memory():
    assert sold(sale(event_id="e-1"), sale(HOUR + 1, event_id="e-1"), dedupe_memory=HOUR) == 2


def test_memory_runs_from_the_first_sighting_not_from_the_last():
    steps = sale(event_id="e-1"), sale(HOUR, event_id="e-1"), sale(HOUR + 1, event_id="e-1")
    assert sold(*steps, dedupe_memory=HOUR) == 2


def test_line_that_counted_as_new_again_is_a_first_sighting():
    steps = sale(event_id="e-1"), sale(2 * HOUR, event_id="e-1"), sale(3 * HOUR, event_id="e-1")
    assert sold(*steps, dedupe_memory=HOUR) == 2


def test_ignored_type_is_a_sighting():
    assert sold(line("NO_SALE", event_id="e-1"), sale(event_id="e-1"), sale()) == 1


def test_event_ids_of_stores_and_topics_are_apart():
    steps = gate(event_id="e-1"), sale(event_id="e-1", store_id="store-2"), sale(event_id="e-1")
    assert sold(*steps) == 1


def test_repeated_alarm_matches_no_second_sale():
    engine = engine_of("security_correlation")
    sales = [sale(at, amount=500.0, transaction_id=f"t-{at}") for at in (0, 1)]
    assert len(alerts_of(engine, *sales, gate(2, "g-1"), gate(3, "g-1"), gate(4, "g-2"))) == 2


def test_event_too_late_to_alert_still_counts():
    steps = line("NO_SALE", 3 * DAY), sale(0, quantity=7)
    assert sold(*steps) == 7


# --- Kinds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["SALE", "sale", "Sale", "sAlE"])
def test_event_type_is_read_in_any_case(kind):
    assert sold(line(kind)) == 1


def test_alerts_come_in_the_order_of_the_registry():
    steps = count(0, 50), sale(1, quantity=40), count(2, 1)
    assert [alert.type for alert in alerts_of(engine_of(), *steps)] == ["SHRINKAGE", "STOCK_DISCREPANCY"]


def test_shift_raises_nothing_and_releases_nothing():
    run = Run(engine_of("refund_without_sale", match_grace=Duration(MINUTE)))
    assert run.step(refund()) == []
    assert run.step(shift(HOUR, 2 * HOUR)) == []
    assert run.step(line("NO_SALE", MINUTE)) != []


# --- Ticks ---------------------------------------------------------------------------------------


def test_tick_releases_what_waits_and_does_not_move_the_clock():
    run = Run(engine_of("refund_without_sale", match_grace=Duration(MINUTE)))
    run.step(refund())
    assert run.step(TimePasses("store-1", T0 + MINUTE - 1)) == []
    (alert,) = run.step(TimePasses("store-1", T0 + MINUTE))
    assert (alert.event_time, alert.opened_at) == (T0, T0)
    assert run.store("store-1").clock == T0


def test_tick_of_an_unknown_store_raises_nothing():
    assert alerts_of(engine_of(), TimePasses("store-9", T0)) == []


def test_waiting_counts_receipts_and_says_when_the_first_is_due():
    run = Run(engine_of("refund_without_sale", match_grace=Duration(MINUTE)))
    store = run.store("store-1")
    assert run.engine.waiting(store) == (0, None)
    run.step(refund(30, transaction_id="t-2"))
    run.step(refund(10, transaction_id="t-1"))
    run.step(refund(10, transaction_id="t-1", sku="sku-2"))
    assert run.engine.waiting(store) == (2, T0 + 10 + MINUTE)
    run.step(TimePasses("store-1", T0 + 10 + MINUTE))
    assert run.engine.waiting(store) == (1, T0 + 30 + MINUTE)
