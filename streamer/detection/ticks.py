"""Ticks: time that passes in stores from which no event comes.

A tick is a record beside the events, so that it is processed again where they are. Its timestamp is
no earlier than that of any event there was when it was made: read in the order of timestamps, it
comes after all of them, however far behind the streamer is.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, Self

import msgspec
import structlog
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from retail_anomaly.core.codec import InvalidEvent
from retail_anomaly.core.events import INPUT_TOPICS
from streamer.kafka.connection import Connection
from streamer.kafka.topic_plan import TICKS

_REQUEST_SECONDS: Final = 10.0
_MINUTE: Final = 60_000
LIVE: Final = 60 * _MINUTE
"""As long as the newest event is no older than this, time goes on with the clock; later, or in a history
that is sent again, it stands still until the next event."""
BEHIND: Final = _MINUTE
"""By how much it then is behind the clock: for that long events may be on their way."""

_log = structlog.stdlib.get_logger("retail-streamer")


class Tick(msgspec.Struct, frozen=True):
    """A moment that has come, for all stores of a partition.

    Parameters
    ----------
    time
        Epoch milliseconds.

    Examples
    --------
    >>> Tick.decode(b'{"time": 1760000000000}').time
    1760000000000
    """

    time: int

    @classmethod
    def decode(cls, raw: bytes | None) -> Self:
        """Read a record's value.

        Raises
        ------
        InvalidEvent
            It is no tick.
        """
        try:
            return msgspec.json.decode(raw or b"", type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InvalidEvent(None, f'value: expected a tick such as {{"time": 0}} ({error})') from None


def tick_time(newest: int, clock: int) -> int:
    """Return the time to which a tick may move.

    Parameters
    ----------
    newest
        Timestamp of the newest event of all stores, in epoch milliseconds.
    clock
        The wall clock.

    Examples
    --------
    >>> now = 1_760_000_000_000
    >>> tick_time(now - 600_000, now) - now  # ten minutes of silence in all stores
    -60000
    >>> tick_time(now - 86_400_000, now) - now  # yesterday's events, sent again
    -86400000
    """
    return max(newest, clock - BEHIND) if clock - newest <= LIVE else newest


class Ticker:
    """Makes ticks for all partitions, from a thread of its own, for as long as a `with` block lasts.

    Every process of a group makes them, so that a process that ends takes none along; a tick that is
    there twice changes nothing.

    Parameters
    ----------
    connection
        The broker.
    interval
        Time between two ticks, in milliseconds.
    clock
        Gives the time of day in epoch milliseconds.
    """

    def __init__(
        self,
        connection: Connection,
        interval: int,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        client = connection.properties()
        self._admin = AdminClient({**client, "log_level": 0})
        self._producer = Producer({**client, "enable.idempotence": True, "log_level": 0})
        self._interval = interval
        self._clock = clock
        self._last = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._producer.flush(_REQUEST_SECONDS)

    def _run(self) -> None:
        failed = False
        while not self._stop.wait(self._interval / 1000):
            try:
                self._tick()
                failed = False
            except KafkaException as error:
                if not failed:  # once an outage
                    _log.warning("no ticks at present: silent stores wait", reason=error.args[0].str())
                failed = True

    def _tick(self) -> None:
        topics = self._admin.list_topics(timeout=_REQUEST_SECONDS).topics
        newest = self._newest(
            TopicPartition(name, number) for name in INPUT_TOPICS for number in topics[name].partitions
        )
        now = tick_time(newest, self._clock())
        if newest < 0 or now < self._last + self._interval:
            return
        self._last = now
        for number in topics[TICKS].partitions:
            self._producer.produce(TICKS, msgspec.json.encode(Tick(now)), partition=number, timestamp=now)
        self._producer.poll(0)

    def _newest(self, partitions: Iterable[TopicPartition]) -> int:
        """Return the newest timestamp of all records; -1 where there are none."""
        wanted = {partition: OffsetSpec.max_timestamp() for partition in partitions}
        found = self._admin.list_offsets(wanted, request_timeout=_REQUEST_SECONDS)
        return max((future.result().timestamp for future in found.values()), default=-1)
