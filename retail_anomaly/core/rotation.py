"""A new key for pseudonyms takes hold of each employee in a pause, never in the midst of what is counted."""

from typing import Final, TypeVar

import msgspec

from retail_anomaly.core.events import Event, ShiftEvent
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.pseudonyms import Pseudonyms

E = TypeVar("E", bound=Event)
# By field of an event: the employees that it names.
_PERSONS: Final = ("cashier_id", "approver_id", "manager_id", "employee_id")


class Rotation:
    """Keeps the pseudonym of an employee who is at work when a new epoch begins.

    Events of the new epoch bear new pseudonyms. An employee who was seen in the store within `pause` before
    keeps the old one there, until there is a pause of that length, but not longer than `overlap`. Shifts near
    the beginning of an epoch are known under both names.

    Parameters
    ----------
    pseudonyms
        Those that the events bear.

    Examples
    --------
    >>> from retail_anomaly.core.engine import Engine
    >>> from retail_anomaly.core.events import CountEvent
    >>> noon, hour = 1_760_000_000_000, 3_600_000
    >>> names = Pseudonyms([(0, b"a" * 32), (noon, b"b" * 32)], pause=10 * hour, overlap=24 * hour)
    >>> engine = Engine([], pseudonyms=names)
    >>> store, rotation = engine.new_store("s"), Rotation(names)
    >>> def name(time):
    ...     return rotation.continued(names.hidden(CountEvent("s", "k", 3, time, "c-1")), store).manager_id
    >>> name(noon - 60_000) == name(noon + 60_000) == name(noon + 9 * hour), name(noon + 20 * hour)
    (True, 'E-sszt7vzmsx8v')
    """

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._names = pseudonyms
        self._pause = pseudonyms.pause
        self._overlap = pseudonyms.overlap
        self._starts = pseudonyms.starts

    def continued(self, event: E, store: StoreMemory) -> E:
        """Return an event with the pseudonyms that its employees have in the store.

        Parameters
        ----------
        event
            An event that bears the pseudonyms of its time.
        store
            The store's memory, which takes note of them.
        """
        if isinstance(event, ShiftEvent):
            return event
        time = event.event_time
        for start in self._starts:
            if start - self._pause <= time < start:
                self._note(event, time, store)
            elif start <= time < start + self._overlap:
                event = self._kept(event, time, store)
        return event

    def second_name(self, shift: ShiftEvent) -> str | None:
        """Return the other pseudonym of a shift's employee, if an epoch begins near its start."""
        for start in self._starts:
            if abs(shift.shift_start - start) <= self._overlap:
                names = self._names.newer if shift.shift_start < start else self._names.older
                return names.get(shift.employee_id)
        return None

    def _note(self, event: Event, time: int, store: StoreMemory) -> None:
        for field in _PERSONS:
            name = getattr(event, field, None)
            if name is not None:
                store.active.put(name, max(time, store.active.get(name) or 0))

    def _kept(self, event: E, time: int, store: StoreMemory) -> E:
        changed = {}
        for field in _PERSONS:
            name = getattr(event, field, None)
            old = None if name is None else self._names.older.get(name)
            seen = None if old is None else store.active.get(old)
            if old is not None and seen is not None and time - seen <= self._pause:
                store.active.put(old, max(time, seen))
                changed[field] = old
        return msgspec.structs.replace(event, **changed) if changed else event
