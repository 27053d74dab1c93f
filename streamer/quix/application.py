"""Applications set up for aligned reading at low latency, and the two kinds of topics they use."""

from typing import Any, Final

from quixstreams.models import Topic
from quixstreams.models.serializers import SerializationContext, Serializer
from quixstreams.state.rocksdb import RocksDBOptions

from retail_anomaly.settings import Settings
from streamer.kafka.connection import Connection
from streamer.kafka.record_limits import USUAL, RecordLimits, encoded_within
from streamer.observe.counts import ProcessCounts
from streamer.quix.exactly_once import ExactlyOnceApplication
from streamer.quix.failures import on_processing_error
from streamer.quix.membership import MemberApplication
from streamer.quix.topic_manager import topic_manager

AHEAD_KB: Final = 16_384
"""Most kilobytes that a consumer fetches ahead."""

# Measured: docs/decisions/0001-aligned-reading.md shows the effect of leaving each of these out.
_POLL_SECONDS: Final = 0.01
_STATISTICS_MS: Final = 1_000
_CONSUMER: Final[dict[str, Any]] = {
    "fetch.wait.max.ms": 50,
    "fetch.queue.backoff.ms": 5,
    # Bytes in one answer of the broker. The default, 50 MB, is more than the state of most stores.
    "fetch.max.bytes": 1 << 20,
}
_PRODUCER: Final = {"linger.ms": 0}
_HEARTBEAT_MS: Final = 3_000
# Kept small: by default Quix reads 10,000 messages ahead and RocksDB has a write buffer of 64 MB for each
# partition, which together would outgrow the state itself.
_BUFFERED_MESSAGES: Final = 1_000
# RocksDB's log grows to 128 MB for 2 MB of state by default: a column family that is rarely written pins it.
STATE_OPTIONS: Final = RocksDBOptions(
    write_buffer_size=1 << 20, block_cache_size=4 << 20, max_total_wal_size=16 << 20
)


def new_application(
    settings: Settings,
    *,
    connection: Connection,
    counts: ProcessCounts | None = None,
    create_topics: bool | None = None,
    commit_every: int = 0,
    ahead_kb: int = AHEAD_KB,
    limits: RecordLimits | None = None,
) -> MemberApplication:
    """Return an application without a pipeline.

    Parameters
    ----------
    settings
        The settings.
    connection
        The broker.
    counts
        Counts the records processed. If metrics are served, it also takes the consumer's statistics.
    create_topics
        Whether to create the topics of the state; by default as `streamer.manage_topics` says.
    commit_every
        Commit after this many records, if the commit interval has not passed before; 0: never.
    ahead_kb
        Most kilobytes that are fetched ahead.
    limits
        The largest records of the topics that it writes to.
    """
    streamer = settings.streamer
    producer: dict[str, Any] = {**_PRODUCER, **(limits or RecordLimits()).producer()}
    consumer = {
        **_CONSUMER,
        "queued.max.messages.kbytes": ahead_kb,
        "session.timeout.ms": int(streamer.session_timeout),
        # A third of the session, so that one lost heartbeat does not end a short one.
        "heartbeat.interval.ms": max(1, min(_HEARTBEAT_MS, int(streamer.session_timeout) // 3)),
    }
    if streamer.instance_id:
        consumer["group.instance.id"] = streamer.instance_id
    if counts is not None and streamer.metrics_port:
        consumer |= {"statistics.interval.ms": _STATISTICS_MS, "stats_cb": counts.statistics}
    kind = MemberApplication
    if streamer.processing_guarantee == "exactly-once":
        kind = ExactlyOnceApplication
        # A crashed process leaves its transaction open, and readers wait until it has timed out.
        producer["transaction.timeout.ms"] = int(streamer.session_timeout + streamer.commit_interval)
    create = streamer.manage_topics if create_topics is None else create_topics
    return kind(
        **connection.application_arguments(),
        consumer_group=streamer.consumer_group,
        # A new group reads the history. With "latest", a quiet topic that has history stops all others.
        auto_offset_reset="earliest",
        processing_guarantee=streamer.processing_guarantee,
        commit_interval=streamer.commit_interval / 1000,
        commit_every=commit_every,
        consumer_poll_timeout=_POLL_SECONDS,
        consumer_extra_config=consumer,
        producer_extra_config=producer,
        state_dir=streamer.state_dir,
        topic_manager=topic_manager(connection, streamer.consumer_group, create=create),
        max_partition_buffer_size=_BUFFERED_MESSAGES,
        rocksdb_options=STATE_OPTIONS,
        auto_create_topics=create,
        # Lost state must be noticed. Quix would make up for it by starting wherever the log now begins.
        auto_recover_from_source_offset_out_of_range=False,
        on_message_processed=counts.message if counts else None,
        on_processing_error=on_processing_error,
        loglevel=None,
    )


def raw_topic(app: MemberApplication, name: str) -> Topic:
    """Return a topic to read: keys and values stay bytes, because decoding and its failures are ours.

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


def encoding_topic(app: MemberApplication, name: str, limits: RecordLimits | None = None) -> Topic:
    """Return a topic to write: it takes alerts, scores and dead letters as objects, and keys as bytes.

    Parameters
    ----------
    app
        The application.
    name
        The topic's name.
    limits
        The largest records of the topics; what is larger is shortened.
    """
    most = (limits or RecordLimits()).value_bytes(name)
    return app.topic(name, key_serializer="bytes", value_serializer=JsonValue(most))


class JsonValue(Serializer):
    """Writes a struct as JSON when it is produced, so that a pipeline's steps see the struct itself.

    Parameters
    ----------
    most
        Bytes of the largest value; see `encoded_within` for a larger one.

    Examples
    --------
    >>> JsonValue()({"a": 1})
    b'{"a":1}'
    """

    def __init__(self, most: int = USUAL) -> None:
        super().__init__()
        self._most = most

    def __call__(self, value: object, ctx: SerializationContext | None = None) -> bytes:
        """Return the value as JSON in UTF-8."""
        return encoded_within(value, self._most)
