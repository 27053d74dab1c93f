"""The wiring of every process on Quix Streams: topics, application, metrics, run, last log line.

A process declares a `QuixProcess`: its consumer group, its topics and a function that defines its dataframes.
`run` does the rest, and is the same for all of them.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import structlog
from confluent_kafka import KafkaException
from msgspec import structs

from retail_anomaly.cases.audit.chain import AuditKind
from retail_anomaly.cli.ending import ended_within
from retail_anomaly.settings import Settings, flatten
from streamer.errors import StreamerError
from streamer.kafka.audit_topic import AuditTopic
from streamer.kafka.connection import Connection
from streamer.kafka.placing import Placing
from streamer.kafka.record_limits import RecordLimits, record_limits
from streamer.kafka.topic_plan import AUDIT, TopicNames
from streamer.kafka.topic_watch import WATCH_SECONDS, TopicWatch
from streamer.kafka.topics import TopicPlan, ensure_topics
from streamer.observe.background import Background
from streamer.observe.counts import ProcessCounts
from streamer.observe.health import served
from streamer.observe.heap_memory import collect_rarely
from streamer.observe.metrics import Metrics
from streamer.quix.application import AHEAD_KB, new_application
from streamer.quix.failures import explained
from streamer.quix.membership import MemberApplication

_log: Final = structlog.stdlib.get_logger("retail-streamer")

END_SECONDS: Final = 30
"""How long a process may still try to commit after a signal; otherwise it waits for Kafka for ever."""
_UNENDED: Final = "does Kafka answer? Nothing is lost: a restart goes on from the last commit"


@dataclass(frozen=True)
class TopicFacts:
    """What the broker says of a process's topics.

    Parameters
    ----------
    stamped_at_append
        Those whose record timestamps the broker sets.
    partitions
        Their numbers of partitions.
    limits
        The largest records of those that the process writes to.
    """

    stamped_at_append: frozenset[str] = frozenset()
    partitions: Mapping[str, int] = field(default_factory=dict)
    limits: RecordLimits = field(default_factory=RecordLimits)


@dataclass(frozen=True)
class Wiring:
    """The surroundings that a process's `define` may need.

    Parameters
    ----------
    counts
        Counts the records, alerts and dead letters of the process.
    topics
        The facts about its topics.
    """

    counts: ProcessCounts
    topics: TopicFacts = field(default_factory=TopicFacts)

    def placing(self, topics: Iterable[str], *, accept: bool) -> Placing | None:
        """Return what checks that records of topics are in the partition of their key.

        Parameters
        ----------
        topics
            Their names.
        accept
            Whether a record in another partition counts all the same (`streamer.wrong_partition: warn`).

        Returns
        -------
        Placing or None
            None: the topics differ in their numbers of partitions, or nobody knows these, as on Quix Cloud.
        """
        numbers = {self.topics.partitions.get(name) for name in topics}
        number = numbers.pop() if len(numbers) == 1 else None
        return Placing(number, self.counts.misplaced, accept=accept) if number else None


Define = Callable[[MemberApplication, Wiring], None]


@dataclass(frozen=True, kw_only=True)
class QuixProcess:
    """The declaration of a process: everything in which it differs from the others.

    Parameters
    ----------
    name
        Its command, and the label of its metrics.
    settings
        The settings, with the consumer group and the other values of this process (see `settings_of`).
    inputs, outputs
        Names of the topics that it reads and writes.
    define
        Defines the dataframes of the application; it does no I/O of its own.
    has_state
        Whether it keeps state on disk.
    commit_every
        Commit after this many records, if the commit interval has not passed before; 0: never.
    ahead_kb
        Most kilobytes that are fetched ahead.
    beside
        Makes a context that is open while the process runs; it gives the work that goes on meanwhile.
    about
        Further facts for the first line of its log.
    """

    name: str
    settings: Settings
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    define: Define
    has_state: bool = True
    commit_every: int = 0
    ahead_kb: int = AHEAD_KB
    beside: Callable[[Connection], AbstractContextManager[Sequence[Background]]] = lambda _: nullcontext(())
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """Its consumer group."""
        return self.settings.streamer.consumer_group


def settings_of(settings: Settings, **changes: Any) -> Settings:
    """Return settings for one process: a copy with other values in the section `streamer`.

    Examples
    --------
    >>> settings_of(Settings(), consumer_group="shops-sink").streamer.consumer_group
    'shops-sink'
    """
    return structs.replace(settings, streamer=structs.replace(settings.streamer, **changes))


def ensure_process_topics(
    process: QuixProcess, connection: Connection, *, create: bool | None = None
) -> TopicFacts:
    """Check that the topics of a process are there, and return what the broker says of them.

    Parameters
    ----------
    process
        Names the topics.
    connection
        The broker. On Quix Cloud nothing is checked: Quix looks after its topics itself.
    create
        Whether to create missing ones; by default as `streamer.manage_topics` says.

    Raises
    ------
    StreamerError
        The broker does not answer, or a topic is missing or unfit.
    """
    if connection.broker is None:
        return TopicFacts()
    reports = ensure_topics(
        connection,
        TopicPlan.of(process.settings),
        (*process.inputs, *process.outputs, *_audit_topic(process.settings)),
        create=process.settings.streamer.manage_topics if create is None else create,
    )
    return TopicFacts(
        frozenset(report.name for report in reports if report.stamped_at_append),
        {report.name: report.partitions for report in reports if report.partitions is not None},
        record_limits(connection, process.outputs, process.group),
    )


def build(
    process: QuixProcess,
    connection: Connection,
    *,
    counts: ProcessCounts | None = None,
    topics: TopicFacts | None = None,
    create_topics: bool | None = None,
) -> MemberApplication:
    """Build the application of a process; the broker is asked for its topics.

    Parameters
    ----------
    process
        The process.
    connection
        The broker.
    counts
        Counts the work; by default nobody reads the counts.
    topics
        The facts about its topics, as `ensure_process_topics` returns them.
    create_topics
        Whether to create the topics of the state; by default as `streamer.manage_topics` says.

    Returns
    -------
    MemberApplication
        Ready for `run`.
    """
    counts = counts or ProcessCounts()
    topics = topics or TopicFacts()
    app = new_application(
        process.settings,
        connection=connection,
        counts=counts,
        create_topics=create_topics,
        commit_every=process.commit_every,
        ahead_kb=process.ahead_kb,
        limits=topics.limits,
    )
    process.define(app, Wiring(counts, topics))
    return app


def run(process: QuixProcess, connection: Connection) -> int:
    """Run a process until SIGTERM or SIGINT, then commit once more; return the exit code.

    Where Kafka does not answer, it is ended by force `END_SECONDS` after the signal.

    Parameters
    ----------
    process
        The process.
    connection
        The broker.

    Raises
    ------
    StreamerError
        The broker does not answer, a topic is missing or unfit, or the process can't go on.
    """
    streamer = process.settings.streamer
    metrics = Metrics(
        process.name, process.group, Path(streamer.state_dir) / process.group if process.has_state else None
    )
    metrics.reads(process.inputs)
    with explained():
        topics = ensure_process_topics(process, connection)
        app = build(process, connection, counts=metrics, topics=topics)
        metrics.recovering = lambda: app.recovering
        app.on_checkpoint(metrics.checkpoint)
        _log.info(
            "starting",
            broker=connection.broker,
            consumer_group=process.group,
            processing_guarantee=streamer.processing_guarantee,
            **process.about,
        )
        _note_configuration(process, connection)
        with (
            process.beside(connection) as work,
            _watched(process, connection, topics, app) as watch,
            served(metrics, streamer),
        ):
            metrics.background = (*work, *watch)
            collect_rarely()
            with ended_within(END_SECONDS, _UNENDED):
                app.run()
    metrics.log_stop()
    return 0


def _audit_topic(settings: Settings) -> tuple[str, ...]:
    return (TopicNames.of_settings(settings).of(AUDIT),) if settings.privacy.audit else ()


def _note_configuration(process: QuixProcess, connection: Connection) -> None:
    """Add the configuration to the audit trail, if it is another one than when the process started last."""
    if not process.settings.privacy.audit or connection.broker is None:
        return
    trail = AuditTopic(connection, TopicNames.of_settings(process.settings).of(AUDIT))
    # Each process of a group has another name in it.
    values = {k: str(v) for k, v in flatten(process.settings).items() if k != "streamer.instance_id"}
    kind: AuditKind = "configuration"
    by = process.group
    before = [each.content for each in trail.read().records if (each.kind, each.by) == (kind, by)]
    if not before or before[-1] != values:
        trail.append(uuid4().hex, time.time_ns() // 1_000_000, kind, by, values)


@contextmanager
def _watched(
    process: QuixProcess, connection: Connection, topics: TopicFacts, app: MemberApplication
) -> Iterator[Sequence[Background]]:
    """Watch the input topics for as long as the context is open."""
    if connection.broker is None or connection.embedded:
        yield ()
        return
    watch = TopicWatch(
        connection,
        {name: topics.partitions[name] for name in process.inputs},
        keeps_state=process.has_state,
        end=app.end_with,
    )
    with suppress(KafkaException, StreamerError):
        watch()  # as they are before the first record is read
    with Background("topics", WATCH_SECONDS, watch, trouble="the input topics can't be looked at") as work:
        yield (work,)
