"""Ticks: they tell the time to stores that send no events.

A tick is a record beside the events, so after a crash it is processed again as they are. Its timestamp is no
earlier than that of any event that was there when it was made. Read in the order of timestamps, it comes
after all of them, however far behind the streamer is.
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
"""Milliseconds. While the newest event is younger than this, ticks follow the clock. After that, or in a
history that is sent again, time stands still until the next event."""
BEHIND: Final = _MINUTE
"""Milliseconds by which ticks are behind the clock: events of that time may still be on their way."""

_log = structlog.stdlib.get_logger("retail-streamer")


class Tick(msgspec.Struct, frozen=True):
    """The time that all stores of a partition have reached.

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
            The value is no tick.
        """
        try:
            return msgspec.json.decode(raw or b"", type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InvalidEvent(None, f'value: expected a tick such as {{"time": 0}} ({error})') from None


def tick_time(newest: int, clock: int) -> int:
    """Return the time of a tick.

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
    """Makes ticks for all partitions, in a thread of its own, for the length of a `with` block.

    Every process of a group makes ticks, so that none are missing when a process ends. A second tick of the
    same time changes nothing.

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
                if not failed:  # log an outage once
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
        """Return the newest timestamp of all records; -1 without records."""
        wanted = {partition: OffsetSpec.max_timestamp() for partition in partitions}
        found = self._admin.list_offsets(wanted, request_timeout=_REQUEST_SECONDS)
        return max((future.result().timestamp for future in found.values()), default=-1)
