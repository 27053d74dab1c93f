"""A streamer in a thread of this process, for a notebook or a test: the same application as in production."""

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

from confluent_kafka import Producer

from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import Event, ShiftEvent
from retail_anomaly.settings import Settings
from streamer.errors import StreamerError
from streamer.kafka.connection import Connection
from streamer.kafka.topic_plan import TopicNames
from streamer.observe.counts import ProcessCounts
from streamer.observe.logs import leave_to_host
from streamer.observe.quick_import import importing_quix

with importing_quix():
    from streamer.detection.app import detection_process
    from streamer.process import build, ensure_process_topics, settings_of

PATIENCE_S: Final = 60.0
_FIRST: Final = 946_684_800_000  # the time of a log that has shifts alone: any time will do


class StreamerProgress(ProcessCounts):
    """Counts processed records, and lets another thread wait for a count."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self._changed = threading.Condition()

    def message(self, topic: str, partition: int, offset: int, records: int = 1) -> None:
        """Count processed records."""
        super().message(topic, partition, offset, records)
        with self._changed:
            self.count += records
            self._changed.notify_all()

    def wait_for(self, count: int, seconds: float = PATIENCE_S) -> None:
        """Wait until a number of records are processed.

        Raises
        ------
        TimeoutError
            They are not processed within the given seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.count >= count, seconds):
                raise TimeoutError(f"{self.count} of {count} records processed after {seconds:.0f} s")


class RunningStreamer:
    """The streamer in a thread of this process, for the length of a ``with`` block.

    Its topics are created at once, so you can send events before it runs. It reads those in the order of
    their times over all topics, as after downtime, and raises the alerts of a replay.

    Parameters
    ----------
    connection
        The broker, usually an `EmbeddedBroker`.
    settings
        The settings, by default the packaged ones. The consumer group is a new one each time.
    state_dir
        The folder of the local state; by default a folder that is removed at the end.

    Attributes
    ----------
    connection
        The broker.
    progress
        The counts so far.
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
            # Called at the end of the block. Without a block, Python calls it when the object is collected.
            self._remove: Callable[[], object] = weakref.finalize(
                self, shutil.rmtree, state_dir, ignore_errors=True
            )
        else:
            self._remove = lambda: None
        group = f"{settings.streamer.consumer_group}-{uuid4().hex[:8]}"
        process = detection_process(settings_of(settings, consumer_group=group, state_dir=str(state_dir)))
        self._names = TopicNames.of_settings(settings)
        self.progress = StreamerProgress()
        self.app = build(
            process,
            connection,
            counts=self.progress,
            topics=ensure_process_topics(process, connection, create=True),
            create_topics=True,
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
        """Produce events in order, and wait until the broker has them.

        Parameters
        ----------
        events
            In order of arrival.
        seconds
            Seconds to stretch the sending over, in step with the events' times; 0: as fast as possible.

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
        """Produce one record to the topic of a plain name; `wait` includes it."""
        name = self._names.of(topic)
        while True:
            try:
                self._producer.produce(name, value, key, timestamp=timestamp)
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)
        self._sent += 1

    def wait(self, seconds: float = PATIENCE_S) -> None:
        """Wait until every record that was sent here is processed and its alerts are in their topic.

        Raises
        ------
        TimeoutError
            That takes longer than the given seconds.
        """
        self._producer.flush(seconds)
        try:
            self.progress.wait_for(self._sent, seconds)
        except TimeoutError:
            if self._failure:
                raise self._failure[0] from None
            raise
        self.app.flush_output()

    def _run(self) -> None:
        try:
            self.app.run()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self._failure.append(error)


def _arrivals(events: Sequence[Event]) -> list[int]:
    """Return the time at which each event arrives, in epoch milliseconds; times never go back."""
    times: list[int] = []
    # A log does not say when a shift was published. Take the time of the event before it.
    newest = min((event.event_time for event in events if not isinstance(event, ShiftEvent)), default=0)
    for event in events:
        newest = newest if isinstance(event, ShiftEvent) else max(newest, event.event_time)
        times.append(newest or _FIRST)
    return times
