"""The shifts of one store's employees: who is off shift, and which shift is nearest to a time."""

import msgspec

from retail_anomaly.core.collections import Table
from retail_anomaly.core.events import ShiftEvent


class Shift(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A shift that the store remembers: start and end in epoch milliseconds, both inclusive.

    State of version 1 has no shift ids.

    Examples
    --------
    >>> Shift(1, 9, "CASHIER").covers(9)
    True
    """

    start: int
    end: int
    role: str | None
    shift_id: str | None = None

    def covers(self, time: int) -> bool:
        """Tell whether the shift was worked at `time`."""
        return self.start <= time <= self.end


class Shifts(Table[list[Shift]]):
    """The shifts of each employee, by employee id.

    An employee's newest shift never expires: it tells that the employee's shifts are known. An employee whose
    shifts were all cancelled stays known, with an empty list.

    Parameters
    ----------
    max_late
        How late an event may be and still raise an alert, in milliseconds. A shift expires that long after
        its end.

    Examples
    --------
    >>> shifts = Shifts(max_late=0)
    >>> morning = ShiftEvent("c-1", "store-1", 1_760_000_000_000, 1_760_014_400_000)
    >>> shifts.keep(morning, clock=1_760_000_000_000)
    >>> shifts.off_shift("c-1", 1_760_000_000_000), shifts.off_shift("c-1", 1_760_020_000_000)
    (False, True)
    >>> shifts.off_shift("c-2", 1_760_000_000_000) is None
    True
    >>> shifts.keep(msgspec.structs.replace(morning, cancelled=True), clock=1_760_000_000_000)
    >>> shifts.off_shift("c-1", 1_760_000_000_000)
    True
    """

    __slots__ = ("_max_late",)

    def __init__(self, max_late: int) -> None:
        super().__init__(list[Shift], time=_newest)
        self._max_late = max_late

    def keep(self, event: ShiftEvent, clock: int, also: str | None = None) -> None:
        """Remember a shift, or take a cancelled one out.

        It replaces one of the same employee and start, and one of the same id. That one may be another
        employee's: shifts are swapped.

        Parameters
        ----------
        event
            The shift.
        clock
            The store's clock, in epoch milliseconds.
        also
            A second name of the employee, under which the shift is found too.
        """
        if event.shift_id is not None:
            self._drop(event.shift_id)
        for employee_id in (event.employee_id,) if also is None else (event.employee_id, also):
            self._keep(event, employee_id, clock)

    def _keep(self, event: ShiftEvent, employee_id: str, clock: int) -> None:
        known = self.get(employee_id)
        shifts = [shift for shift in known or () if shift.start != event.shift_start]
        if not event.cancelled:
            shifts.append(Shift(event.shift_start, event.shift_end, event.role, event.shift_id))
        elif known is None:
            return
        self.put(employee_id, self._unexpired(shifts, clock))

    def off_shift(self, employee_id: str, time: int) -> bool | None:
        """Tell whether no shift of an employee covers a time; None if no shift of the employee is known."""
        shifts = self.get(employee_id)
        if shifts is None:
            return None
        return not any(shift.covers(time) for shift in shifts)

    def nearest(self, employee_id: str, time: int) -> Shift | None:
        """Return the shift that covers a time, or else the nearest one, or None if there is none."""
        shifts = self.get(employee_id)
        if not shifts:
            return None
        return min(shifts, key=lambda shift: (max(shift.start - time, time - shift.end, 0), -shift.start))

    def sweep(self, clock: int) -> None:
        """Drop the shifts that have expired at `clock`, in epoch milliseconds."""
        for employee, shifts in list(self.items()):
            unexpired = self._unexpired(shifts, clock)
            if len(unexpired) < len(shifts):
                self.put(employee, unexpired)

    def _drop(self, shift_id: str) -> None:
        # An employee with two names has it twice.
        for employee, shifts in list(self.items()):
            others = [shift for shift in shifts if shift.shift_id != shift_id]
            if len(others) < len(shifts):
                self.put(employee, others)

    def _unexpired(self, shifts: list[Shift], clock: int) -> list[Shift]:
        newest = _newest(shifts)
        oldest = clock - self._max_late
        return [shift for shift in shifts if shift.end >= oldest or shift.start == newest]


def _newest(shifts: list[Shift]) -> int | None:
    return max((shift.start for shift in shifts), default=None)
