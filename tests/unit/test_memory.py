"""A store's memory: its shifts, its clock, and its records."""

from __future__ import annotations

import msgspec
import pytest

from retail_anomaly.contract import RestartingRun, Run
from retail_anomaly.core.events import ShiftEvent
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.state_errors import FORMAT_VERSION, StateFormatError
from tests.support.events import DAY, HOUR, MINUTE, T0, count, line, quiet_until, refund, sale, shift
from tests.support.runs import alerts_by_step, engine_of


def store_with(*shifts: ShiftEvent) -> StoreMemory:
    store = StoreMemory("store-1", max_late=DAY, dedupe_memory=DAY, detectors={})
    for event in shifts:
        store.keep_shift(event)
    return store


def kept(store: StoreMemory, employee: str = "c-1") -> list[tuple[int, int]]:
    return [(s.start - T0, s.end - T0) for s in store.shifts.get(employee) or ()]


# --- Shifts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "off"), [(-1, True), (0, False), (HOUR, False), (HOUR + 1, True)])
def test_shift_covers_both_its_ends(at, off):
    assert store_with(shift(0, HOUR)).off_shift("c-1", T0 + at) is off


def test_without_a_known_shift_it_is_unknown_whether_one_is_off_shift():
    assert store_with(shift(0, HOUR, employee="c-2")).off_shift("c-1", T0) is None


def test_any_of_several_shifts_covers():
    store = store_with(shift(0, HOUR), shift(3 * HOUR, 4 * HOUR))
    assert [store.off_shift("c-1", T0 + at * HOUR) for at in (0, 2, 3, 5)] == [False, True, False, True]


def test_shift_of_the_same_start_is_replaced():
    store = store_with(shift(0, 8 * HOUR), shift(0, HOUR))
    assert kept(store) == [(0, HOUR)]
    assert store.off_shift("c-1", T0 + 2 * HOUR) is True


def test_old_shift_is_let_go_when_no_refund_on_time_can_meet_it():
    store = store_with(shift(0, HOUR))
    store.advance(T0 + HOUR + DAY)
    store.keep_shift(shift(2 * DAY, 2 * DAY + HOUR))
    assert kept(store) == [(0, HOUR), (2 * DAY, 2 * DAY + HOUR)]
    store.advance(T0 + HOUR + DAY + 1)
    store.keep_shift(shift(3 * DAY, 3 * DAY + HOUR))
    assert kept(store) == [(2 * DAY, 2 * DAY + HOUR), (3 * DAY, 3 * DAY + HOUR)]


def test_newest_shift_stays_however_old_it_is():
    store = store_with(shift(0, HOUR))
    store.advance(T0 + 365 * DAY)
    assert store.off_shift("c-1", T0 + 365 * DAY) is True


def test_after_a_long_silence_only_an_employees_newest_shift_is_left():
    run = Run(engine_of())
    for day in range(10):
        run.step(shift(day * DAY, day * DAY + HOUR))
    run.alerts([*quiet_until(100 * DAY), *quiet_until(101 * DAY)])
    assert kept(run.store("store-1")) == [(9 * DAY, 9 * DAY + HOUR)]


@pytest.mark.parametrize(
    ("at", "start"), [(0, 0), (2 * HOUR, 0), (9 * HOUR, 10 * HOUR), (99 * HOUR, 10 * HOUR)]
)
def test_nearest_shift_is_named_when_none_covers(at, start):
    named = store_with(shift(0, HOUR), shift(10 * HOUR, 11 * HOUR)).shift_at("c-1", T0 + at)
    assert named is not None
    assert named.start == T0 + start


def test_no_shift_is_named_of_an_employee_without_one():
    assert store_with(shift(0, HOUR)).shift_at("c-2", T0) is None


# --- Clock ---------------------------------------------------------------------------------------


def test_clock_is_the_newest_time_and_never_goes_back():
    store = store_with()
    for at in (5, 9, 7):
        store.advance(T0 + at)
    assert store.clock == T0 + 9


def test_shift_does_not_move_the_clock():
    assert store_with(shift(0, HOUR)).clock == 0


