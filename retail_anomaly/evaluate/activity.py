"""The part of a log that a scorecard needs: the times of each store's events, and a sample of them."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from operator import itemgetter
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from retail_anomaly.core.events import REFUND, CountEvent, Event, PosEvent, ShiftEvent
from retail_anomaly.frames.shown_times import Zones, zone_of
from retail_anomaly.frames.store_calendar import local_days

_DRAWN: Final = ("store_id", "employee_id", "transaction_id", "sku", "event_time")


@dataclass(frozen=True)
class Activity:
    """The times of a log's events and a sample of them.

    `Activity.of` makes one in a single pass. It holds eight bytes an event and a sample.

    Parameters
    ----------
    times
        By store the times of its POS events, counts and gate events, sorted, in epoch milliseconds.
    sample
        REFUND lines and counts drawn at random, one row each: ``store_id``, ``employee_id``,
        ``transaction_id`` (None for a count), ``sku``, ``event_time`` (epoch milliseconds). They are read by
        somebody who has no alerts.
    zones
        Time zone of the stores.

    Examples
    --------
    >>> sale = PosEvent("t-1", "store-1", "c-1", "sku-1", 9.5, "SALE", 1_760_000_000_000)
    >>> count = CountEvent("store-1", "sku-1", 3, 1_760_054_400_000)  # midnight in UTC
    >>> Activity.of([sale, count]).store_days.to_dict()
    {'store-1': 2}
    >>> Activity.of([sale, count], zones="Asia/Tokyo").store_days.to_dict()
    {'store-1': 2}
    >>> Activity.of([sale, count], zones="America/New_York").store_days.to_dict()
    {'store-1': 1}
    """

    times: Mapping[str, np.ndarray]
    sample: pd.DataFrame
    zones: Zones = "UTC"

    @classmethod
    def of(
        cls, events: Iterable[Event], *, zones: Zones = "UTC", seed: int = 0, sample: int = 50_000
    ) -> "Activity":
        """Read events once.

        Parameters
        ----------
        events
            Events in any order; they are not kept.
        zones
            An IANA time zone for all stores, or one by store id (UTC for the others).
        seed
            Seed of the sample.
        sample
            How many REFUND lines and counts are kept to draw random alerts from.

        Returns
        -------
        Activity
            Times, store-days and the sample.
        """
        return cls.of_parts([activity_part(events, seed=seed, sample=sample)], zones=zones, sample=sample)

    @classmethod
    def of_parts(
        cls, parts: Iterable["ActivityPart"], *, zones: Zones = "UTC", sample: int = 50_000
    ) -> "Activity":
        """Put together what was read in parts, with all events of a store in one of them.

        Parameters
        ----------
        parts
            What `activity_part` returned, with the same seed and sample.
        zones, sample
            As of `of`. The activity is that of all events read at once.
        """
        read = list(parts)
        drawn = _lowest((one for part in read for one in part.drawn), sample)
        # By time, since the figures drawn from the sample depend on its order.
        rows = sorted((one.place, one.row) for one in drawn)
        return cls(
            {store: np.sort(times) for part in read for store, times in part.times.items()},
            pd.DataFrame([row for _, row in rows], columns=list(_DRAWN)).astype({"event_time": "int64"}),
            zones,
        )

    @property
    def store_days(self) -> "pd.Series[int]":
        """The number of local days on which each store had events."""
        days = {
            store: len(np.unique(local_days(times, zone_of(store, self.zones))))
            for store, times in self.times.items()
        }
        return pd.Series(days, dtype="int64").sort_index()

    def between(self, start: pd.Timestamp, end: pd.Timestamp) -> "Activity":
        """Return the activity from `start` on and before `end`."""
        first, last = (int(time.timestamp() * 1000) for time in (start, end))
        kept = {store: times[(times >= first) & (times < last)] for store, times in self.times.items()}
        at = self.sample["event_time"]
        return Activity(
            {store: times for store, times in kept.items() if len(times)},
            self.sample[(at >= first) & (at < last)].reset_index(drop=True),
            self.zones,
        )

    def events_between(self, store: str, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Return the number of a store's events after each start and up to each end (milliseconds)."""
        times = self.times.get(store, np.empty(0, dtype="int64"))
        return np.searchsorted(times, end, side="right") - np.searchsorted(times, start, side="right")

    def first_since(self, store: str, start: int) -> int | None:
        """Return the time of a store's first event at or after a time (milliseconds)."""
        times = self.times.get(store, np.empty(0, dtype="int64"))
        place = int(np.searchsorted(times, start, side="left"))
        return int(times[place]) if place < len(times) else None


class DrawnEvent(NamedTuple):
    """A REFUND line or count that may be in the sample: it is, if its lot is among the lowest.

    Parameters
    ----------
    lot
        Drawn from the seed, the store and the number of the event among those of its store. It does not
        depend on other stores, so that parts give the sample of the whole.
    place
        Time, store and that number.
    row
        The row of the sample.
    """

    lot: bytes
    place: tuple[int, str, int]
    row: tuple[str, str | None, str | None, str, int]


class ActivityPart(NamedTuple):
    """The times of some stores' events, and those that may be in the sample."""

    times: dict[str, np.ndarray]
    drawn: list[DrawnEvent]


def activity_part(events: Iterable[Event], *, seed: int = 0, sample: int = 50_000) -> ActivityPart:
    """Read the events of some stores once, perhaps in another process; see `Activity.of`.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> parts = [activity_part([CountEvent(store, "sku-1", 3, 1_760_000_000_000)]) for store in "ab"]
    >>> len(Activity.of_parts(parts).sample)
    2
    """
    times: dict[str, array[int]] = defaultdict(lambda: array("q"))
    seen: Counter[str] = Counter()
    lots: list[tuple[bytes, int, PosEvent | CountEvent]] = []
    highest = b"\xff" * 9
    for event in events:
        store = event.store_id
        if isinstance(event, CountEvent) or (isinstance(event, PosEvent) and event.event_type == REFUND):
            seen[store] = number = seen[store] + 1
            lot = blake2b(f"{seed} {number} {store}".encode(), digest_size=8).digest()
            if lot < highest:
                lots.append((lot, number, event))
            if len(lots) > 2 * sample:
                lots.sort(key=itemgetter(0))
                del lots[sample:]
                highest = lots[-1][0] if lots else b""
        elif isinstance(event, ShiftEvent):
            continue
        times[store].append(event.event_time)
    drawn = (
        DrawnEvent(lot, (event.event_time, event.store_id, number), _row(event))
        for lot, number, event in lots
    )
    return ActivityPart(
        {store: np.frombuffer(found, dtype="int64") for store, found in times.items()},
        _lowest(drawn, sample),
    )


def _lowest(drawn: Iterable[DrawnEvent], sample: int) -> list[DrawnEvent]:
    return sorted(drawn, key=itemgetter(0))[:sample]


def _row(event: PosEvent | CountEvent) -> tuple[str, str | None, str | None, str, int]:
    if isinstance(event, PosEvent):
        return event.store_id, event.cashier_id, event.transaction_id, event.sku, event.event_time
    return event.store_id, event.manager_id, None, event.sku, event.event_time
