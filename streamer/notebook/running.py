"""A streamer inside this process, for a notebook or a test: the same application, in a thread."""

import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from uuid import uuid4

import msgspec
from confluent_kafka import Producer

from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import ALERTS, DEAD_LETTERS, Event, ShiftEvent
from retail_anomaly.settings import Settings
from streamer.errors import StreamerError
from streamer.kafka.connection import Connection
from streamer.kafka.topic_plan import ALIGNED
from streamer.kafka.topics import TopicPlan, ensure_topics
from streamer.observe.counts import ProcessCounts
from streamer.observe.logs import leave_to_host, without_httpx_notice

with without_httpx_notice():
    from streamer.detection.app import build_app
    from streamer.quix.topic_manager import topic_manager

PATIENCE_S: Final = 60.0
_FIRST: Final = 946_684_800_000  # of a log of shifts alone: any time will do


class StreamerProgress(ProcessCounts):
    """Counts what is processed, and lets another thread wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self._changed = threading.Condition()

    def message(self, topic: str, partition: int, offset: int) -> None:
        """Count a record."""
        super().message(topic, partition, offset)
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait_for(self, count: int, seconds: float = PATIENCE_S) -> None:
        """Wait until so many records are processed.

        Raises
        ------
        TimeoutError
            They are not, after so many seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.count >= count, seconds):
                raise TimeoutError(f"{self.count} of {count} records processed after {seconds:.0f} s")


class RunningStreamer:
    """The streamer in a thread of this process, from the beginning of a ``with`` block to its end.

    Its topics are made at once, so that events may be sent before it runs: what is there already is read
    in the order of time over all topics, as after downtime, and gives the alerts of a replay.

    Parameters
    ----------
    connection
        The broker, usually an `EmbeddedBroker`.
    settings
        By default the packaged ones. Its consumer group is a new one, and its state goes with it.
    state_dir
        Where the local state goes; by default to a folder that is removed at the end.

    Attributes
    ----------
    connection
        The broker.
    progress
        What was processed and raised so far.
    app
        The application.

    Examples
    --------
    >>> from retail_anomaly.core.events import PosEvent
    >>> from streamer.kafka.embedded_broker import EmbeddedBroker
    >>> refund = PosEvent("t-9", "store-1", "c-1", "sku", 20.0, "REFUND", 1_760_000_000_000)
    >>> with EmbeddedBroker() as broker:
    ...     streamer = RunningStreamer(Connection(broker.address, embedded=True))
    ...     streamer.send([refund])
    ...     with streamer:
    ...         streamer.wait()
    >>> streamer.progress.totals()["alerts"]
    {'REFUND_WITHOUT_SALE': 1}
    """

    def __init__(
        self, connection: Connection, settings: Settings | None = None, *, state_dir: Path | None = None
    ) -> None:
        leave_to_host()
        self.connection = connection
        settings = settings or Settings()
        if state_dir is None:
            state_dir = Path(tempfile.mkdtemp(prefix="retail-streamer-"))
            # At the end of the block; of one that never runs, when it is forgotten.
            self._remove: Callable[[], object] = weakref.finalize(
                self, shutil.rmtree, state_dir, ignore_errors=True
            )
        else:
            self._remove = lambda: None
        group = f"{settings.streamer.consumer_group}-{uuid4().hex[:8]}"
        own = msgspec.structs.replace(settings.streamer, consumer_group=group, state_dir=str(state_dir))
        settings = msgspec.structs.replace(settings, streamer=own)
        names = (*ALIGNED, ALERTS, DEAD_LETTERS)
        reports = ensure_topics(connection, TopicPlan.of(settings), names, create=True)
        self.progress = StreamerProgress()
        self.app = build_app(
            settings,
            connection=connection,
            topic_manager=topic_manager(connection, group, create=True),
            stamped_at_append={report.name for report in reports if report.stamped_at_append},
            tally=self.progress,
        )
        self._producer = Producer(
            {
                **connection.properties(),
                "linger.ms": 5,
                "partitioner": "murmur2",
                "enable.idempotence": True,
                "log_level": 0,
            }
        )
        self._sent = 0
        self._failure: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="streamer", daemon=True)

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
        self._remove()
        if self._failure and error is None:
            raise self._failure[0]

    def send(self, events: Sequence[Event], *, seconds: float = 0) -> None:
        """Produce events in their order, and wait until the broker has them.

        Parameters
        ----------
        events
            In order of arrival.
        seconds
            How long their time is to take, from the first to the last; 0: as fast as they go.

        Raises
        ------
        StreamerError
            The broker does not take all of them.
        """
        times = _arrivals(events)
        began = time.monotonic()
        for event, at in zip(events, times, strict=True):
            due = began + seconds * (at - times[0]) / max(1, times[-1] - times[0])
            if seconds:
                time.sleep(max(0.0, due - time.monotonic()))
            self.produce(topic_of(event), encode(event), event.store_id.encode(), at)
        if left := self._producer.flush(PATIENCE_S):
            raise StreamerError(f"the broker did not take {left} of the records that were sent")

    def produce(self, topic: str, value: bytes | None, key: bytes | None, timestamp: int) -> None:
        """Produce one record; `wait` waits for it too."""
        while True:
            try:
                self._producer.produce(topic, value, key, timestamp=timestamp)
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)
        self._sent += 1

    def wait(self, seconds: float = PATIENCE_S) -> None:
        """Wait until all that was sent here is processed, and its alerts are in their topic.

        Raises
        ------
        TimeoutError
            It is not, after so many seconds.
        """
        self._producer.flush(seconds)
        try:
            self.progress.wait_for(self._sent, seconds)
        except TimeoutError:
            if self._failure:
                raise self._failure[0] from None
            raise
        self.app._producer.flush()

    def _run(self) -> None:
        try:
            self.app.run()
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            self._failure.append(error)


def _arrivals(events: Sequence[Event]) -> list[int]:
    """Return when each event arrives, in epoch milliseconds: never before the one that it follows."""
    times: list[int] = []
    # A shift is published, as far as a log tells, when the event before it happens.
    newest = min((event.event_time for event in events if not isinstance(event, ShiftEvent)), default=0)
    for event in events:
        newest = newest if isinstance(event, ShiftEvent) else max(newest, event.event_time)
        times.append(newest or _FIRST)
    return times
