"""Counts what a process has done since its start, and keeps what its consumer says of itself.

Counting is what every record pays for: plain dictionaries, read by whoever wants figures.
"""

import time
from collections import Counter
from collections.abc import Mapping

import msgspec
import structlog

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import DeadLetter, InvalidKind


class _PartitionCounts(msgspec.Struct):
    fetch_state: str = ""
    consumer_lag: int = -1
    lo_offset: int = -1
    hi_offset: int = -1

    @property
    def lag(self) -> int:
        """Records not committed; all there are while nothing was ever committed, -1 while that is unknown."""
        if self.consumer_lag >= 0 or self.hi_offset < 0:
            return self.consumer_lag
        return self.hi_offset - max(self.lo_offset, 0)


class _Topic(msgspec.Struct):
    partitions: dict[str, _PartitionCounts] = {}


class _Group(msgspec.Struct):
    join_state: str = ""


class _Statistics(msgspec.Struct):
    """What is used of librdkafka's statistics."""

    topics: dict[str, _Topic] = {}
    cgrp: _Group | None = None


_STATISTICS = msgspec.json.Decoder(_Statistics)
_INTERNAL = "changelog__"


class ProcessCounts:
    """Records taken from each topic, and what became of them.

    Attributes
    ----------
    lag
        By topic and partition: records not committed yet, of the partitions that are this process's.
    joined
        Whether the consumer has its place in the group, with partitions or without.
    heard
        When the poll loop was last alive, by `time.monotonic`.

    Examples
    --------
    >>> tally = ProcessCounts()
    >>> tally.message("pos-events", 0, 17)
    >>> tally.totals()["processed"]
    {'pos-events': 1}
    """

    def __init__(self) -> None:
        self._processed: Counter[str] = Counter()
        self._alerts: Counter[str] = Counter()
        self._dead_letters: Counter[str] = Counter()
        self._written: Counter[str] = Counter()
        self.lag: Mapping[tuple[str, int], int] = {}
        self.joined = False
        self.heard = time.monotonic()

    def message(self, topic: str, _partition: int, _offset: int) -> None:
        """Count a record whose processing is over."""
        self._processed[topic] += 1

    def raised(self, outcome: Alert | DeadLetter) -> None:
        """Count an alert or a dead letter on its way out."""
        if isinstance(outcome, Alert):
            self._alerts[outcome.type] += 1
        else:
            self._dead_letters[_reason(outcome)] += 1

    def written(self, topic: str, records: int) -> None:
        """Count records that InfluxDB has acknowledged."""
        self._written[topic] += records

    def request(self, outcome: str, seconds: float) -> None:
        """Take no note of a request to InfluxDB."""

    def buried(self, letter: DeadLetter) -> None:
        """Count a record that InfluxDB can't hold."""
        self.raised(letter)

    def statistics(self, raw: str) -> None:
        """Take librdkafka's statistics; it hands them out while the poll loop polls, in its thread."""
        found = _STATISTICS.decode(raw)
        self.heard = time.monotonic()
        self.joined = found.cgrp is not None and found.cgrp.join_state == "steady"
        self.lag = {
            (name, int(number)): partition.lag
            for name, topic in found.topics.items()
            if not name.startswith(_INTERNAL)
            for number, partition in topic.partitions.items()
            if partition.fetch_state == "active" and partition.lag >= 0
        }

    def totals(self) -> dict[str, object]:
        """Return the counts: `processed` by topic, `alerts` by type, `dead_letters`, `written` by topic."""
        return {
            "processed": dict(self._processed),
            "alerts": dict(self._alerts),
            "dead_letters": self._dead_letters.total(),
            **({"written": dict(self._written)} if self._written else {}),
        }

    def log_stop(self) -> None:
        """Log the counts, after the last checkpoint."""
        structlog.stdlib.get_logger("retail-streamer").info("stopped", **self.totals())


def _reason(letter: DeadLetter) -> str:
    """Return a label of few values for a dead letter: its field, or the kind of the error."""
    if letter.kind is InvalidKind.REFUSED:
        return "refused by InfluxDB"
    if letter.kind is InvalidKind.KEY_MISMATCH:
        return "key_mismatch"
    return letter.field or "value"
