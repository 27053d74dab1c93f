"""The Quix Streams application: settings and a broker around the pipeline."""

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import structlog
from quixstreams import Application
from quixstreams.models import Topic, TopicManager
from quixstreams.state.rocksdb import RocksDBOptions

from retail_anomaly.core.events import ALERTS, DEAD_LETTERS
from retail_anomaly.settings import Settings
from streamer.detection.pipeline import define_pipeline
from streamer.detection.storing_engine import build_storing_engine
from streamer.detection.ticks import Ticker
from streamer.kafka.connection import Connection
from streamer.kafka.topic_plan import ALIGNED, SCORES
from streamer.kafka.topics import TopicPlan, ensure_topics
from streamer.observe.counts import ProcessCounts
from streamer.observe.health import observed
from streamer.observe.metrics import Metrics
from streamer.quix.exactly_once import SettledApplication
from streamer.quix.failures import on_processing_error
from streamer.quix.ownership import OwningApplication
from streamer.quix.topic_manager import topic_manager as quix_topics

# Measured: docs/decisions/0001-aligned-reading.md says what happens without each of these.
_POLL_SECONDS: Final = 0.01
_STATISTICS_MS: Final = 1_000
_CONSUMER: Final[dict[str, Any]] = {
    "fetch.wait.max.ms": 50,
    "fetch.queue.backoff.ms": 5,
    "fetch.max.bytes": 1 << 20,  # an answer's; by default 50 MB, which weighs more than most stores' state
}
_PRODUCER: Final = {"linger.ms": 0}
_HEARTBEAT_MS: Final = 3_000
# What is read ahead and held for writing, kept small: defaults of 10,000 messages a partition and of
# 64 MB a partition's write buffer would outgrow the state itself.
_BUFFERED_MESSAGES: Final = 1_000
# A partition's journals too: 128 MB of them by default, for two of state, whose little-written part keeps them alive.
_ROCKSDB: Final = RocksDBOptions(
    write_buffer_size=1 << 20, block_cache_size=4 << 20, max_total_wal_size=16 << 20
)


