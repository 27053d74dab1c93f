"""Counts of a process's work since its start, and the newest statistics of its consumer.

Every record pays for the counting, so the counts are plain dictionaries.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import structlog

from retail_anomaly.cases import Action, Case
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.invalid import DeadLetter, InvalidKind


class _PartitionCounts(msgspec.Struct):
    fetch_state: str = ""
    consumer_lag: int = -1
    lo_offset: int = -1
    hi_offset: int = -1
    ls_offset: int = -1
    next_offset: int = -1
    app_offset: int = -1
    committed_offset: int = -1
    fetchq_cnt: int = -1

    @property
    def hidden(self) -> int:
        """Records behind an open transaction, which can't be read."""
        return max(0, self.hi_offset - self.ls_offset) if self.ls_offset >= 0 else 0

    @property
    def lag(self) -> int:
        """Records not committed: before the first commit all records, and -1 while that is unknown."""
        # Fetched to the end, handed on and committed. What is left are the broker's marks of transactions.
        read_up = self.next_offset >= self.ls_offset >= 0 and self.fetchq_cnt == 0
        if read_up and self.app_offset >= 0 and self.app_offset == self.committed_offset:
            return 0
        if self.consumer_lag >= 0 or self.hi_offset < 0:
            return self.consumer_lag
        return self.hi_offset - max(self.lo_offset, 0)


class _Topic(msgspec.Struct):
    partitions: dict[str, _PartitionCounts] = {}


class _Group(msgspec.Struct):
    join_state: str = ""


class _Statistics(msgspec.Struct):
    """The part of librdkafka's statistics that is used."""

    topics: dict[str, _Topic] = {}
    cgrp: _Group | None = None


_STATISTICS = msgspec.json.Decoder(_Statistics)
_INTERNAL = "changelog__"


class ProcessCounts:
    """Counts the records of each topic, and their outcomes.

    Attributes
    ----------
    lag
        By topic and partition: records not committed yet, of this process's partitions.
    hidden
        By topic and partition: records behind an open transaction, where there are any.
    joined
        Whether the consumer is a settled member of its group, with partitions or without.
    heard
        The time by `time.monotonic` at which the poll loop last reported.

    Examples
    --------
    >>> counts = ProcessCounts()
    >>> counts.message("pos-events", 0, 17)
    >>> counts.totals()["processed"]
    {'pos-events': 1}
    """

    def __init__(self) -> None:
        self._processed: Counter[str] = Counter()
        self._alerts: Counter[str] = Counter()
        self._dead_letters: Counter[str] = Counter()
        self._written: Counter[str] = Counter()
        self._misplaced: Counter[str] = Counter()
        self._cases: Counter[str] = Counter()
        self._notified: Counter[tuple[str, str]] = Counter()
        self.lag: Mapping[tuple[str, int], int] = {}
        self.hidden: Mapping[tuple[str, int], int] = {}
        self.joined = False
        self.heard = time.monotonic()

    def reads(self, topics: Iterable[str]) -> None:
        """Count each topic from zero: a counter that was never seen at zero has no rate."""
        self._processed.update(dict.fromkeys(topics, 0))

    def message(self, topic: str, _partition: int, _offset: int, records: int = 1) -> None:
        """Count processed records: one, or a run of which the last one has this offset."""
        self._processed[topic] += records

    def raised(self, outcome: Alert | Case | DeadLetter) -> None:
        """Count an alert, a changed case or a dead letter."""
        if isinstance(outcome, Alert):
            self._alerts[outcome.type] += 1
        elif isinstance(outcome, Case):
            self._cases[outcome.state] += 1
        else:
            self._dead_letters[_reason(outcome)] += 1

    def misplaced(self, topic: str) -> None:
        """Count a record whose key belongs into another partition; the first of a topic is logged."""
        self._misplaced[topic] += 1
        if self._misplaced[topic] == 1:
            structlog.stdlib.get_logger("retail-streamer").warning(
                "records are in another partition than their key's: a store's events may not meet; have "
                "every producer use Kafka's partitioner (librdkafka: partitioner=murmur2_random)",
                topic=topic,
            )

    def decided(self, action: Action, changed: Sequence[Case]) -> None:
        """Ignore a decision about cases: only `Metrics` observes them."""

    def tells(self, routes: Iterable[str], outcomes: Sequence[str]) -> None:
        """Count each outcome of each route from zero."""
        self._notified.update(dict.fromkeys(((route, each) for route in routes for each in outcomes), 0))

    def notified(self, route: str, outcome: str) -> None:
        """Count a message, or an alert that a route is told of later or no more."""
        self._notified[route, outcome] += 1

    def written(self, topic: str, records: int) -> None:
        """Count records that InfluxDB has acknowledged."""
        self._written[topic] += records

    def request(self, outcome: str, seconds: float) -> None:
        """Ignore a request to InfluxDB: only `Metrics` observes them."""

    def buried(self, letter: DeadLetter) -> None:
        """Count a record that InfluxDB can't hold."""
        self.raised(letter)

    def statistics(self, raw: str) -> None:
        """Take librdkafka's statistics, which come in the thread of the poll loop while it polls."""
        found = _STATISTICS.decode(raw)
        self.heard = time.monotonic()
        self.joined = found.cgrp is not None and found.cgrp.join_state == "steady"
        active = {
            (name, int(number)): partition
            for name, topic in found.topics.items()
            if not name.startswith(_INTERNAL)
            for number, partition in topic.partitions.items()
            if partition.fetch_state == "active"
        }
        self.lag = {place: partition.lag for place, partition in active.items() if partition.lag >= 0}
        self.hidden = {place: partition.hidden for place, partition in active.items() if partition.hidden}

    def totals(self) -> dict[str, object]:
        """Return the counts: `processed` by topic, `alerts` by type, `dead_letters`, `written` by topic."""
        return {
            "processed": {topic: number for topic, number in self._processed.items() if number},
            "alerts": dict(self._alerts),
            "dead_letters": self._dead_letters.total(),
            **({"written": dict(self._written)} if self._written else {}),
            **({"cases": dict(self._cases)} if self._cases else {}),
            **({"notified": self._told()} if self._notified else {}),
        }

    def _told(self) -> dict[str, int]:
        return {f"{route} {outcome}": number for (route, outcome), number in self._notified.items() if number}

    def log_stop(self) -> None:
        """Log the counts, after the last checkpoint."""
        structlog.stdlib.get_logger("retail-streamer").info("stopped", **self.totals())


def _reason(letter: DeadLetter) -> str:
    """Return a label of few values for a dead letter: its field, or the kind of the error."""
    if letter.kind is InvalidKind.REFUSED:
        return "refused by InfluxDB"
    if letter.kind is InvalidKind.UNDELIVERED:
        return "not delivered"
    if letter.kind is InvalidKind.KEY_MISMATCH:
        return "key_mismatch"
    if letter.kind is InvalidKind.WRONG_PARTITION:
        return "wrong_partition"
    # A place within a list, `rule[...][0]`, comes from outside: each would be a label of its own.
    return (letter.field or "").partition("[")[0] or "value"
