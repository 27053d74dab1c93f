"""The shifts of one store's employees: who is off shift, and which shift is nearest to a time."""

from collections import defaultdict
from operator import attrgetter
from typing import ClassVar, Final

import msgspec

from retail_anomaly.core.collections import Load, Table
from retail_anomaly.core.events import ShiftEvent
from retail_anomaly.core.most_ids import MOST_CASHIERS, MOST_SHIFTS, MOST_SHIFTS_EACH

# Stands for the id of several shifts that became one: a shift with the same start doesn't replace it.
_SPAN: Final = "\x00"
_start: Final = attrgetter("start")


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

    Of more shifts than any shop has, those of an employee that are furthest ahead become one, which lasts
    from the first to the end of the last. Of more employees, those whose newest shift is oldest are
    forgotten; until all forgotten shifts have ended, it is unknown who is off shift.

    Parameters
    ----------
    max_late
        How late an event may be and still raise an alert, in milliseconds. A shift expires that long after
        its end.

    Attributes
    ----------
    most_employees, most_each, most
        How many are kept: employees, shifts of an employee, and shifts of the store.
    forgotten_until
        When the last shift of a forgotten employee ends; 0: none was forgotten.

    Examples
    --------
    >>> shifts = Shifts(max_late=0)
    >>> morning = ShiftEvent("c-1", "store-1", 1_760_000_000_000, 1_760_014_400_000)
    >>> shifts.keep(morning, clock=1_760_000_000_000)
    0
    >>> shifts.off_shift("c-1", 1_760_000_000_000), shifts.off_shift("c-1", 1_760_020_000_000)
    (False, True)
    >>> shifts.off_shift("c-2", 1_760_000_000_000) is None
    True
    >>> shifts.keep(msgspec.structs.replace(morning, cancelled=True), clock=1_760_000_000_000)
    0
    >>> shifts.off_shift("c-1", 1_760_000_000_000)
    True
    """

    __slots__ = ("_holders", "_kept", "_max_late", "forgotten_until")

    most_employees: ClassVar[int] = MOST_CASHIERS
    most_each: ClassVar[int] = MOST_SHIFTS_EACH
    most: ClassVar[int] = MOST_SHIFTS

    def __init__(self, max_late: int) -> None:
        super().__init__(list[Shift], time=_newest)
        self._max_late = max_late
        self.forgotten_until = 0
        self._kept = 0  # shifts in all
        # The employees of each shift that bears an id; None until it is looked for.
        self._holders: dict[str, set[str]] | None = None

    def keep(self, event: ShiftEvent, clock: int, also: str | None = None) -> int:
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

        Returns
        -------
        int
            How many shifts are kept no more, or no more apart, because there are too many.
        """
        if event.shift_id is not None:
            self._take_out(event.shift_id)
        return sum(
            self._keep(event, employee_id, clock)
            for employee_id in ((event.employee_id,) if also is None else (event.employee_id, also))
        )

    def _keep(self, event: ShiftEvent, employee_id: str, clock: int) -> int:
        known = self.get(employee_id)
        shifts = [s for s in known or () if s.start != event.shift_start or s.shift_id == _SPAN]
        if not event.cancelled:
            shifts.append(Shift(event.shift_start, event.shift_end, event.role, event.shift_id))
        elif known is None:
            return 0
        self.put(employee_id, self._unexpired(shifts, clock))
        return self._bound(employee_id)

    def put(self, key: str, entry: list[Shift]) -> None:
        """Keep the shifts of an employee."""
        self._leave_index(key)
        self._kept += len(entry)
        super().put(key, entry)
        if self._holders is not None:
            for shift in entry:
                if shift.shift_id not in (None, _SPAN):
                    self._holders.setdefault(shift.shift_id, set()).add(key)

    def drop(self, key: str) -> None:
        """Forget an employee."""
        self._leave_index(key)
        super().drop(key)

    def describe(self) -> list[int]:
        """Return the number of pages and, if employees were forgotten, when their last shift ends."""
        return [*super().describe(), *([self.forgotten_until] if self.forgotten_until else [])]

    def restore(self, description: list[int], load: Load) -> None:
        """Read all pages."""
        super().restore(description, load)
        self.forgotten_until = description[1] if len(description) > 1 else 0
        self._kept = sum(len(shifts) for _, shifts in self.items())

    def off_shift(self, employee_id: str, time: int) -> bool | None:
        """Tell whether no shift of an employee covers a time; None if no shift of the employee is known.

        It is None too where a forgotten shift may have covered the time.
        """
        shifts = self.get(employee_id)
        if shifts is None:
            return None
        if any(shift.covers(time) for shift in shifts):
            return False
        return None if time <= self.forgotten_until else True

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

    def _take_out(self, shift_id: str) -> None:
        """Take out the shift with an id; an employee with two names has it twice."""
        for employee in list(self._by_id().get(shift_id, ())):
            shifts = self.get(employee) or []
            others = [shift for shift in shifts if shift.shift_id != shift_id]
            if len(others) < len(shifts):
                self.put(employee, others)

    def _leave_index(self, employee: str) -> None:
        """Take the shifts of an employee out of the count and of the index."""
        shifts = self.get(employee) or ()
        self._kept -= len(shifts)
        index = self._holders
        if index is None:
            return
        for shift in shifts:
            holders = index.get(shift.shift_id or "")
            if holders is not None:
                holders.discard(employee)
                if not holders:
                    del index[shift.shift_id or ""]

    def _by_id(self) -> dict[str, set[str]]:
        if self._holders is None:
            holders: defaultdict[str, set[str]] = defaultdict(set)
            for employee, shifts in self.items():
                for shift in shifts:
                    if shift.shift_id not in (None, _SPAN):
                        holders[shift.shift_id].add(employee)
            self._holders = dict(holders)
        return self._holders

    def _bound(self, employee_id: str) -> int:
        """Keep no more than a shop has, after an employee's shift came; return how many shifts that cost."""
        gone = self._join_last(employee_id, self.most_each)
        if len(self) > self.most_employees:
            known = dict(self.items())
            for name in self.shed(self.most_employees, lambda shifts: _newest(shifts) or 0):
                self.forgotten_until = max([self.forgotten_until, *(shift.end for shift in known[name])])
                gone += max(1, len(known[name]))
        if self._kept > self.most:
            few = max(1, self.most // 2 // self.most_employees)
            gone += sum(self._join_last(name, few) for name in list(self))
        return gone

    def _join_last(self, employee_id: str, most: int) -> int:
        """Join an employee's shifts that are furthest ahead, so that `most` stay; return how many went."""
        shifts = self.get(employee_id) or []
        gone = len(shifts) - most
        if gone <= 0:
            return 0
        in_order = sorted(shifts, key=_start)
        first, *rest = in_order[most - 1 :]
        span = Shift(first.start, max(first.end, *(shift.end for shift in rest)), first.role, _SPAN)
        self.put(employee_id, [*in_order[: most - 1], span])
        return gone

    def _unexpired(self, shifts: list[Shift], clock: int) -> list[Shift]:
        newest = _newest(shifts)
        oldest = clock - self._max_late
        return [shift for shift in shifts if shift.end >= oldest or shift.start == newest]


def _newest(shifts: list[Shift]) -> int | None:
    return max((shift.start for shift in shifts), default=None)
