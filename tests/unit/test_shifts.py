"""The shifts of a store: replaced, swapped between employees, cancelled, and read from old state."""

from __future__ import annotations

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import ShiftEvent
from retail_anomaly.core.shifts import Shift, Shifts
from tests.naive.store import Store
from tests.support.events import DAY, HOUR, T0, shift


def kept(*events: ShiftEvent) -> Shifts:
    shifts = Shifts(max_late=DAY)
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
