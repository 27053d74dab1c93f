"""Optional faults in the data itself, each recorded as incidents are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from heapq import heappop, heappush
from random import Random
from typing import Any, Final

import msgspec
from msgspec import Struct

from data_gen.records import SimulatedRecord
from data_gen.world import HOUR, MINUTE, SECOND, rng_for
from retail_anomaly.core.events import (
    CountEvent,
    Event,
    MovementEvent,
    PosEvent,
    SecurityEvent,
    ShiftEvent,
    TillEvent,
)

LATEST: Final = 12 * HOUR
# A count has no id, so a repeated one could not be recognised.
_REPEATABLE: Final = (PosEvent, TillEvent, SecurityEvent, MovementEvent)
# Defects that every format can hold, Parquet's columns too.
_DEFECTS: Final = ("a field is missing", "a field is empty", "a negative number", "seconds")


class Fault(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One fault that was put into the data.

    Parameters
    ----------
    fault
        ``late``, ``duplicate``, ``clock skew`` or ``malformed``.
    store_id, topic
        The store and the topic.
    event_time, arrival
        Time of the event and of its arrival, in epoch milliseconds. For a skewed clock: of its first event.
    detail
        A description of the fault.
    event_id
        The event's id, where it has one.

    Examples
    --------
    >>> Fault("late", "store-1", "pos-events", 1, 61_001, "60 s late").event_id is None
    True
    """

    fault: str
    store_id: str
    topic: str
    event_time: int
    arrival: int
    detail: str
    event_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Faults:
    """The share of each kind of fault.

    Parameters
    ----------
    late
        Share of events that arrive after others that are newer: a minute in the median, hours at worst.
    duplicates
        Share of sales, refunds and gate events that arrive twice, with the same id.
    malformed
        Share of events that can't be read.
    skew
        Share of stores in which a till's clock is wrong, by 2 to 20 minutes either way.

    Raises
    ------
    ValueError
        A share is not between 0 and 1.

    Examples
    --------
    >>> bool(Faults()), bool(Faults(late=0.01))
    (False, True)
    """

    late: float = 0.0
    duplicates: float = 0.0
    malformed: float = 0.0
    skew: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 <= getattr(self, field.name) <= 1:
                raise ValueError(f"{field.name}: expected 0 to 1, got {getattr(self, field.name)}")

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def apply(
        self, events: Iterable[SimulatedRecord], seed: int, made: list[Fault]
    ) -> Iterator[SimulatedRecord]:
        """Put faults into a stream.

        Parameters
        ----------
        events
            Records in order of arrival.
        seed
            Seed of the world; each store draws its own faults from it.
        made
            A list to which the faults are added.

        Yields
        ------
        SimulatedRecord
            In order of arrival. Memory holds the late records, for twelve hours of event time at most.
        """
        stores: dict[str, _FaultyStore] = {}
        waiting: list[tuple[int, int, SimulatedRecord]] = []
        number = 0
        for record in events:
            while waiting and waiting[0][0] <= record.arrival:
                yield heappop(waiting)[2]
            store = stores.get(record.store_id)
            if store is None:
                store = stores[record.store_id] = _FaultyStore(self, seed, record.store_id, made)
            for arriving in store.records(record):
                if arriving.arrival == record.arrival:
                    yield arriving
                else:
                    number += 1
                    heappush(waiting, (arriving.arrival, number, arriving))
        while waiting:
            yield heappop(waiting)[2]


class _FaultyStore:
    """The faults of one store."""

    def __init__(self, faults: Faults, seed: int, store_id: str, made: list[Fault]) -> None:
        self._faults = faults
        self._rng = rng_for(seed, store_id, "faults")
        self._made = made
        self._till: str | None = None
        self._skew = 0
        if self._rng.random() < faults.skew:
            self._till = "till-1"
            self._skew = self._rng.choice((-1, 1)) * self._rng.randint(2, 20) * MINUTE
        self._told = False

    def records(self, record: SimulatedRecord) -> Iterator[SimulatedRecord]:
        """Yield a record with its faults: late, malformed, twice."""
        faults, rng, event = self._faults, self._rng, record.value
        if isinstance(event, PosEvent | TillEvent) and event.register_id == self._till:
            event = msgspec.structs.replace(event, event_time=event.event_time + self._skew)
            record = record._replace(value=event, timestamp=event.event_time)
            if not self._told:
                self._told = True
                self._note("clock skew", record, f"{self._till} is {self._skew // SECOND} s off")
        if rng.random() < faults.late:
            delay = min(LATEST, int(rng.lognormvariate(0, 2) * MINUTE) + SECOND)
            record = record._replace(arrival=record.arrival + delay)
            self._note("late", record, f"{delay // SECOND} s late")
        if rng.random() < faults.malformed and not isinstance(event, dict):
            defect = rng.choice(_DEFECTS)
            self._note("malformed", record, defect)
            yield record._replace(value=malformed(event, defect, rng))
            return
        yield record
        if isinstance(event, _REPEATABLE) and rng.random() < faults.duplicates:
            again = record._replace(arrival=record.arrival + int(rng.lognormvariate(1, 2) * SECOND) + 1)
            self._note("duplicate", again, "the same event again")
            yield again

    def _note(self, fault: str, record: SimulatedRecord, detail: str) -> None:
        event_id = getattr(record.value, "event_id", None)
        place = record.store_id, record.topic, record.timestamp, record.arrival
        self._made.append(Fault(fault, *place, detail, event_id))


def malformed(event: Event, defect: str, rng: Random) -> dict[str, Any]:
    """Return the fields of an event with one that is wrong; the store can still be read.

    Examples
    --------
    >>> event = CountEvent("store-1", "sku-1", 3, 1_760_000_000_000)
    >>> malformed(event, "seconds", Random(7))["eventTime"]
    1760000000
    >>> malformed(event, "a negative number", Random(7))["countedQty"]
    -3
    """
    value: dict[str, Any] = msgspec.to_builtins(event)
    time, name, number = _WEAK[type(event)]
    if defect == "seconds":
        value[time] //= 1000
    elif defect == "a negative number":
        value[number] = -value[number] or -1
    elif defect == "a field is empty":
        value[name] = ""
    else:
        del value[rng.choice((time, name))]
    return value


# By kind of event: a time, a text and a number that are required.
_WEAK: Final[dict[type, tuple[str, str, str]]] = {
    PosEvent: ("eventTime", "sku", "amount"),
    TillEvent: ("eventTime", "cashierId", "eventTime"),
    CountEvent: ("eventTime", "sku", "countedQty"),
    MovementEvent: ("eventTime", "sku", "eventTime"),
    SecurityEvent: ("eventTime", "eventType", "eventTime"),
    ShiftEvent: ("shiftStart", "employeeId", "shiftStart"),
}
