"""The sink: the records of a checkpoint are written to InfluxDB before its offsets are committed.

A record is done when InfluxDB has acknowledged its line, or when Kafka has acknowledged its dead letter. If
neither happens, the sink raises `SinkBackpressureError`: Quix goes back to the last commit, waits, and
delivers the records again. So no record is lost, and a point that is written twice overwrites itself.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

import structlog
from quixstreams.sinks import BatchingSink, SinkBackpressureError, SinkBatch

from retail_anomaly.core.invalid import DeadLetter, InvalidEvent, InvalidKind
from streamer.kafka.topic_plan import UNPREFIXED
from streamer.sinks import points
from streamer.sinks.influx_answers import RefusedError, TooLargeError, UnavailableError

_log = structlog.stdlib.get_logger("retail-streamer")

PAUSES: Final = (0.25, 1.0)
"""Seconds between the tries of one request; there is one more try than pauses."""
PATIENCE_SECONDS: Final = 30.0
"""Seconds after which a flush begins no request: the group gives a silent process up after 300 s."""
_LONGEST_PAUSE: Final = 15.0


class Writes(Protocol):
    """Takes lines, as `streamer.sinks.influx_client.Influx` does."""

    def write(self, lines: Sequence[str]) -> None:
        """Write lines, or raise the error that keeps them from being written."""

    def check(self) -> None:
        """Raise the error that would keep every line from being written, if there is one."""


class Observer(Protocol):
    """Counts the work of the sink."""

    def written(self, topic: str, records: int) -> None:
        """Note that so many records of a topic were acknowledged."""

    def request(self, outcome: str, seconds: float) -> None:
        """Note how a request ended, and after how many seconds."""

    def buried(self, letter: DeadLetter) -> None:
        """Note that a record became a dead letter."""


class SinkRecord(NamedTuple):
    """A record on its way to InfluxDB, with its line."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    line: str

    @property
    def place(self) -> tuple[str, int, int]:
        """Its place in Kafka."""
        return self.topic, self.partition, self.offset


Bury = Callable[[Sequence[tuple[bytes | None, DeadLetter]]], None]


