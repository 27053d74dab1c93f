"""The step that asks the detectors: an event, a tick or a change of rules in, alerts out."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeAlias

from quixstreams import message_context

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import DeadLetter
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.enriched import enriched
from retail_anomaly.core.events import Event, PosEvent, TillEvent
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.records import InvalidRecord
from retail_anomaly.core.score import Score
from retail_anomaly.rules.changes import RuleChange
from streamer.detection.record_reader import RuleRecord
from streamer.detection.ticks import Tick

Decoded: TypeAlias = Event | Tick | RuleRecord | DeadLetter
Process: TypeAlias = Callable[[Event, StoreMemory], list[Alert]]


class Memories(Protocol):
    """The memories of a partition's stores, as `LiveState` has them."""

    def store(self, store_id: str, partition: int) -> StoreMemory:
        """Return the memory of a store."""

    def due_stores(self, time: int, partition: int) -> list[str]:
        """Return the stores that wait for a time which has come."""

    def change_rules(self, change: RuleChange, partition: int) -> None:
        """Change the rules in force, or raise `InvalidRecord`."""


def wall_clock() -> int:
    """Return the time of day in epoch milliseconds; it only ever stamps `detectedAt`."""
    return time.time_ns() // 1_000_000


class Detection:
    """Asks the detectors about an event or a tick, changes rules, and passes dead letters on.

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
    """

    def __init__(
        self,
        engine: Engine,
        memories: Memories,
        *,
        clock: Callable[[], int] = wall_clock,
        process: Process | None = None,
    ) -> None:
        self._engine = engine
        self._memories = memories
        self._clock = clock
        self._process = process or engine.process

    def __call__(self, outcome: Decoded) -> list[Alert] | tuple[DeadLetter]:
        """Return the alerts that an event or a tick raises, or the dead letter of a refused change."""
        if isinstance(outcome, DeadLetter):
            return (outcome,)
        partition = message_context().partition
        if isinstance(outcome, RuleRecord):
            return self._change_rules(outcome, partition)
        if isinstance(outcome, Tick):
            raised = self._pass_time(outcome.time, partition)
        else:
            raised = self._process(outcome, self._memories.store(outcome.store_id, partition))
        return [alert.detected(self._clock()) for alert in raised] if raised else raised

    def _change_rules(self, record: RuleRecord, partition: int) -> list[Alert] | tuple[DeadLetter]:
        try:
            self._memories.change_rules(record.change, partition)
        except InvalidRecord as error:
            return (record.bury(error),)
        return []

    def _pass_time(self, now: int, partition: int) -> list[Alert]:
        return [
            alert
            for store_id in self._memories.due_stores(now, partition)
            for alert in self._engine.tick(now, self._memories.store(store_id, partition))
        ]


def with_enriched(
    detect: Callable[[Decoded], Iterable[Any]], memories: Memories
) -> Callable[[Decoded], list[Any]]:
    """Have a step return, after the rest, a POS event with what its store knows about it.

    Parameters
    ----------
    detect
        The step.
    memories
        The stores' memories.
    """

    def detect_and_enrich(outcome: Decoded) -> list[Any]:
        raised = list(detect(outcome))
        if isinstance(outcome, PosEvent | TillEvent):
            store = memories.store(outcome.store_id, message_context().partition)
            raised.append(enriched(outcome, store))
        return raised

    return detect_and_enrich


def with_scores(detect: Callable[[Decoded], Iterable[Any]], engine: Engine) -> Callable[[Decoded], list[Any]]:
    """Have a step return, after the alerts, the scores that the models gave meanwhile.

    Parameters
    ----------
    detect
        The step.
    engine
        The detectors, which report their scores.
    """
    scores: list[Score] = []
    for detector in engine.all_detectors:
        detector.listener = scores.append

    def detect_and_score(outcome: Decoded) -> list[Any]:
        scores.clear()
        return [*detect(outcome), *scores]

    return detect_and_score