def test_one_event_from_the_far_future_does_not_end_forgetting():
    """The clock then stands still; later events must expire all the same."""
    run = Run(engine_of())
    run.step(line("NO_SALE", 3_650 * DAY))
    for number in range(6_000):
        run.step(sale(number * HOUR, transaction_id=f"t-{number}", event_id=f"e-{number}", amount=500.0))
    entries = run.store("store-1").entries()
    assert sum(entries.values()) < 6_000, entries


def test_after_a_restart_the_late_are_forgotten_at_the_same_events_as_without():
    events = [line("NO_SALE", 3_650 * DAY)]
    for number in range(1_500):
        events.append(sale(number * 10 * MINUTE, transaction_id=f"t-{number}", amount=500.0))
        at, sold = number * 10 * MINUTE, f"t-{number - 300}"
        events.append(refund(at, transaction_id=f"r-{number}", original_transaction_id=sold))
    undisturbed = alerts_by_step(engine_of("refund_without_sale"), events)
    run, disturbed = RestartingRun(engine_of("refund_without_sale")), []
    for number, event in enumerate(events):
        disturbed.append(run.step(event))
        if number % 333 == 0:
            run.restart()
    assert disturbed == undisturbed
    sale_forgotten = {bool(alerts) for alerts in undisturbed[2 * 300 + 2 :: 2]}
    assert sale_forgotten == {True, False}, "or else the restarts could change nothing"


# --- Records -------------------------------------------------------------------------------------


def test_store_without_records_is_new():
    engine = engine_of()
    assert engine.load_store("store-1", lambda name: None).clock == 0


def test_records_of_another_format_are_refused_with_what_to_do():
    header = msgspec.msgpack.encode([FORMAT_VERSION + 1, 0, 0, None, {}])
    with pytest.raises(StateFormatError, match=r"store store-1 .* new consumer group"):
        engine_of().load_store("store-1", {"header": header}.get)


def test_clock_and_first_event_survive_a_restart():
    run = RestartingRun(engine_of())
    run.step(line("NO_SALE", 5))
    run.step(line("NO_SALE", 3))
    run.restart()
    store = run.store("store-1")
    assert (store.clock, store.first_pos_time) == (T0 + 5, T0 + 5)


def test_detector_that_is_new_starts_empty_beside_stored_state():
    run = RestartingRun(engine_of("stock_discrepancy"))
    run.step(count(0, 50))
    run.restart()
    run.engine = engine_of("inventory_shrinkage", "stock_discrepancy")
    run.step(sale(MINUTE, quantity=10))
    assert [a.type for a in run.step(count(2 * MINUTE, 0))] == ["SHRINKAGE", "STOCK_DISCREPANCY"]


@pytest.mark.parametrize("restart_again", [False, True], ids=["at once", "after one more restart"])
def test_detector_that_was_off_for_a_while_remembers_the_same_before_and_after_another_restart(restart_again):
    """Its old state may be kept or lost, but it must not come back later."""
    run = RestartingRun(engine_of("stock_discrepancy"))
    run.step(count(0, 50))
    for engine in (engine_of("security_correlation"), engine_of("stock_discrepancy")):
        run.restart()
        run.engine = engine
        run.step(line("NO_SALE", MINUTE))
    if restart_again:
        run.restart()
    assert run.step(count(2 * MINUTE, 40)) == []


def test_changed_dedupe_memory_over_stored_state_still_forgets():
    run = RestartingRun(engine_of(dedupe_memory=DAY))
    run.step(line("NO_SALE", event_id="e-1"))
    run.restart()
    run.engine = engine_of(dedupe_memory=2 * DAY)
    run.alerts([*quiet_until(100 * DAY), *quiet_until(101 * DAY)])
    assert run.store("store-1").entries()["seen_pos"] == 0


def test_changed_dedupe_memory_over_stored_state_still_recognises():
    run = RestartingRun(engine_of("stock_discrepancy", dedupe_memory=2 * DAY))
    run.step(line("NO_SALE", event_id="e-1"))
    run.step(count(0, 50))
    run.restart()
    run.engine = engine_of("stock_discrepancy", dedupe_memory=DAY)
    run.step(line("NO_SALE", 2 * HOUR))
    run.step(sale(2 * HOUR, event_id="e-1", quantity=20))
    assert [a.evidence["sold"] for a in run.step(count(2 * HOUR, 20))] == [0]
