"""The process `run`: it raises alerts."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from quixstreams.models import Topic

from retail_anomaly.core import codec
from retail_anomaly.core.events import ALERTS, DEAD_LETTERS
from retail_anomaly.settings import Settings, pseudonyms_of, rules_of_settings
from streamer.detection.live_state import LiveState
from streamer.detection.pipeline import define_pipeline
from streamer.detection.streaming_engine import build_streaming_engine
from streamer.detection.ticks import Ticker
from streamer.kafka.connection import Connection
from streamer.kafka.topic_plan import (
    ALIGNED,
    ENRICHED,
    SCORES,
    SHADOW_ALERTS,
    TopicNames,
    extra_outputs,
)
from streamer.observe.background import Background
from streamer.observe.metrics import Metrics
from streamer.process import QuixProcess, Wiring
from streamer.quix.application import encoding_topic, raw_topic
from streamer.quix.membership import MemberApplication


def detection_process(settings: Settings, only: Sequence[str] | None = None) -> QuixProcess:
    """Declare the process that reads events and writes alerts.

    Parameters
    ----------
    settings
        The settings.
    only
        Names of detectors: these run and no others.

    Raises
    ------
    SettingsError
        A name is no detector's, no detector is enabled, or one has a model for replay only.

    Examples
    --------
    >>> detection_process(Settings()).outputs
    ('anomaly-alerts', 'shadow-alerts', 'dead-letters')
    """
    streamer = settings.streamer
    engine = build_streaming_engine(settings, only)
    pseudonyms = pseudonyms_of(settings.privacy)
    names = TopicNames.of_settings(settings)
    states: list[LiveState] = []

    def define(app: MemberApplication, wiring: Wiring) -> None:
        def check(state: LiveState) -> None:
            app.on_take_over(state.check)
            states.append(state)

        limits = wiring.topics.limits

        def output(topic: str) -> Topic:
            return encoding_topic(app, names.of(topic), limits)

        placing = wiring.placing(names.aligned, accept=streamer.wrong_partition == "warn")
        raised = define_pipeline(
            # With the ticks' topic even if no detector waits for time: the state is named after the topics.
            {topic: app.dataframe(raw_topic(app, names.of(topic))) for topic in ALIGNED},
            alerts=output(ALERTS),
            dead_letters=output(DEAD_LETTERS),
            engine=engine,
            rules=rules_of_settings(settings, only),
            shadow=output(SHADOW_ALERTS),
            scores=output(SCORES) if streamer.scores else None,
            enriched=output(ENRICHED) if streamer.enriched else None,
            internal_bytes=limits.internal_bytes,
            rekey=streamer.rekey,
            decode=codec.decode if pseudonyms is None else pseudonyms.decode,
            is_hidden=pseudonyms is not None,
            placing=placing or None,
            max_ahead=settings.max_ahead,
            stamped_at_append={names.plain(name) for name in wiring.topics.stamped_at_append},
            on_state=check,
            on_steps=app.read_in_runs,
            metrics=wiring.counts if isinstance(wiring.counts, Metrics) else None,
        )
        raised.update(wiring.counts.raised)

    @contextmanager
    def ticks(connection: Connection) -> Iterator[Sequence[Background]]:
        if connection.broker is None:
            yield ()
            return

        tickers: list[Ticker] = []

        def tick() -> None:
            # Asked each time: a rule that waits for time may be pushed while the process runs.
            if any(state.needs_ticks for state in states):
                if not tickers:
                    ticker = Ticker(connection, streamer.tick_interval, settings.max_ahead, names=names)
                    tickers.append(open_ones.enter_context(ticker))
                tickers[0]()

        trouble = "no ticks at present: silent stores wait"
        with (
            ExitStack() as open_ones,
            Background("ticks", streamer.tick_interval / 1000, tick, trouble=trouble) as work,
        ):
            yield (work,)

    return QuixProcess(
        name="run",
        settings=settings,
        inputs=names.aligned,
        outputs=names.all((ALERTS, SHADOW_ALERTS, DEAD_LETTERS, *extra_outputs(settings))),
        define=define,
        beside=ticks,
    )
