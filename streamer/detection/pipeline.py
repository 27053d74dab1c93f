"""The streaming pipeline: four topics and ticks in, alerts, dead letters and scores out; no I/O of its own.

A record's walk: `_Reader.read` decodes it, `LiveState.store` finds its store's memory,
`Engine.process` asks the detectors, and what they raise goes to a topic.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import reduce
from typing import Any, Final, TypeAlias

import msgspec
from quixstreams import message_context
from quixstreams.dataframe import StreamingDataFrame
from quixstreams.models import Topic

from retail_anomaly.core import codec
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import DeadLetter, InvalidEvent, InvalidKind
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import Event, ShiftEvent
from retail_anomaly.core.score import Score
from streamer.detection.live_state import LiveState
from streamer.detection.ticks import Tick
from streamer.kafka.topic_plan import TICKS
from streamer.observe.metrics import Metrics

Decoded: TypeAlias = Event | Tick | DeadLetter
_SAMPLE: Final = 64  # of so many events one is timed, which costs the others next to nothing


def wall_clock() -> int:
    """Return the time of day in epoch milliseconds; it only ever stamps `detectedAt`."""
    return time.time_ns() // 1_000_000


def define_pipeline(  # noqa: PLR0913 - an argument an end of the pipeline
    inputs: Mapping[str, StreamingDataFrame],
    *,
    alerts: Topic,
    dead_letters: Topic,
    engine: Engine,
    scores: Topic | None = None,
    rekey: bool = False,
    max_ahead: int | None = None,
    stamped_at_append: Collection[str] = (),
    clock: Callable[[], int] = wall_clock,
    metrics: Metrics | None = None,
) -> StreamingDataFrame:
    """Wire the detectors between the input topics and the output topics.

    Parameters
    ----------
    inputs
        A dataframe for each input topic, by topic name, of raw bytes (keys too). That of the ticks may be
        left out: time then passes by events alone.
    alerts, dead_letters
        Output topics, of raw bytes (keys too).
    engine
        The detectors to run.
    scores
        Output topic of every judgement of the models, of raw bytes; None leaves them out.
    rekey
        Repartition the events by their store first, for producers that don't key by it.
    max_ahead
        How far, in milliseconds, an event's time may be ahead of its record's timestamp in the
        topics of `stamped_at_append`; None does not check.
    stamped_at_append
        The input topics whose record timestamps are set by the broker.
    clock
        Gives the time for `detectedAt`, in epoch milliseconds.
    metrics
        Is told how long the detectors take, and may count what they remember.

    Returns
    -------
    StreamingDataFrame
        The dataframe of all alerts and dead letters.
    """
    outcomes = []
    for name, raw in inputs.items():
        if name == TICKS:
            outcomes.append(raw.apply(_read_tick, metadata=True))
            continue
        reader = _Reader(
            name,
            # After a repartition the key is right by construction.
            check_key=not rekey,
            max_ahead=max_ahead if name in stamped_at_append else None,
        )
        if rekey:
            raw = _repartitioned(raw, reader, dead_letters)  # noqa: PLW2901
        outcomes.append(raw.apply(reader.read, metadata=True))
    # concat() makes Quix read the topics in the order of their records' timestamps.
    merged = reduce(StreamingDataFrame.concat, outcomes)
    state = LiveState(merged, engine)

    if metrics is not None:
        metrics.entries = state.entries
    countdown = _SAMPLE if metrics else 0  # which never comes by 0 again

    def detect(outcome: Decoded) -> list[Alert] | tuple[DeadLetter]:
        nonlocal countdown
        if isinstance(outcome, DeadLetter):
            return (outcome,)
        partition = message_context().partition
        if isinstance(outcome, Tick):
            raised = [
                alert
                for store_id in state.due_stores(outcome.time, partition)
                for alert in engine.tick(outcome.time, state.store(store_id, partition))
            ]
            return [alert.detected(clock()) for alert in raised]
        store = state.store(outcome.store_id, partition)
        countdown -= 1
        if countdown or metrics is None:
            raised = engine.process(outcome, store)
        else:
            countdown = _SAMPLE
            started = time.perf_counter()
            raised = engine.process(outcome, store)
            metrics.processed_in(time.perf_counter() - started)
        return [alert.detected(clock()) for alert in raised] if raised else raised

    if scores is None:
        raised = merged.apply(detect, expand=True)
    else:
        judged = merged.apply(_with_scores(detect, engine), expand=True)
        _send(judged, Score, scores, key=_store_key)
        raised = judged.filter(lambda outcome: not isinstance(outcome, Score))
    _send(raised, DeadLetter, dead_letters)
    # A tick has no key, and what it raises is about several stores.
    _send(raised, Alert, alerts, key=_store_key)
    return raised


def _with_scores(
    detect: Callable[[Decoded], Iterable[Any]], engine: Engine
) -> Callable[[Decoded], list[Any]]:
    """Have a step return, behind what it raises, what the models thought meanwhile."""
    judged: list[Score] = []
    for detector in engine.detectors:
        detector.listener = judged.append

    def detect_and_tell(outcome: Decoded) -> list[Any]:
        judged.clear()
        return [*detect(outcome), *judged]

    return detect_and_tell


class _Reader:
    """Decodes the records of one topic; what can't be read becomes a dead letter."""

    def __init__(self, topic: str, *, check_key: bool, max_ahead: int | None) -> None:
        self._topic = topic
        self._check_key = check_key
        self._max_ahead = max_ahead

    def read(self, raw: bytes | None, key: bytes | None, timestamp: int, _headers: Any) -> Decoded:
        try:
            event = codec.decode(self._topic, raw)
            if self._check_key and key != event.store_id.encode():
                raise InvalidEvent("key", "key_mismatch", InvalidKind.KEY_MISMATCH)
            if self._max_ahead is not None:
                self._check_ahead(event, timestamp, self._max_ahead)
        except InvalidEvent as error:
            where = message_context()
            return DeadLetter.of(
                raw,
                error,
                topic=self._topic,
                partition=where.partition,
                offset=where.offset,
                timestamp=timestamp,
                key=key,
            )
        return event

    def is_good(self, raw: bytes | None, key: bytes | None, timestamp: int, headers: Any) -> bool:
        return not isinstance(self.read(raw, key, timestamp, headers), DeadLetter)

    def store_key(self, raw: bytes) -> bytes:
        return codec.decode(self._topic, raw).store_id.encode()

    def _check_ahead(self, event: Event, timestamp: int, max_ahead: int) -> None:
        if not isinstance(event, ShiftEvent) and event.event_time > timestamp + max_ahead:
            raise InvalidEvent(
                "eventTime",
                f"eventTime: expected at most {max_ahead} ms after the record's timestamp "
                f"{timestamp}, got {event.event_time}",
                InvalidKind.TIME_AHEAD,
            )


