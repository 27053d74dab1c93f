"""The process `returns`: a receipt that several stores of the chain refund.

The sale of a receipt is in the events of its own store, a refund elsewhere in those of another. So each
refund that names another store's receipt goes through the topic `store-returns`, keyed by the store of the
receipt. There it meets the sale, in a ledger of this process. Its alerts are those that no store can raise by
itself: the alerts of `run` stay as they are.

A record that can't be read is skipped; the process `run` puts it into `dead-letters`.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from quixstreams import message_context
from quixstreams.dataframe import StreamingDataFrame
from quixstreams.models import Topic

from retail_anomaly.core import codec
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import ALERTS, POS_EVENTS, Event, PosEvent
from retail_anomaly.core.invalid import DeadLetter
from retail_anomaly.settings import Settings, SettingsError, pseudonyms_of
from streamer.detection.detecting import Memories, wall_clock
from streamer.detection.live_state import LiveState
from streamer.detection.record_reader import Decode, RecordReader
from streamer.detection.streaming_engine import build_streaming_engine
from streamer.kafka.placing import Placing
from streamer.kafka.record_limits import USUAL
from streamer.kafka.topic_plan import RETURNS, TopicNames
from streamer.observe.metrics import Metrics
from streamer.process import QuixProcess, Wiring, settings_of
from streamer.quix.application import encoding_topic, raw_topic
from streamer.quix.ends import name_of, send, writable
from streamer.quix.membership import MemberApplication

_RULE: Final = "refund_match"


class Returned(NamedTuple):
    """A refund of another store, beside the receipt that it names."""

    event: PosEvent


Decoded: TypeAlias = Event | Returned


def define_returns(  # noqa: PLR0913 - by name only
    lines: StreamingDataFrame,
    returned: StreamingDataFrame,
    *,
    engine: Engine,
    alerts: Topic,
    returns: Topic,
    internal_bytes: int = USUAL,
    placing: Placing | None = None,
    metrics: Metrics | None = None,
    on_state: Callable[[LiveState], None] = lambda _state: None,
    decode: Decode[Event] = codec.decode,
) -> StreamingDataFrame:
    """Wire the ledger of the chain between the topics; no I/O of its own.

    Parameters
    ----------
    lines, returned
        The raw records of `pos-events`, keyed by their store, and of `store-returns`.
    engine
        The rule about refunds.
    alerts, returns
        Output topics, which encode the values themselves (`encoding_topic`).
    internal_bytes
        The largest value, in bytes, of the changelog.
    placing
        Checks that records are in the partition of their key; None: any will do.
    metrics
        Shows the state.
    on_state
        Is given the state.
    decode
        Decodes an event of `pos-events`.

    Returns
    -------
    StreamingDataFrame
        The dataframe of the alerts.
    """
    engine.follow_returns()
    reader = RecordReader(
        POS_EVENTS, decode, check_key=True, max_ahead=None, placing=placing, name=name_of(lines)
    )
    events = lines.apply(reader.read, metadata=True).filter(_is_event)
    send(
        writable(events.filter(_names_receipt_elsewhere), wall_clock),
        PosEvent,
        returns,
        key=lambda event: event.original_store_id.encode(),
    )
    # The key is the receipt's store, the value names that of the refund, and has its pseudonyms already.
    elsewhere = RecordReader(
        POS_EVENTS, codec.decode, check_key=False, max_ahead=None, name=name_of(returned)
    )
    refunds = returned.apply(elsewhere.read, metadata=True).filter(_names_receipt_elsewhere).apply(Returned)
    merged = events.concat(refunds)
    state = LiveState(merged, engine, most_bytes=internal_bytes)
    on_state(state)
    if metrics is not None:
        metrics.entries = state.entries
        metrics.undecided = lambda: engine.undecided
        metrics.live_stores = lambda: (state.live_stores, state.put_aside)
    raised = writable(merged.apply(ChainLedger(engine, state), expand=True), wall_clock)
    send(raised, Alert, alerts, key=lambda alert: alert.store_id.encode())
    return raised


class ChainLedger:
    """Asks the ledger of the receipt's store about each refund; returns the alerts that the store lacks.

    Parameters
    ----------
    engine
        The rule about refunds; it follows returns.
    memories
        The stores' memories.
    """

    def __init__(self, engine: Engine, memories: Memories) -> None:
        self._engine = engine
        self._memories = memories

    def __call__(self, outcome: Decoded) -> list[Alert]:
        """Return the alerts that an event raises."""
        partition = message_context().partition
        if isinstance(outcome, Returned):
            home = self._memories.store(outcome.event.original_store_id or "", partition)
            raised = self._engine.take_return(outcome.event, home)
        else:
            store = self._memories.store(outcome.store_id, partition)
            # The others are alerts of `run` too.
            raised = [
                alert
                for alert in self._engine.process(outcome, store)
                if alert.evidence.get("refundedInStores")
            ]
        return [alert.detected(wall_clock()) for alert in raised] if raised else raised


def returns_process(settings: Settings) -> QuixProcess:
    """Declare the process that follows refunds through the chain.

    Parameters
    ----------
    settings
        The settings; the consumer group is the streamer's with ``-returns`` at its end.

    Raises
    ------
    SettingsError
        The events are not keyed by their store.

    Examples
    --------
    >>> process = returns_process(Settings())
    >>> process.group, process.inputs, process.outputs
    ('retail-anomaly-returns', ('pos-events', 'store-returns'), ('anomaly-alerts', 'store-returns'))
    """
    streamer = settings.streamer
    if streamer.rekey:
        raise SettingsError(
            "streamer.rekey: `returns` reads pos-events keyed by storeId; have the producers set the key"
        )
    names = TopicNames.of_settings(settings)
    engine = build_streaming_engine(settings, [_RULE])
    pseudonyms = pseudonyms_of(settings.privacy)

    def define(app: MemberApplication, wiring: Wiring) -> None:
        def check(state: LiveState) -> None:
            app.on_take_over(state.check)

        limits = wiring.topics.limits
        raised = define_returns(
            *(app.dataframe(raw_topic(app, name)) for name in names.returned),
            engine=engine,
            alerts=encoding_topic(app, names.of(ALERTS), limits),
            returns=encoding_topic(app, names.of(RETURNS), limits),
            internal_bytes=limits.internal_bytes,
            placing=wiring.placing([names.of(POS_EVENTS)], accept=streamer.wrong_partition == "warn"),
            metrics=wiring.counts if isinstance(wiring.counts, Metrics) else None,
            on_state=check,
            decode=codec.decode if pseudonyms is None else pseudonyms.decode,
        )
        raised.update(wiring.counts.raised)

    return QuixProcess(
        name="returns",
        settings=settings_of(settings, consumer_group=f"{streamer.consumer_group}-returns"),
        inputs=names.returned,
        outputs=names.all((ALERTS, RETURNS)),
        define=define,
    )


def _is_event(outcome: Event | DeadLetter) -> bool:
    return not isinstance(outcome, DeadLetter)


def _names_receipt_elsewhere(outcome: Event | DeadLetter) -> bool:
    return isinstance(outcome, PosEvent) and outcome.names_receipt_elsewhere
