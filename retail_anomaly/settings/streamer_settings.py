"""The section `streamer`, with its sections `sink` and `topics`."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from retail_anomaly.core.credentials import KAFKA_CREDENTIALS, has_credentials
from retail_anomaly.core.durations import Duration
from retail_anomaly.settings.section import Section

_SECOND = 1_000
_MINUTE = 60 * _SECOND
_DAY = 24 * 60 * _MINUTE


class TopicSettings(Section, frozen=True):
    """The topics that the streamer creates.

    Examples
    --------
    >>> TopicSettings().partitions
    12
    """

    partitions: Annotated[
        int, Meta(ge=1, description="Partitions per input topic; all input topics have the same number.")
    ] = 12
    replication_factor: Annotated[
        int,
        Meta(ge=1, description="Copies of each partition. Use 3 on a cluster that must not lose a record."),
    ] = 1
    retention: Annotated[
        Duration,
        Meta(
            description="How long records are kept. Record timestamps are event times, so history "
            "that is older than this expires on arrival."
        ),
    ] = Duration(3650 * _DAY)
    retention_of: Annotated[
        dict[str, Duration],
        Meta(description="How long the records of single topics are kept: {anomaly-alerts: 180d}."),
    ] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.require_positive("retention")
        for name, kept in self.retention_of.items():
            if kept <= 0:
                raise ValueError(f"retention_of: {name}: expected a duration above 0")


class SinkSettings(Section, frozen=True):
    """Writing to InfluxDB; its address and token come from environment variables.

    Examples
    --------
    >>> SinkSettings().interval
    Duration('500ms')
    """

    interval: Annotated[Duration, Meta(description="Time between two writes.")] = Duration(_SECOND // 2)
    batch: Annotated[int, Meta(ge=1, le=50_000, description="Maximum number of records in one write.")] = (
        5_000
    )
    timeout: Annotated[Duration, Meta(description="How long a write may take, up to 30 s.")] = Duration(
        10 * _SECOND
    )

    def __post_init__(self) -> None:
        self.require_positive("interval", "timeout")
        # Kafka expels a process from its group that polls no records for five minutes.
        for name, most in (("interval", _MINUTE), ("timeout", _MINUTE // 2)):
            if getattr(self, name) > most:
                raise ValueError(f"{name}: expected at most {Duration(most)}")


class StreamerSettings(Section, frozen=True):
    """The streamer's own settings.

    Examples
    --------
    >>> StreamerSettings().commit_interval
    Duration('5s')
    """

    broker: Annotated[
        str, Meta(min_length=1, description="Kafka brokers, as host:port; separate several by commas.")
    ] = "localhost:9092"
    consumer_group: Annotated[
        str, Meta(min_length=1, description="Consumer group; the streamers of one group share the stores.")
    ] = "retail-anomaly"
    processing_guarantee: Annotated[
        Literal["at-least-once", "exactly-once"],
        Meta(
            description="at-least-once: alerts are sent at once, and a crash can repeat some with the same "
            "ids. exactly-once: alerts wait for the next commit."
        ),
    ] = "at-least-once"
    commit_interval: Annotated[
        Duration, Meta(description="Time between two checkpoints of offsets and state.")
    ] = Duration(5 * _SECOND)
    session_timeout: Annotated[
        Duration,
        Meta(description="How long Kafka waits for a crashed process before another takes its stores over."),
    ] = Duration(15 * _SECOND)
    instance_id: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9._-]{0,100}$",
            description="Name of this process in its consumer group, another for each process and the same "
            "after a restart. A process with a name keeps its stores while it restarts, for session_timeout; "
            "without one, they move to the others and back.",
        ),
    ] = ""
    tick_interval: Annotated[
        Duration,
        Meta(description="Time between two ticks. A tick lets time pass in stores that send no events."),
    ] = Duration(30 * _SECOND)
    rekey: Annotated[
        bool,
        Meta(
            description="Accept messages whose key is not their storeId. Each passes through one more topic."
        ),
    ] = False
    wrong_partition: Annotated[
        Literal["dead-letter", "warn"],
        Meta(
            description="A record in another partition than Kafka's partitioner gives its key, so that its "
            "store's events may not meet. dead-letter: it goes to dead-letters. warn: it is processed, "
            "counted and logged once."
        ),
    ] = "dead-letter"
    topic_prefix: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9._-]{0,100}$",
            description="Stands before the name of each topic in Kafka. shops. makes the alerts' topic "
            "shops.anomaly-alerts.",
        ),
    ] = ""
    manage_topics: Annotated[
        bool, Meta(description="Create missing topics. Turn it off if somebody else creates your topics.")
    ] = True
    state_dir: Annotated[
        str,
        Meta(
            min_length=1,
            description="Folder of the local state. You can delete it: it is rebuilt from Kafka.",
        ),
    ] = "state"
    store_metrics_window: Annotated[
        Duration, Meta(description="Interval for which the metrics sum up a store's sales and refunds.")
    ] = Duration(5 * _MINUTE)
    scores: Annotated[
        bool, Meta(description="Write the models' score of every interval to the topic anomaly-scores.")
    ] = False
    enriched: Annotated[
        bool,
        Meta(description="Write each POS event with shift, receipt and local time to enriched-pos-events."),
    ] = False
    returns: Annotated[
        bool,
        Meta(
            description="Have the topic store-returns, for the process that follows refunds to other stores."
        ),
    ] = False
    metrics_port: Annotated[
        int,
        Meta(ge=0, le=65_535, description="Port of /metrics, /healthz and /readyz. 0: serve none of them."),
    ] = 0
    metrics_address: Annotated[
        str,
        Meta(min_length=1, description="Address of that port. Use 0.0.0.0 to reach it from other machines."),
    ] = "127.0.0.1"
    sink: SinkSettings = msgspec.field(default_factory=SinkSettings)
    topics: TopicSettings = msgspec.field(default_factory=TopicSettings)

    def __post_init__(self) -> None:
        self.require_positive("session_timeout", "store_metrics_window", "tick_interval")
        if has_credentials(self.broker):
            raise ValueError(f"broker: {KAFKA_CREDENTIALS}")
