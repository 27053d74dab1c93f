"""The shifts of a store: replaced, swapped between employees, cancelled, and read from old state."""

from __future__ import annotations

import json
import tracemalloc

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from retail_anomaly.core.codec import encode
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import ShiftEvent
from retail_anomaly.core.shifts import Shift, Shifts
from tests.naive.store import Store
from tests.support.events import DAY, HOUR, T0, shift


def kept(*events: ShiftEvent) -> Shifts:
    shifts = Shifts(max_late=DAY)
    for event in events:
        shifts.keep(event, clock=T0)
    return shifts


class FewShifts(Shifts):
    most_employees = 20
    most_each = 5
    most = 60


def few(*events: ShiftEvent) -> FewShifts:
    shifts = FewShifts(max_late=DAY)
    for event in events:
        shifts.keep(event, clock=T0)
    return shifts


def named(event: ShiftEvent, shift_id: str | None = "a", *, cancelled: bool = False) -> ShiftEvent:
    return msgspec.structs.replace(event, shift_id=shift_id, cancelled=cancelled)


def test_a_shift_with_the_id_of_a_kept_one_replaces_it():
    shifts = kept(named(shift(0, HOUR)), named(shift(5 * HOUR, 6 * HOUR)))
    assert [shifts.off_shift("c-1", T0 + at * HOUR) for at in (0, 5)] == [True, False]


def test_a_swapped_shift_is_the_other_employees_and_both_stay_known():
    shifts = kept(named(shift(0, HOUR)), named(shift(0, HOUR, employee="c-2")))
    assert [shifts.off_shift(employee, T0) for employee in ("c-1", "c-2")] == [True, False]


def test_a_cancelled_shift_covers_nothing_and_leaves_its_employee_known():
    for cancelled in (named(shift(0, HOUR), cancelled=True), named(shift(0, HOUR), None, cancelled=True)):
        shifts = kept(named(shift(0, HOUR)), cancelled)
        assert shifts.off_shift("c-1", T0) is True
        assert shifts.nearest("c-1", T0) is None
        assert shifts.times() is None
        shifts.sweep(T0 + 30 * DAY)
        assert shifts.off_shift("c-1", T0) is True


def test_a_cancellation_of_an_unknown_shift_makes_nobody_known():
    assert kept(named(shift(0, HOUR), cancelled=True)).off_shift("c-1", T0) is None


def test_a_shift_that_version_1_stored_is_read():
    stored = msgspec.msgpack.encode([T0, T0 + HOUR, "CASHIER"])
    assert msgspec.msgpack.decode(stored, type=Shift) == Shift(T0, T0 + HOUR, "CASHIER")


_shift_events = st.builds(
    lambda employee, start, hours, shift_id, cancelled: named(
        shift(start * HOUR, (start + hours) * HOUR, employee=employee), shift_id, cancelled=cancelled
    ),
    st.sampled_from(["c-1", "c-2"]),
    st.integers(0, 3),
    st.integers(1, 3),
    st.sampled_from([None, "a", "b"]),
    st.booleans(),
)


@given(st.lists(_shift_events, max_size=8))
def test_shifts_are_what_a_plain_reading_of_the_contract_keeps(events):
    shifts, plain = kept(*events), Store("s", {})
    for event in events:
        plain.keep_shift(json.loads(encode(event)))
    for employee in ("c-1", "c-2"):
        for half_hours in range(14):
            time = T0 + half_hours * HOUR // 2
            assert shifts.off_shift(employee, time) == plain.off_shift(employee, time)


def rota(employee: str, days: int) -> list[ShiftEvent]:
    """Return a shift of eight hours on each of the next days."""
    return [
        named(shift(day * DAY, day * DAY + 8 * HOUR, employee=employee), f"{employee}-{day}")
        for day in range(days)
    ]


def test_shifts_far_ahead_become_one_and_make_nobody_off_shift():
    shifts = few(*rota("c-1", 50))

    assert len(shifts.get("c-1") or ()) == 5
    assert [shifts.off_shift("c-1", T0 + day * DAY) for day in range(50)] == [False] * 50
    assert shifts.off_shift("c-1", T0 + 10 * HOUR) is True
    assert shifts.off_shift("c-1", T0 + 50 * DAY) is True