class InfluxSink(BatchingSink):
    """Writes records to InfluxDB when Quix commits.

    Parameters
    ----------
    influx
        Takes the lines.
    bury
        Produces dead letters with their records' keys; on return Kafka has acknowledged them.
    observer
        Counts the work.
    batch
        Most lines in one request.
    pauses
        Seconds between the tries of one request.
    patience
        Seconds after which a flush begins no request.
    plain
        Returns the plain name of a topic, a key of `points.POINTS`.
    """

    def __init__(
        self,
        influx: Writes,
        *,
        bury: Bury,
        observer: Observer,
        batch: int,
        pauses: Sequence[float] = PAUSES,
        patience: float = PATIENCE_SECONDS,
        plain: Callable[[str], str] = UNPREFIXED.plain,
    ) -> None:
        super().__init__(on_client_connect_success=_nothing, on_client_connect_failure=_raise)
        self._influx = influx
        self._bury = bury
        self._observer = observer
        self._batch = self._limit = batch
        self._pauses = pauses
        self._patience = patience
        self._plain = plain
        self._records: list[SinkRecord] = []
        self._letters: list[tuple[SinkRecord, DeadLetter]] = []
        # Records that are done and not committed yet. When they come again they are left out, so that each
        # flush gets further than the one before, however slow the server is.
        self._done: set[tuple[str, int, int]] = set()
        self._failures = 0

    def setup(self) -> None:
        """Refuse to start where no write can succeed; a server that is away may come back."""
        try:
            self._influx.check()
        except UnavailableError as error:
            _log.warning("InfluxDB is not there yet", reason=str(error))

    def write(self, batch: SinkBatch) -> None:
        """Make the lines of a partition's records; `flush` sends those of all partitions together."""
        topic = self._plain(batch.topic)
        for item in batch:
            record = SinkRecord(
                batch.topic, batch.partition, item.offset, item.timestamp, item.key, item.value, line=""
            )
            if record.place in self._done:
                continue
            try:
                self._records.append(record._replace(line=points.line(topic, item.value)))
            except InvalidEvent as error:
                self._refuse(record, error)

    def flush(self) -> None:
        """Write all records of the checkpoint, dead letters included.

        Raises
        ------
        SinkBackpressureError
            InfluxDB takes no lines at present.
        StreamerError
            It will take none until an operator has changed something.
        """
        try:
            super().flush()  # type: ignore[no-untyped-call]
            try:
                self._send(self._records)
            finally:
                self._bury_refused()
        finally:
            self._records.clear()
            self._letters.clear()
        self._done.clear()
        # A server that refused a large request once may take one later: try it once a flush.
        self._limit = min(2 * self._limit, self._batch)

    def on_paused(self) -> None:
        """Drop the records: Quix delivers them again."""
        super().on_paused()  # type: ignore[no-untyped-call]
        self._records.clear()

    def _send(self, records: Sequence[SinkRecord]) -> None:
        deadline = time.monotonic() + self._patience
        before = self._records_done
        # Parts keep the order of the records: the last revision of an alert must be written last.
        parts = deque([records] if records else [])
        while parts:
            part = parts.popleft()
            if len(part) > self._limit:
                parts.extendleft((part[self._limit :], part[: self._limit]))
                continue
            try:
                self._write_with_retries(part, deadline)
            except RefusedError as error:
                if len(part) > 1:
                    middle = len(part) // 2
                    parts.extendleft((part[middle:], part[:middle]))
                else:
                    self._refuse(part[0], _refused(f"InfluxDB refuses it: {error}"))
            except TooLargeError as error:
                if len(part) > 1:
                    self._limit = len(part) // 2
                    parts.appendleft(part)
                    _log.info(
                        "too large a write for InfluxDB, halved; if that happens often, "
                        "lower streamer.sink.batch",
                        lines=len(part),
                        reason=str(error),
                    )
                elif not error.by_influx:
                    self._hold(
                        UnavailableError(
                            f"{error} takes not even one line: raise the limit of the proxy there"
                        )
                    )
                else:
                    self._refuse(part[0], _refused(f"InfluxDB refuses it as too large: {error}"))
            else:
                self._acknowledge(part)
            if parts and time.monotonic() > deadline:
                self._come_again(self._records_done - before, len(records))

    def _write_with_retries(self, part: Sequence[SinkRecord], deadline: float) -> None:
        lines = [record.line for record in part]
        for pause in (*self._pauses, None):
            began = time.monotonic()
            try:
                self._influx.write(lines)
            except UnavailableError as error:
                self._observer.request("unavailable", time.monotonic() - began)
                if error.timed_out and len(part) > 1:
                    self._limit = len(part) // 2  # the records come again, and then go in smaller requests
                over = pause is None or time.monotonic() + pause > deadline
                if over or error.timed_out or error.retry_after is not None:
                    self._hold(error)
                time.sleep(pause or 0)
            except (RefusedError, TooLargeError) as error:
                outcome = "refused" if isinstance(error, RefusedError) else "too large"
                self._observer.request(outcome, time.monotonic() - began)
                raise
            else:
                self._observer.request("written", time.monotonic() - began)
                return

    @property
    def _records_done(self) -> int:
        return len(self._done) + len(self._letters)

    def _come_again(self, done: int, records: int) -> None:
        """End a flush that takes too long; records that are done are not sent again."""
        if not done:
            self._limit = max(
                1, min(self._limit, records) // 2
            )  # without this the next flush would get no further
        self._hold(
            UnavailableError(
                f"InfluxDB is slow: {done} of {records} records in {self._patience:g} s; look at its load"
            )
        )

    def _hold(self, error: UnavailableError) -> None:
        """Have Quix wait and deliver the records again: a wait in the poll loop would lose the partitions."""
        wait = error.retry_after
        if wait is None:
            wait = min(2.0**self._failures, _LONGEST_PAUSE)
        self._failures += 1
        _log.warning(
            "InfluxDB takes no writes; nothing is lost, reading waits", reason=str(error), seconds=wait
        )
        raise SinkBackpressureError(retry_after=wait) from None

    def _acknowledge(self, part: Sequence[SinkRecord]) -> None:
        self._done.update(record.place for record in part)
        if self._failures:
            _log.info("InfluxDB takes writes again", failures=self._failures)
            self._failures = 0
        for topic in {record.topic for record in part}:
            self._observer.written(topic, sum(record.topic == topic for record in part))

    def _refuse(self, record: SinkRecord, error: InvalidEvent) -> None:
        letter = DeadLetter.of(
            record.value,
            error,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp=record.timestamp,
            key=record.key,
        )
        self._letters.append((record, letter))

    def _bury_refused(self) -> None:
        if not self._letters:
            return
        self._bury([(record.key, letter) for record, letter in self._letters])
        for record, letter in self._letters:
            self._done.add(record.place)
            self._observer.buried(letter)
        first = self._letters[0][1]
        _log.warning(
            "records that InfluxDB can't hold went to dead-letters: mend the cause, then produce them again",
            records=len(self._letters),
            topic=first.topic,
            partition=first.partition,
            offset=first.offset,
            reason=first.reason,
        )


def _refused(reason: str) -> InvalidEvent:
    return InvalidEvent(None, reason, InvalidKind.REFUSED)


def _nothing() -> None:
    """Log nothing: Quix would log in capitals at each start."""


def _raise(error: Exception | None) -> None:
    if error is not None:
        raise error