class _AnyStore(msgspec.Struct, rename="camel"):
    store_id: str


_store_of: Final = msgspec.json.Decoder(_AnyStore).decode


def _store_key(raw: bytes) -> bytes:
    return _store_of(raw).store_id.encode()


def _read_tick(raw: bytes | None, key: bytes | None, timestamp: int, _headers: Any) -> Tick | DeadLetter:
    try:
        return Tick.decode(raw)
    except InvalidEvent as error:
        where = message_context()
        return DeadLetter.of(
            raw,
            error,
            topic=TICKS,
            partition=where.partition,
            offset=where.offset,
            timestamp=timestamp,
            key=key,
        )


def _repartitioned(raw: StreamingDataFrame, reader: _Reader, dead_letters: Topic) -> StreamingDataFrame:
    """Send good records through a topic keyed by their store, bad ones to the dead letters.

    Bytes go through the repartition topic as they came: the detectors see what was sent.
    """
    read = raw.apply(reader.read, metadata=True)
    _send(read, DeadLetter, dead_letters)
    return raw.filter(reader.is_good, metadata=True).group_by(
        reader.store_key,
        name="store",
        key_serializer="bytes",
        key_deserializer="bytes",
        value_serializer="bytes",
        value_deserializer="bytes",
    )


def _send(
    sdf: StreamingDataFrame,
    kind: type[Alert] | type[DeadLetter] | type[Score],
    topic: Topic,
    key: Callable[[bytes], bytes] | None = None,
) -> None:
    sdf.filter(lambda value: isinstance(value, kind)).apply(codec.encode).to_topic(topic, key=key)