def test_shifts_that_became_one_stay_whatever_comes_of_the_first_of_them():
    gone = few(*rota("c-1", 50), named(shift(4 * DAY, 4 * DAY + HOUR), "c-1-4", cancelled=True))
    changed = few(*rota("c-1", 50), named(shift(4 * DAY, 4 * DAY + HOUR), "c-1-4"))
    for shifts in (gone, changed):
        assert [shifts.off_shift("c-1", T0 + day * DAY) for day in range(4, 50)] == [False] * 46


def test_a_store_with_too_many_shifts_keeps_the_next_ones_of_each_employee():
    crew = [f"c-{n}" for n in range(16)]
    shifts = few(*(event for employee in crew for event in rota(employee, 5)))
    assert sum(len(kept) for _, kept in shifts.items()) <= FewShifts.most
    assert {shifts.off_shift(employee, T0 + 4 * DAY) for employee in crew} == {False}


def test_employees_whose_newest_shift_is_oldest_are_forgotten_and_nobody_is_off_shift_for_it():
    old = named(shift(-HOUR, HOUR, employee="c-old"), None)
    shifts = few(old, *(shift(n, DAY + n, employee=f"made-up-{n}") for n in range(200)))

    assert len(shifts) <= FewShifts.most_employees
    assert shifts.off_shift("c-old", T0) is None
    shifts.keep(shift(3 * DAY, 4 * DAY, employee="c-old"), clock=T0)
    assert shifts.off_shift("c-old", T0) is None  # the forgotten shift may have covered it
    assert shifts.off_shift("c-old", T0 + 2 * DAY) is True


def test_forgotten_shifts_are_not_forgotten_to_have_been_over_a_restart():
    shifts = few(*(shift(n, DAY + n, employee=f"c-{n}") for n in range(200)))
    again = FewShifts(max_late=DAY)
    again.restore(shifts.describe(), dict(shifts.records()).get)

    assert again.describe() == shifts.describe()
    again.keep(shift(3 * DAY, 4 * DAY, employee="c-1"), clock=T0)
    assert again.off_shift("c-1", T0) is None


def test_state_without_that_note_is_read():
    shifts = kept(shift(0, HOUR))
    records, (pages, *_) = dict(shifts.records()), shifts.describe()
    again = Shifts(max_late=DAY)
    again.restore([pages], records.get)
    assert again.off_shift("c-1", T0 + 2 * HOUR) is True


def test_a_swap_is_found_after_a_restart_and_after_a_sweep():
    shifts = kept(*rota("c-1", 3))
    records = dict(shifts.records())
    again = Shifts(max_late=DAY)
    again.restore(shifts.describe(), records.get)
    again.sweep(T0 + 2 * DAY)
    again.keep(named(shift(2 * DAY, 2 * DAY + HOUR, employee="c-2"), "c-1-2"), clock=T0 + 2 * DAY)
    assert [again.off_shift(employee, T0 + 2 * DAY) for employee in ("c-1", "c-2")] == [True, False]


def test_ids_of_shifts_that_are_kept_no_more_take_no_memory():
    replaced = [named(shift(0, HOUR), f"id-{n}") for n in range(4_000)]
    far_ahead = [event for n in range(20) for event in rota(f"c-{n}", 200)]
    for events in (replaced, far_ahead):
        shifts = few(*events[:200])
        tracemalloc.start()
        for event in events[200:]:
            shifts.keep(event, clock=T0)
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert grown < 50 * len(events)


def test_too_many_shifts_are_told_of_once_and_counted():
    engine, said = Engine([]), []
    engine.too_many.tell = lambda *told: said.append(told)
    store = engine.new_store("store-1")
    store.shifts = FewShifts(DAY)
    for event in rota("c-1", 50):
        engine.process(event, store)
    assert engine.undecided == {("shifts", "too many ids"): 45}
    assert [told[:2] for told in said] == [("shifts", "store-1")]
