"""The streaming pipeline: events, ticks and changes of rules in; alerts, dead letters and scores out; no I/O.

A record's way: `RecordReader.event` decodes it, `LiveState.store` finds the memory of its store,
`Engine.process` asks the detectors, and their alerts go through the dataframe to a topic.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from quixstreams.dataframe import StreamingDataFrame
from quixstreams.models import Topic

from retail_anomaly.core import codec
from retail_anomaly.core.alerts import Alert, ShadowAlert
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.enriched import EnrichedEvent
from retail_anomaly.core.events import STOCK_MOVEMENTS, Event
from retail_anomaly.core.invalid import DeadLetter
from retail_anomaly.core.score import Score
from retail_anomaly.rules.configured import ConfiguredRules
from streamer.detection.detecting import Detection, Process, outcomes_of_row, wall_clock
from streamer.detection.live_state import MOST_LIVE, LiveState
from streamer.detection.record_reader import Decode, RecordReader, RekeyingReader
from streamer.detection.store_logic import ChangingRules
from streamer.kafka.placing import Placing
from streamer.kafka.record_limits import USUAL
from streamer.kafka.topic_plan import RULES, TICKS
from streamer.observe.metrics import Metrics
from streamer.observe.sampled_timer import SampledTimer
from streamer.quix.ends import name_of, send, short_key, writable
from streamer.quix.record_runs import BeginRun
from streamer.quix.state_name import merged_with_state_of

# Version 1 did not read these topics, and its state is read.
_NEWER: Final = frozenset({STOCK_MOVEMENTS, RULES})


def define_pipeline(  # noqa: PLR0913 - one argument for each end of the pipeline
    inputs: Mapping[str, StreamingDataFrame],
    *,
    alerts: Topic,
    dead_letters: Topic,
    engine: Engine,
    rules: ConfiguredRules | None = None,
    shadow: Topic | None = None,
    scores: Topic | None = None,
    enriched: Topic | None = None,
    internal_bytes: int = USUAL,
    most_live: int = MOST_LIVE,
    rekey: bool = False,
    placing: Placing | None = None,
    max_ahead: int | None = None,
    stamped_at_append: Collection[str] = (),
    clock: Callable[[], int] = wall_clock,
    metrics: Metrics | None = None,
    on_state: Callable[[LiveState], None] = lambda _state: None,
    on_steps: Callable[[Mapping[str, BeginRun]], None] = lambda _steps: None,
    decode: Decode[Event] = codec.decode,
    is_hidden: bool = False,
) -> StreamingDataFrame:
    """Wire the detectors between the input topics and the output topics.

    Parameters
    ----------
    inputs
        By the plain name of a topic, a dataframe of its records, keys and values as bytes. Without the ticks'
        topic, time passes by events alone.
    alerts, dead_letters
        Output topics, which encode the values themselves (`encoding_topic`).
    engine
        The detectors to run.
    rules
        The rules of the configuration, which records of the topic of rules change.
    shadow
        Output topic of the alerts of rules in the shadow, which encodes them itself; None drops them.
    scores
        Output topic of all scores of the models, which encodes them itself; None leaves the scores out.
    enriched
        Output topic of the POS events with what their stores know, which encodes them itself; None leaves
        them out.
    internal_bytes
        The largest value, in bytes, of the topics that Quix makes for state and repartitions.
    most_live
        Stores that stay in memory.
    rekey
        Repartition the events by their store first, for producers that key by something else.
    placing
        Checks that records are in the partition of their key; None: any will do.
    max_ahead
        How far, in milliseconds, an event may be ahead of its record's timestamp in the topics of
        `stamped_at_append`; None: any distance.
    stamped_at_append
        The input topics whose record timestamps are set by the broker.
    clock
        Gives the time for `detectedAt`, in epoch milliseconds.
    metrics
        Takes the time of the detectors, and may count the entries of the state.
    on_state
        Is given the state.
    on_steps
        Is given, by name in Kafka, the step that takes a topic's records run by run. Without it they come as
        rows.
    decode
        Decodes an event.
    is_hidden
        Whether dead letters go without key and value, which may name an employee.

    Returns
    -------
    StreamingDataFrame
        The dataframe of all alerts and dead letters.
    """
    older: list[StreamingDataFrame] = []
    newer: list[StreamingDataFrame] = []
    readers: dict[str, RecordReader[Event]] = {}  # by name in Kafka
    in_runs: set[str] = set()
    for name, raw in inputs.items():
        frame = raw
        if name not in (TICKS, RULES):
            ahead = max_ahead if name in stamped_at_append else None
            if rekey:
                rekeying = RekeyingReader(
                    name, decode, max_ahead=ahead, most_bytes=internal_bytes, name=name_of(raw)
                )
                frame = _rekeyed(writable(raw, clock), rekeying, dead_letters)
                readers[name_of(frame)] = rekeying
            else:
                readers[name_of(raw)] = RecordReader(
                    *(name, decode),
                    check_key=True,
                    max_ahead=ahead,
                    placing=placing,
                    name=name_of(raw),
                    is_hidden=is_hidden,
                )
        if frame is raw or name_of(frame) != name_of(raw):  # else its records must be keyed anew first
            in_runs.add(name_of(frame))
        (newer if name in _NEWER and len(inputs) > 1 else older).append(frame)
    merged = merged_with_state_of(older, newer)
    ticks = name_of(inputs[TICKS]) if TICKS in inputs else None
    state = LiveState(
        merged,
        engine,
        most_bytes=internal_bytes,
        most_live=most_live,
        rules=None if rules is None else ChangingRules(engine, rules),
        ticks=ticks,
    )
    on_state(state)
    process: Process = engine.process
    if metrics is not None:
        metrics.entries = state.entries
        metrics.undecided = lambda: engine.undecided
        metrics.rules = state.rules_in_force
        metrics.live_stores = lambda: (state.live_stores, state.put_aside)
        process = SampledTimer(process, metrics.processed_in)
    detection = Detection(
        engine,
        state,
        clock=clock,
        process=process,
        with_scores=scores is not None,
        with_enriched=enriched is not None,
    )
    steps = {topic: detection.events_of(reader) for topic, reader in readers.items()}
    if ticks is not None:
        steps[ticks] = detection.ticks_of(ticks)
    if RULES in inputs:
        topic = name_of(inputs[RULES])
        steps[topic] = detection.changes_of(topic)
    on_steps({topic: steps[topic] for topic in in_runs})
    outcomes = merged.apply(outcomes_of_row(steps), expand=True, metadata=True)
    raised = writable(outcomes, clock)
    if scores is not None:
        send(raised, Score, scores, key=_store_key)
        raised = raised.filter(lambda outcome: not isinstance(outcome, Score))
    if enriched is not None:
        send(raised, EnrichedEvent, enriched, key=_store_key)
        raised = raised.filter(lambda outcome: not isinstance(outcome, EnrichedEvent))
    send(raised, DeadLetter, dead_letters, key=short_key)
    # A tick has no key, and its alerts are about several stores.
    if shadow is not None:
        send(raised, ShadowAlert, shadow, key=_store_key)
    if metrics is not None:
        raised.filter(lambda outcome: isinstance(outcome, ShadowAlert)).update(metrics.in_shadow)
    raised = raised.filter(lambda outcome: not isinstance(outcome, ShadowAlert))
    send(raised, Alert, alerts, key=_store_key)
    return raised


def _rekeyed(raw: StreamingDataFrame, reader: RekeyingReader, dead_letters: Topic) -> StreamingDataFrame:
    """Send good records through a topic keyed by their store, bad ones to the dead letters.

    The repartition topic carries the bytes of the producer: the detectors see the event that was sent.
    """
    send(raw.apply(reader.read, metadata=True), DeadLetter, dead_letters, key=short_key)
    return raw.filter(reader.is_good, metadata=True).group_by(
        reader.store_key,
        name="store",
        key_serializer="bytes",
        key_deserializer="bytes",
        value_serializer="bytes",
        value_deserializer="bytes",
    )


def _store_key(value: Alert | EnrichedEvent | Score) -> bytes:
    return value.store_id.encode()
