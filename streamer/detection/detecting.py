"""The steps that ask the detectors: a record of an event, a tick or a change of rules in, alerts out."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from quixstreams import message_context

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.enriched import enriched
from retail_anomaly.core.events import Event, PosEvent, TillEvent
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.records import InvalidRecord
from retail_anomaly.core.score import Score
from retail_anomaly.rules.changes import RuleChange, decode_change
from streamer.detection.kafka_record import KafkaRecord, RowRecord
from streamer.detection.record_reader import RecordReader, dead_letter, read_tick
from streamer.quix.record_runs import BeginRun, Step

Process: TypeAlias = Callable[[Event, StoreMemory], list[Alert]]
Outcomes: TypeAlias = Sequence[Any]
"""Alerts, dead letters, scores and enriched events, to be sent to their topics."""


class Memories(Protocol):
    """The memories of a partition's stores, as `LiveState` has them."""

    def store(self, store_id: str, partition: int) -> StoreMemory:
        """Return the memory of a store."""

    def stores(self, partition: int) -> Callable[[str], StoreMemory]:
        """Return `store` for a run of records of one partition."""

    def due_stores(self, time: int, partition: int) -> list[str]:
        """Return the stores that wait for a time which has come."""

    def change_rules(self, change: RuleChange, partition: int) -> None:
        """Change the rules in force, or raise `InvalidRecord`."""


def wall_clock() -> int:
    """Return the time of day in epoch milliseconds; it only ever stamps `detectedAt`."""
    return time.time_ns() // 1_000_000


class Detection:
    """Asks the detectors about events and ticks, and changes rules.

    Parameters
    ----------
    engine
        The detectors.
    memories
        The stores' memories.
    clock
        Gives the time for `detectedAt`, in epoch milliseconds.
    process
        Asks the detectors about an event; by default the engine itself.
    with_scores
        Whether the scores that the models give are outcomes too.
    with_enriched
        Whether a POS event with what its store knows about it is an outcome too.
    """

    def __init__(
        self,
        engine: Engine,
        memories: Memories,
        *,
        clock: Callable[[], int] = wall_clock,
        process: Process | None = None,
        with_scores: bool = False,
        with_enriched: bool = False,
    ) -> None:
        self._engine = engine
        self._memories = memories
        self._clock = clock
        self._process = process or engine.process
        self._with_enriched = with_enriched
        self._scores: list[Score] = []
        if with_scores:
            for detector in engine.all_detectors:
                detector.listener = self._scores.append

    def events_of(self, reader: RecordReader[Event]) -> BeginRun:
        """Return the step for the records of a topic of events.

        Parameters
        ----------
        reader
            Reads the topic.
        """
        read, process = reader.event, self._process

        def begin(partition: int) -> Step:
            memory_of = self._memories.stores(partition)

            def step(record: KafkaRecord) -> Outcomes:
                try:
                    event = read(record)
                except InvalidEvent as error:
                    return (reader.dead_letter(record, error),)
                store = memory_of(event.store_id)
                raised = process(event, store)
                if raised or self._scores or self._with_enriched:
                    return self._outcomes(raised, event, store)
                return raised

            return step

        return begin

    def ticks_of(self, topic: str) -> BeginRun:
        """Return the step for the records of the ticks' topic.

        Parameters
        ----------
        topic
            The topic's name in Kafka.
        """

        def begin(partition: int) -> Step:
            def step(record: KafkaRecord) -> Outcomes:
                try:
                    tick = read_tick(record)
                except InvalidEvent as error:
                    return (dead_letter(topic, record, error),)
                return self._outcomes(self._pass_time(tick.time, partition))

            return step

        return begin

    def changes_of(self, topic: str) -> BeginRun:
        """Return the step for the records of the topic of rules.

        Parameters
        ----------
        topic
            The topic's name in Kafka.
        """

        def begin(partition: int) -> Step:
            def step(record: KafkaRecord) -> Outcomes:
                try:
                    self._memories.change_rules(decode_change(record.value()), partition)
                except InvalidRecord as error:
                    return (dead_letter(topic, record, InvalidEvent(error.field, error.reason)),)
                return ()

            return step

        return begin

    def _pass_time(self, now: int, partition: int) -> list[Alert]:
        return [
            alert
            for store_id in self._memories.due_stores(now, partition)
            for alert in self._engine.tick(now, self._memories.store(store_id, partition))
        ]

    def _outcomes(
        self, raised: Sequence[Alert], event: Event | None = None, store: StoreMemory | None = None
    ) -> Outcomes:
        outcomes: list[Any] = [alert.detected(self._clock()) for alert in raised]
        outcomes += self._scores
        self._scores.clear()
        if self._with_enriched and isinstance(event, PosEvent | TillEvent) and store is not None:
            outcomes.append(enriched(event, store))
        return outcomes


def outcomes_of_row(
    steps: Mapping[str, BeginRun],
) -> Callable[[Any, bytes | None, int, Any], Outcomes]:
    """Return the function, for a dataframe with metadata, that gives the outcomes of a row.

    A row whose record went through its step in a run brings the outcomes as its value. Any other brings its
    record's value, and is a run of its own.

    Parameters
    ----------
    steps
        The step of each topic.
    """

    def outcomes(value: Any, key: bytes | None, timestamp: int, _headers: Any) -> Outcomes:
        if value is not None and not isinstance(value, bytes):
            found: Outcomes = value
            return found
        where = message_context()
        return steps[where.topic](where.partition)(RowRecord.of(value, key, timestamp))

    return outcomes
