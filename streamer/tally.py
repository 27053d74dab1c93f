"""Counts what a process has done since its start, for its last word in the log."""

from collections import Counter

import structlog

from retail_anomaly.alerts import Alert
from retail_anomaly.codec import DeadLetter


class Tally:
    """Records taken from each topic, and what became of them.

    Examples
    --------
    >>> tally = Tally()
    >>> tally.message("pos-events", 0, 17)
    >>> tally.totals()["processed"]
    {'pos-events': 1}
    """

    def __init__(self) -> None:
        self._processed: Counter[str] = Counter()
        self._alerts: Counter[str] = Counter()
        self._dead_letters = 0
        self._written: Counter[str] = Counter()

    def message(self, topic: str, _partition: int, _offset: int) -> None:
        """Count a record whose processing is over."""
        self._processed[topic] += 1

    def raised(self, outcome: Alert | DeadLetter) -> None:
        """Count an alert or a dead letter on its way out."""
        if isinstance(outcome, Alert):
            self._alerts[outcome.type] += 1
        else:
            self._dead_letters += 1

    def written(self, topic: str, records: int) -> None:
        """Count records that InfluxDB has acknowledged."""
        self._written[topic] += records

    def request(self, outcome: str, seconds: float) -> None:
        """Count a request to InfluxDB."""

    def buried(self, letter: DeadLetter) -> None:
        """Count a record that InfluxDB can't hold."""
        self.raised(letter)

    def totals(self) -> dict[str, object]:
        """Return the counts: `processed` by topic, `alerts` by type, and `dead_letters`."""
        return {
            "processed": dict(self._processed),
            "alerts": dict(self._alerts),
            "dead_letters": self._dead_letters,
        }

    def log_stop(self) -> None:
        """Log the counts, after the last checkpoint."""
        structlog.stdlib.get_logger("retail-streamer").info("stopped", **self.totals())
