"""The process `triage`: alerts and the decisions about them become cases, in the topic `alert-cases`.

Each record of the topic is a case as it stands after one alert or action; the last one of a case counts. Its
priority and expected loss weigh the verdicts of its own store that were there by then. The board and
`ra.triage` weigh the verdicts of all stores of a group.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeAlias

from quixstreams import message_context
from quixstreams.dataframe import StreamingDataFrame
from quixstreams.models import Topic

from retail_anomaly.cases import Action, Case, Triage, decode_action
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import ALERTS, DEAD_LETTERS
from retail_anomaly.core.invalid import DeadLetter, InvalidEvent
from retail_anomaly.core.records import InvalidRecord, decode_record
from retail_anomaly.settings import NO_PSEUDONYMS, PrivacySettings, Settings
from retail_anomaly.settings.hidden_scopes import HideScope, scope_hider, unchanged
from streamer.detection.detecting import wall_clock
from streamer.detection.live_state import LiveState
from streamer.detection.record_reader import RecordReader
from streamer.kafka.placing import Placing
from streamer.kafka.record_limits import USUAL
from streamer.kafka.topic_plan import ALERT_ACTIONS, ALERT_CASES, TRIAGED, TopicNames
from streamer.observe.counts import ProcessCounts
from streamer.observe.metrics import Metrics
from streamer.observe.sampled_timer import SampledTimer
from streamer.process import QuixProcess, Wiring, settings_of
from streamer.quix.application import encoding_topic, raw_topic
from streamer.quix.ends import name_of, send, short_key, writable
from streamer.quix.membership import MemberApplication

Decoded: TypeAlias = Alert | Action | DeadLetter


def decode_for_triage(topic: str, raw: bytes | None, hide: HideScope = unchanged) -> Alert | Action:
    """Read a record of `anomaly-alerts` or `alert-actions`.

    Parameters
    ----------
    topic, raw
        The topic and the value.
    hide
        Puts a pseudonym in the place of an employee's id in an action.

    Raises
    ------
    InvalidEvent
        It is neither; the reason names the field.

    Examples
    --------
    >>> decode_for_triage("alert-actions", b'{"actionId": "a", "time": 7}')
    Traceback (most recent call last):
    retail_anomaly.core.invalid.InvalidEvent: time: expected ...
    """
    try:
        if topic == ALERT_ACTIONS:
            return hide(decode_action(raw or b""))
        return decode_record(Alert, raw or b"")
    except InvalidRecord as error:
        raise InvalidEvent(error.field, error.reason) from None


def reader_for_triage(
    topic: str, name: str, privacy: PrivacySettings, placing: Placing | None
) -> RecordReader[Alert | Action]:
    """Return the reader of `anomaly-alerts` or `alert-actions`.

    Parameters
    ----------
    topic, name
        The topic, and its name in Kafka.
    privacy
        With pseudonyms, nothing that is read or becomes a dead letter has the clear id of an employee.
    placing
        Checks that records are in the partition of their key; None: any will do.
    """
    return RecordReader(
        topic,
        partial(decode_for_triage, hide=scope_hider(privacy)),
        check_key=True,
        max_ahead=None,
        placing=placing,
        name=name,
        is_hidden=privacy.pseudonyms != "none",
    )


def define_triage(  # noqa: PLR0913 - by name only
    inputs: Mapping[str, StreamingDataFrame],
    *,
    triage: Triage,
    cases: Topic,
    dead_letters: Topic,
    privacy: PrivacySettings = NO_PSEUDONYMS,
    internal_bytes: int = USUAL,
    placing: Placing | None = None,
    counts: ProcessCounts | None = None,
    on_state: Callable[[LiveState], None] = lambda _state: None,
) -> StreamingDataFrame:
    """Wire the triage between the topics; no I/O of its own.

    Parameters
    ----------
    inputs
        By topic name, a dataframe of the topic's records, keys and values as bytes.
    triage
        Gathers the alerts in cases.
    cases, dead_letters
        Output topics, which encode the values themselves (`encoding_topic`).
    privacy
        Whether there are pseudonyms.
    internal_bytes
        The largest value, in bytes, of the changelog.
    placing
        Checks that records are in the partition of their key; None: any will do.
    counts
        Counts cases and verdicts.
    on_state
        Is given the state.

    Returns
    -------
    StreamingDataFrame
        The dataframe of all changed cases and dead letters.
    """
    merged: StreamingDataFrame | None = None
    for name in TRIAGED:
        raw = inputs[name]
        reader = reader_for_triage(name, name_of(raw), privacy, placing)
        decoded = raw.apply(reader.read, metadata=True)
        merged = decoded if merged is None else merged.concat(decoded)
    if merged is None:
        raise ValueError("triage reads two topics")
    counts = counts or ProcessCounts()
    state = LiveState(merged, triage, most_bytes=internal_bytes)
    on_state(state)
    process: Callable[..., list[Case]] = triage.process
    if isinstance(counts, Metrics):
        counts.entries = state.entries
        counts.live_stores = lambda: (state.live_stores, state.put_aside)
        process = SampledTimer(process, counts.processed_in)

    def gather(outcome: Decoded) -> Iterable[Case | DeadLetter]:
        if isinstance(outcome, DeadLetter):
            return (outcome,)
        changed = process(outcome, state.store(outcome.store_id, message_context().partition))
        if isinstance(outcome, Action):
            counts.decided(outcome, changed)
        return changed

    outcomes = writable(merged.apply(gather, expand=True), wall_clock)
    send(outcomes, DeadLetter, dead_letters, key=short_key)
    send(outcomes, Case, cases, key=_store_key)
    return outcomes


def triage_process(settings: Settings) -> QuixProcess:
    """Declare the process that gathers alerts in cases.

    Parameters
    ----------
    settings
        The settings; the consumer group is the streamer's with ``-triage`` at its end.

    Examples
    --------
    >>> process = triage_process(Settings())
    >>> process.group, process.inputs, process.outputs
    ('retail-anomaly-triage', ('anomaly-alerts', 'alert-actions'), ('alert-cases', 'dead-letters'))
    """
    streamer = settings.streamer
    names = TopicNames.of_settings(settings)
    privacy = settings.privacy
    triage = Triage(
        memory=settings.cases.memory,
        priors=settings.cases.priors,
        calibration=settings.cases.calibration,
        has_pseudonyms=privacy.pseudonyms != "none",
    )

    def define(app: MemberApplication, wiring: Wiring) -> None:
        def check(state: LiveState) -> None:
            app.on_take_over(state.check)

        limits = wiring.topics.limits
        outcomes = define_triage(
            {topic: app.dataframe(raw_topic(app, names.of(topic))) for topic in TRIAGED},
            triage=triage,
            cases=encoding_topic(app, names.of(ALERT_CASES), limits),
            dead_letters=encoding_topic(app, names.of(DEAD_LETTERS), limits),
            privacy=privacy,
            internal_bytes=limits.internal_bytes,
            placing=wiring.placing([names.of(ALERTS)], accept=streamer.wrong_partition == "warn"),
            counts=wiring.counts,
            on_state=check,
        )
        outcomes.update(wiring.counts.raised)

    return QuixProcess(
        name="triage",
        settings=settings_of(settings, consumer_group=f"{streamer.consumer_group}-triage"),
        inputs=names.triaged,
        outputs=names.all((ALERT_CASES, DEAD_LETTERS)),
        define=define,
    )


def _store_key(case: Case) -> bytes:
    return case.store_id.encode()
