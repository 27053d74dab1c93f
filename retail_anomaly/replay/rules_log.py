"""A log of rule changes, and the rules that are in force at each place of a replay.

The topic `retail-rules` has a copy of each change in each partition, and there the change has a place among
the events. `retail-streamer rules log --json` writes the copies with their places. The replay of a store
looks at those of its partition.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from retail_anomaly.core.dispatch import Dispatch
from retail_anomaly.core.events import Event, Millis, ShiftEvent, TimedEvent
from retail_anomaly.core.key_partitions import KeyPartitions
from retail_anomaly.core.records import InvalidRecord, decode_record, record_from
from retail_anomaly.core.wrong_times import LOOK, judged_time
from retail_anomaly.frames.json_lines import read_json_lines
from retail_anomaly.rules.changes import RuleChange
from retail_anomaly.rules.configured import ConfiguredRules
from retail_anomaly.rules.rule_book import RuleBook

# Events of all partitions that are looked at for those behind one in its own.
_LOOK_AT_MOST: Final = 2_000


class PlacedChange(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A change of rules, and the events before which it comes in force.

    Parameters
    ----------
    time
        Events with this time and later ones meet the changed rule, in epoch milliseconds.
    value
        The change, as it stands in the topic `retail-rules`; None: the record has no JSON object.
    partition, partitions
        The partition whose stores it holds for, of so many; None: it holds for all stores.

    Examples
    --------
    >>> PlacedChange(1_760_000_000_000, {"action": "off", "by": "kim", "time": 0, "id": "a"}).partition
    """

    time: Millis
    value: dict[str, Any] | None
    partition: int | None = None
    partitions: int | None = None

    def __post_init__(self) -> None:
        if self.partition is not None and not 0 <= self.partition < (self.partitions or 0):
            raise ValueError("partition: expected a number below partitions")

    @property
    def change(self) -> RuleChange:
        """The change.

        Raises
        ------
        InvalidRecord
            The value is no change.
        """
        return record_from(RuleChange, self.value)


def read_rules_log(path: str | Path) -> list[PlacedChange]:
    """Read a log of rule changes, as `retail-streamer rules log --json` writes it.

    Parameters
    ----------
    path
        The file: a change a line.

    Raises
    ------
    InvalidRecord
        A line is no placed change; the text names file, line and field. Whether the change itself is good is
        decided at its place.
    """
    return read_json_lines(path, lambda line: decode_record(PlacedChange, line))


class RunningRules:
    """The rules of each partition, as far as a replay has come.

    Parameters
    ----------
    configured
        The rules with which the log begins.
    log
        The changes, those of a partition in their order.

    Examples
    --------
    >>> from retail_anomaly.core.events import TillEvent
    >>> counted = {"id": "a", "events": {"e": {"eventType": "NO_SALE"}}, "window": "1h",
    ...     "when": {"count": "e", "gte": 2}}
    >>> push = {"action": "push", "by": "kim", "time": 1_760_000_000_000, "rule": counted}
    >>> log = [PlacedChange(1_760_000_000_000, push)]
    >>> running = RunningRules(ConfiguredRules(max_late=86_400_000), log)
    >>> event = TillEvent("store-1", "c", "NO_SALE", 1_760_000_000_000)
    >>> len(running.of("store-1").detectors), running.reach(event)
    (0, True)
    >>> len(running.of("store-1").detectors)
    1
    """

    def __init__(self, configured: ConfiguredRules, log: Sequence[PlacedChange]) -> None:
        count = max((each.partitions or 1 for each in log), default=1)
        self._keys = KeyPartitions(count)
        self._books = [RuleBook(configured) for _ in range(count)]
        self._ahead = [
            deque(each for each in log if each.partition in (None, number)) for number in range(count)
        ]
        self._partitions: dict[str, int] = {}
        self._reached = 0  # the newest time of the events looked at, but for those that are ahead

    def partition(self, store_id: str) -> int:
        """Return the partition of a store."""
        found = self._partitions.get(store_id)
        if found is None:
            found = self._partitions[store_id] = self._keys.of(store_id.encode())
        return found

    def of(self, store_id: str) -> Dispatch:
        """Return the rules that run in a store at present."""
        return self._books[self.partition(store_id)].dispatch(store_id)

    def reach(self, event: TimedEvent, behind: Iterable[Event] = ()) -> bool:
        """Make the changes that come before an event; tell whether there were any.

        Parameters
        ----------
        event
            The event that comes next.
        behind
            Those behind it. An event of a till whose clock is ahead does not bring what comes later.
        """
        partition = self.partition(event.store_id)
        ahead = self._ahead[partition]
        if not ahead or ahead[0].time > event.event_time:
            return False
        return self._reach(partition, self._judged(event, partition, behind))

    def reach_all(self, time: int, event: TimedEvent, behind: Iterable[Event] = ()) -> set[int]:
        """Make the changes up to a time, but none that are later than all events; return their partitions.

        Parameters
        ----------
        time
            The time that has passed in all stores, in epoch milliseconds.
        event, behind
            The newest event, and those behind it.
        """
        if not any(ahead and ahead[0].time <= time for ahead in self._ahead):
            return set()
        self._judged(event, self.partition(event.store_id), behind)
        least = min(time, self._reached)
        return {partition for partition in range(len(self._ahead)) if self._reach(partition, least)}

    def _judged(self, event: TimedEvent, partition: int, behind: Iterable[Event]) -> int:
        """Return the time of an event, as the streamer judges it by the records behind it."""
        times = (
            each.event_time
            for each in islice(behind, _LOOK_AT_MOST)
            if not isinstance(each, ShiftEvent) and self.partition(each.store_id) == partition
        )
        time = judged_time(event.event_time, [*islice(times, LOOK)])
        self._reached = max(self._reached, time)
        return time

    def _reach(self, partition: int, time: int) -> bool:
        ahead = self._ahead[partition]
        if not ahead or ahead[0].time > time:
            return False
        while ahead and ahead[0].time <= time:
            self._apply(partition, ahead.popleft())
        return True

    def _apply(self, partition: int, placed: PlacedChange) -> str | None:
        """Make a change; return why it is refused."""
        try:
            self._books[partition].apply(placed.change)
        except InvalidRecord as error:
            return str(error)
        return None

    def outcome(self) -> "RulesAtEnd":
        """Make all changes to come; return which were refused, and the rules in the end."""
        refused = [
            reason
            for partition, ahead in enumerate(self._ahead)
            for placed in ahead
            if (reason := self._apply(partition, placed)) is not None
        ]
        return RulesAtEnd(tuple(dict.fromkeys(refused)), tuple(book.dispatch() for book in self._books))


class RulesAtEnd(msgspec.Struct, frozen=True):
    """The end of a log of changes.

    Parameters
    ----------
    refused
        Why some changes were refused, once each.
    rules
        The rules at the end, by partition.
    """

    refused: tuple[str, ...]
    rules: tuple[Dispatch, ...]

    def remarks(self) -> Iterator[str]:
        """Yield the sentence for a person."""
        if self.refused:
            more = f", and {len(self.refused) - 1:,} more" if len(self.refused) > 1 else ""
            yield f"changes of rules that were refused changed nothing: {self.refused[0]}{more}"