def new_application(
    settings: Settings,
    *,
    connection: Connection,
    topic_manager: TopicManager | None,
    tally: ProcessCounts | None = None,
    commit_every: int = 0,
    ahead_kb: int = 16_384,
) -> Application:
    """Return an application without a pipeline, set up to read topics aligned and at once.

    Parameters
    ----------
    settings
        The settings.
    connection
        The broker.
    topic_manager
        Looks topics up and creates those of the state; None leaves it to Quix.
    tally
        Counts the records processed, and takes the consumer's statistics if they are to be served.
    commit_every
        Commit after so many records, if the interval has not passed before; 0 leaves it to that.
    ahead_kb
        Most kilobytes that are fetched ahead.
    """
    streamer = settings.streamer
    producer: dict[str, Any] = dict(_PRODUCER)
    consumer = {
        **_CONSUMER,
        "queued.max.messages.kbytes": ahead_kb,
        "session.timeout.ms": int(streamer.session_timeout),
        # A third of the session, so that one lost heartbeat does not end a short one.
        "heartbeat.interval.ms": max(1, min(_HEARTBEAT_MS, int(streamer.session_timeout) // 3)),
    }
    if tally is not None and streamer.metrics_port:
        consumer |= {"statistics.interval.ms": _STATISTICS_MS, "stats_cb": tally.statistics}
    kind = OwningApplication
    if streamer.processing_guarantee == "exactly-once":
        kind = SettledApplication
        # A crashed process leaves its transaction open, and readers wait at it until it is timed out.
        producer["transaction.timeout.ms"] = int(streamer.session_timeout + streamer.commit_interval)
    return kind(
        **connection.application_arguments(),
        consumer_group=streamer.consumer_group,
        # A new group reads what is there; on "latest" a quiet topic with history stops all others.
        auto_offset_reset="earliest",
        processing_guarantee=streamer.processing_guarantee,
        commit_interval=streamer.commit_interval / 1000,
        commit_every=commit_every,
        consumer_poll_timeout=_POLL_SECONDS,
        consumer_extra_config=consumer,
        producer_extra_config=producer,
        state_dir=streamer.state_dir,
        topic_manager=topic_manager,
        max_partition_buffer_size=_BUFFERED_MESSAGES,
        rocksdb_options=_ROCKSDB,
        auto_create_topics=streamer.manage_topics,
        # State that is lost must be noticed, not made up for from wherever the log now begins.
        auto_recover_from_source_offset_out_of_range=False,
        on_message_processed=tally.message if tally else None,
        on_processing_error=on_processing_error,
        loglevel=None,
    )


def raw_topic(app: Application, name: str) -> Topic:
    """Return a topic whose keys and values are bytes: decoding and its failures are ours.

    Parameters
    ----------
    app
        The application.
    name
        The topic's name.
    """
    return app.topic(
        name,
        key_serializer="bytes",
        key_deserializer="bytes",
        value_serializer="bytes",
        value_deserializer="bytes",
    )


def build_app(
    settings: Settings,
    *,
    connection: Connection,
    topic_manager: TopicManager | None,
    only: Sequence[str] | None = None,
    stamped_at_append: Collection[str] = (),
    tally: ProcessCounts | None = None,
) -> Application:
    """Build the application that raises alerts; the broker is asked for its topics.

    Parameters
    ----------
    settings, connection, topic_manager
        As for `new_application`.
    only
        Names of detectors: these run and no others.
    stamped_at_append
        Input topics whose record timestamps the broker sets.
    tally
        Counts what is done.

    Returns
    -------
    Application
        Ready for `run`.

    Raises
    ------
    SettingsError
        A name is no detector's, no detector is enabled, or one has a model for replay only.
    """
    engine = build_storing_engine(settings, only)
    app = new_application(settings, connection=connection, topic_manager=topic_manager, tally=tally)
    raised = define_pipeline(
        # Ticks too where no detector waits for time: the state goes by the topics' names.
        {name: app.dataframe(raw_topic(app, name)) for name in ALIGNED},
        alerts=raw_topic(app, ALERTS),
        dead_letters=raw_topic(app, DEAD_LETTERS),
        engine=engine,
        scores=raw_topic(app, SCORES) if settings.streamer.scores else None,
        rekey=settings.streamer.rekey,
        max_ahead=settings.max_ahead,
        stamped_at_append=stamped_at_append,
        metrics=tally if isinstance(tally, Metrics) else None,
    )
    if tally is not None:
        raised.update(tally.raised)
    return app


def run(settings: Settings, *, connection: Connection, only: Sequence[str] | None = None) -> int:
    """Raise alerts until SIGTERM or SIGINT, then commit once more; return the exit code.

    Parameters
    ----------
    settings
        The settings.
    connection
        The broker.
    only
        Names of detectors: these run and no others.

    Raises
    ------
    StreamerError
        The broker does not answer, or a topic is missing or unfit.
    SettingsError
        A name is no detector's, no detector is enabled, or one has a model for replay only.
    """
    create = settings.streamer.manage_topics
    stamped: set[str] = set()
    if connection.broker is not None:
        names = [*ALIGNED, ALERTS, DEAD_LETTERS]
        if settings.streamer.scores:
            names.append(SCORES)
        reports = ensure_topics(connection, TopicPlan.of(settings), names, create=create)
        stamped = {report.name for report in reports if report.stamped_at_append}
    streamer = settings.streamer
    metrics = Metrics("run", streamer.consumer_group, Path(streamer.state_dir) / streamer.consumer_group)
    app = build_app(
        settings,
        connection=connection,
        topic_manager=quix_topics(connection, settings.streamer.consumer_group, create=create),
        only=only,
        stamped_at_append=stamped,
        tally=metrics,
    )
    log = structlog.stdlib.get_logger("retail-streamer")
    log.info(
        "starting",
        broker=connection.broker,
        consumer_group=settings.streamer.consumer_group,
        processing_guarantee=settings.streamer.processing_guarantee,
    )
    with ExitStack() as stack:
        if connection.broker is not None and build_storing_engine(settings, only).needs_ticks:
            stack.enter_context(Ticker(connection, streamer.tick_interval))
        stack.enter_context(observed(app, metrics, streamer))
        app.run()
    metrics.log_stop()
    return 0
