"""The streamer's application in a thread of the test, on whichever broker."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from confluent_kafka import Producer

from retail_anomaly.alerts import Alert
from retail_anomaly.codec import DeadLetter
from retail_anomaly.events import ALERTS, DEAD_LETTERS
from retail_anomaly.settings import load
from streamer.app import build_app
from streamer.connection import Connection
from streamer.tally import Tally
from streamer.topic_manager import topic_manager
from streamer.topic_plan import ALIGNED
from streamer.topics import Plan, ensure_topics
from tests.kafka import Record, consume, fresh_name

PATIENCE_S = 60


class Progress(Tally):
    """Lets a test wait until so many records were processed."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self._changed = threading.Condition()

    def message(self, topic: str, partition: int, offset: int) -> None:
        super().message(topic, partition, offset)
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self.count >= count, PATIENCE_S):
                raise TimeoutError(f"{self.count} of {count} records processed after {PATIENCE_S} s")


class RunningStreamer:
    """`build_app` running for the length of a `with` block; topics are made when it opens.

    Parameters
    ----------
    connection
        The broker.
    state_dir
        Where the local state goes.
    flags
        Settings of the section `streamer`.
    """

    def __init__(self, connection: Connection, state_dir: Path, **flags: Any) -> None:
        given = {
            "consumer_group": fresh_name("group"),
            "state_dir": str(state_dir),
            "commit_interval": "200ms",
            "topics.partitions": 4,
            **flags,
        }
        settings = load(environ={}, flags={f"streamer.{key}": value for key, value in given.items()}).settings
        names = (*ALIGNED, ALERTS, DEAD_LETTERS)
        reports = ensure_topics(connection, Plan.of(settings), names, create=True)
        self.progress = Progress()
        self.app = build_app(
            settings,
            connection=connection,
            topic_manager=topic_manager(connection, settings.streamer.consumer_group, create=True),
            stamped_at_append={report.name for report in reports if report.stamped_at_append},
            tally=self.progress,
        )
        # Signal handlers belong to the main thread, which is the test's.
        self.app._setup_signal_handlers = lambda: None  # type: ignore[method-assign]
        self._address = connection.properties()["bootstrap.servers"]
        self._failure: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._sent = 0
        self._last_topic: str | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.app.stop()
        self._thread.join(PATIENCE_S)
        if self._failure and error is None:
            raise self._failure[0]

    def _run(self) -> None:
        try:
            self.app.run()
        except BaseException as error:  # noqa: BLE001 - told to the test, which is another thread
            self._failure.append(error)

    def send_in_step(self, records: Iterable[Record]) -> None:
        """Produce; a record of another topic only once all before it were processed."""
        producer = Producer(
            {
                "bootstrap.servers": self._address,
                "linger.ms": 0,
                "partitioner": "murmur2",
                "enable.idempotence": True,
            }
        )
        for record in records:
            if record.topic != self._last_topic:
                producer.flush(PATIENCE_S)
                self.progress.wait_for(self._sent)
                self._last_topic = record.topic
            producer.produce(record.topic, record.value, record.key, timestamp=record.timestamp or 0)
            producer.poll(0)
            self._sent += 1
        producer.flush(PATIENCE_S)
        self.progress.wait_for(self._sent)

    def alerts(self) -> list[Alert]:
        """Return the alerts that are in the topic once what was sent is processed."""
        self.app._producer.flush()
        return [msgspec.json.decode(r.value or b"", type=Alert) for r in consume(self._address, ALERTS)]

    def dead_letters(self) -> list[DeadLetter]:
        """Return the dead letters that are in the topic once what was sent is processed."""
        self.app._producer.flush()
        found = consume(self._address, DEAD_LETTERS)
        return [msgspec.json.decode(r.value or b"", type=DeadLetter) for r in found]


def records_of(values: Sequence[tuple[str, bytes]]) -> list[Record]:
    """Key raw events by their store and stamp them with their time."""
    found = []
    for topic, value in values:
        event = msgspec.json.decode(value)
        at = event.get("eventTime", event.get("shiftStart"))
        found.append(Record(topic, value, event["storeId"].encode(), timestamp=at))
    return found
