"""The streamer's application in a thread of the test, on whichever broker."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from itertools import chain, groupby, zip_longest
from pathlib import Path
from typing import Any

import msgspec

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import ALERTS, DEAD_LETTERS
from retail_anomaly.core.invalid import DeadLetter
from retail_anomaly.settings import load
from streamer.kafka.connection import Connection
from streamer.kafka.topic_plan import SHADOW_ALERTS
from streamer.notebook.running import RunningStreamer
from tests.kafka import Record, consume


class StreamerInTest(RunningStreamer):
    """A streamer in a thread of the test, with the alerts and dead letters it has written.

    Parameters
    ----------
    connection
        The broker.
    state_dir
        Where the local state goes.
    config
        A file with settings.
    backlog
        How many records the broker has already; they are processed first.
    flags
        Settings of the section `streamer`.
    """

    def __init__(
        self,
        connection: Connection,
        state_dir: Path,
        config: Any = None,
        *,
        backlog: int = 0,
        **flags: Any,
    ) -> None:
        given = {"commit_interval": "200ms", "topics.partitions": 4, **flags}
        named = {f"streamer.{key}": value for key, value in given.items()}
        settings = load(config, environ={}, flags=named).settings
        super().__init__(connection, settings, state_dir=state_dir)
        self._sent = backlog
        self._address = connection.properties()["bootstrap.servers"]

    def send_in_step(self, records: Iterable[Record]) -> None:
        """Produce in the order of each store: its record of another topic waits for those before it.

        Stores know nothing of each other, so the records of all go together, a step of each at a time.
        """
        for together in zip_longest(*_steps_by_store(records), fillvalue=()):
            for record in chain(*together):
                self.produce(record.topic, record.value, record.key, record.timestamp or 0)
            self.wait()

    def expect(self, more: int) -> None:
        """Have `wait` wait for records that somebody else sends."""
        self._sent += more

    def alerts(self) -> list[Alert]:
        """Return the alerts that are in the topic once all sent records are processed."""
        self.app.flush_output()
        return self._alerts_in(ALERTS)

    def shadow_alerts(self) -> list[Alert]:
        """Return the alerts of rules in the shadow, as `alerts` does."""
        self.app.flush_output()
        return self._alerts_in(SHADOW_ALERTS)

    def _alerts_in(self, topic: str) -> list[Alert]:
        return [msgspec.json.decode(r.value or b"", type=Alert) for r in consume(self._address, topic)]

    def dead_letters(self) -> list[DeadLetter]:
        """Return the dead letters that are in the topic once all sent records are processed."""
        self.app.flush_output()
        found = consume(self._address, DEAD_LETTERS)
        return [msgspec.json.decode(r.value or b"", type=DeadLetter) for r in found]


def _steps_by_store(records: Iterable[Record]) -> list[list[list[Record]]]:
    """Return for each store its records, in lists of those of one topic that follow each other."""
    stores: dict[bytes | None, list[Record]] = {}
    for record in records:
        stores.setdefault(record.key, []).append(record)
    return [[list(step) for _, step in groupby(own, lambda each: each.topic)] for own in stores.values()]


def records_of(values: Sequence[tuple[str, bytes]]) -> list[Record]:
    """Key raw events by their store and stamp them with their time; Kafka refuses a stamp of the future."""
    found, now = [], time.time_ns() // 1_000_000
    for topic, value in values:
        event = msgspec.json.decode(value)
        at = int(event.get("eventTime", event.get("shiftStart")))
        found.append(Record(topic, value, event["storeId"].encode(), timestamp=min(at, now)))
    return found
