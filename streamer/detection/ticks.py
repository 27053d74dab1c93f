"""Ticks: they tell the time to stores that send no events.

A tick is a record beside the events, so after a crash it is processed again as they are. Its timestamp is no
earlier than that of any event that was there in its partition when it was made. Read in the order of
timestamps, it comes after all of them, however far behind the streamer is.

Its time is that of most stores (`QuorumClock`), of valid events alone: a store whose clock is wrong, or a
record with an absurd timestamp, passes no time in other stores.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final, Self

import msgspec
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from retail_anomaly.core.clock import source_of
from retail_anomaly.core.codec import decode
from retail_anomaly.core.events import ShiftEvent, TimedEvent
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.core.quorum_clock import QuorumClock
from retail_anomaly.core.wrong_times import in_order_of_time
from streamer.errors import StreamerError
from streamer.kafka.connection import Connection
from streamer.kafka.newest_records import NewestRecords, newest_times
from streamer.kafka.topic_plan import TICKS, UNPREFIXED, TopicNames

_REQUEST_SECONDS: Final = 10.0
_MINUTE: Final = 60_000
LIVE: Final = 60 * _MINUTE
"""Milliseconds. While most stores' newest events are younger than this, ticks follow the clock. After that,
or in a history that is sent again, time stands still until the next event."""
BEHIND: Final = _MINUTE
"""Milliseconds by which ticks are behind the clock: events of that time may still be on their way."""
_LOOK: Final = 50
"""Newest records of each partition that are looked at for a tick."""


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


def tick_time(reached: int, clock: int, max_ahead: int = LIVE) -> int:
    """Return the time of a tick.

    Parameters
    ----------
    reached
        The time that most stores have reached, in epoch milliseconds.
    clock
        The wall clock.
    max_ahead
        How far, in milliseconds, a tick may be ahead of the wall clock.

    Examples
    --------
    >>> now = 1_760_000_000_000
    >>> tick_time(now - 600_000, now) - now  # ten minutes of silence in all stores
    -60000
    >>> tick_time(now - 86_400_000, now) - now  # yesterday's events, sent again
    -86400000
    """
    return min(max(reached, clock - BEHIND) if clock - reached <= LIVE else reached, clock + max_ahead)


class Ticker:
    """Makes ticks for all partitions; `Background` calls it again and again.

    Every process of a group makes ticks, so that none are missing when a process ends. A second tick of the
    same time changes nothing.

    Parameters
    ----------
    connection
        The broker.
    interval
        Time between two ticks, in milliseconds.
    max_ahead
        How far, in milliseconds, a tick may be ahead of the wall clock.
    clock
        Gives the time of day in epoch milliseconds.
    names
        The topics' names in Kafka.
    """

    def __init__(
        self,
        connection: Connection,
        interval: int,
        max_ahead: int = LIVE,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        names: TopicNames = UNPREFIXED,
    ) -> None:
        client = connection.properties()
        self._admin = AdminClient({**client, "log_level": 0})
        self._producer = Producer({**client, "enable.idempotence": True, "log_level": 0})
        self._events = NewestRecords(client, _LOOK)
        self._interval = interval
        self._max_ahead = max_ahead
        self._clock = clock
        self._names = names
        self._stores = QuorumClock(max_ahead=max_ahead)
        self._last = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.flush(_REQUEST_SECONDS)
        self._events.close()

    def __call__(self) -> None:
        """Make a tick, unless the last one is as new.

        Raises
        ------
        KafkaException
            The broker does not answer.
        StreamerError
            A topic is missing.
        """
        inputs, ticks = self._names.inputs, self._names.of(TICKS)
        topics = self._admin.list_topics(timeout=_REQUEST_SECONDS).topics
        if missing := [name for name in (*inputs, ticks) if name not in topics]:
            raise StreamerError(f"missing: {', '.join(missing)}")
        partitions = [TopicPartition(name, each) for name in inputs for each in topics[name].partitions]
        self._look(partitions)
        if self._stores.time is None:
            return
        clock = self._clock()
        now = tick_time(self._stores.time, clock, self._max_ahead)
        if now < self._last + self._interval:
            return
        newest = newest_times(self._admin, partitions)
        for number in topics[ticks].partitions:
            # Behind all that is there in its partition. Kafka refuses timestamps too far ahead.
            at = max(now, min(newest.get(number, now), clock + self._max_ahead))
            self._producer.produce(ticks, msgspec.json.encode(Tick(now)), partition=number, timestamp=at)
        self._producer.poll(0)
        self._last = now

    def _look(self, partitions: list[TopicPartition]) -> None:
        """Let the clock of the stores see the newest events of all partitions, in the order of their times.

        The newest counts may be of last week. In the order of arrival, the day's sales behind them would look
        like those of a till whose clock is ahead.
        """
        logs: defaultdict[tuple[str, int], list[tuple[int, TimedEvent]]] = defaultdict(list)
        try:
            for message in self._events.of(partitions):
                topic = message.topic() or ""
                try:
                    event = decode(self._names.plain(topic), message.value())
                except InvalidEvent:
                    continue
                if not isinstance(event, ShiftEvent):
                    logs[topic, message.partition() or 0].append((event.event_time, event))
        finally:  # some may have come before the broker failed
            for event in in_order_of_time(logs.values()):
                self._stores.see(event.store_id, event.event_time, source_of(event))
