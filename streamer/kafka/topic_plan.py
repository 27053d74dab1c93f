"""The plan for the topics, and the report on a topic that was compared with it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from retail_anomaly.core.events import ALERTS, DEAD_LETTERS, INPUT_TOPICS, POS_EVENTS
from retail_anomaly.settings import Settings, SettingsError

STORE_METRICS: Final = "store-metrics"
TICKS: Final = "store-ticks"
RULES: Final = "retail-rules"
SCORES: Final = "anomaly-scores"
ENRICHED: Final = "enriched-pos-events"
SHADOW_ALERTS: Final = "shadow-alerts"
RETURNS: Final = "store-returns"
ALERT_ACTIONS: Final = "alert-actions"
ALERT_CASES: Final = "alert-cases"
NOTIFY_TICKS: Final = "notify-ticks"
AUDIT: Final = "retail-audit"
TOPICS: Final = (
    *INPUT_TOPICS,
    ALERTS,
    SHADOW_ALERTS,
    DEAD_LETTERS,
    STORE_METRICS,
    TICKS,
    RULES,
    ALERT_ACTIONS,
    ALERT_CASES,
)
# Read side by side, so the topics of one process all have the same number of partitions: by `run` ...
ALIGNED: Final = (*INPUT_TOPICS, TICKS, RULES)
# ... by `triage`, by `notify`, and by `returns`.
TRIAGED: Final = (ALERTS, ALERT_ACTIONS)
NOTIFIED: Final = (ALERTS, ALERT_ACTIONS, NOTIFY_TICKS)
RETURNED: Final = (POS_EVENTS, RETURNS)
TIMESTAMPS: Final = "message.timestamp.type"


@dataclass(frozen=True)
class TopicNames:
    """The names that the topics have in Kafka: one prefix for all of them.

    The code calls a topic by its plain name; Kafka, a dead letter's place, the log and the metrics have the
    name with the prefix.

    Parameters
    ----------
    prefix
        Stands before each name, as it is: with ``shops.`` the alerts are in ``shops.anomaly-alerts``.

    Examples
    --------
    >>> names = TopicNames("shops.")
    >>> names.of("pos-events"), names.all(["store-ticks"]), names.plain("shops.pos-events")
    ('shops.pos-events', ('shops.store-ticks',), 'pos-events')
    """

    prefix: str = ""

    @classmethod
    def of_settings(cls, settings: Settings) -> Self:
        """Return the names under the prefix of the settings."""
        return cls(settings.streamer.topic_prefix)

    def of(self, topic: str) -> str:
        """Return a topic's name in Kafka."""
        return self.prefix + topic

    def all(self, topics: Iterable[str]) -> tuple[str, ...]:
        """Return the names of topics in Kafka."""
        return tuple(map(self.of, topics))

    def plain(self, name: str) -> str:
        """Return the plain name of a topic that is called so in Kafka."""
        return name.removeprefix(self.prefix)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The topics that events come in."""
        return self.all(INPUT_TOPICS)

    @property
    def aligned(self) -> tuple[str, ...]:
        """The topics that `run` reads side by side."""
        return self.all(ALIGNED)

    @property
    def triaged(self) -> tuple[str, ...]:
        """The topics that `triage` reads side by side."""
        return self.all(TRIAGED)

    @property
    def notified(self) -> tuple[str, ...]:
        """The topics that `notify` reads side by side."""
        return self.all(NOTIFIED)

    @property
    def returned(self) -> tuple[str, ...]:
        """The topics that `returns` reads side by side."""
        return self.all(RETURNED)

    @property
    def together(self) -> tuple[tuple[str, ...], ...]:
        """The topics that are read side by side, by process: they have equal numbers of partitions."""
        return self.aligned, self.triaged, self.notified, self.returned


UNPREFIXED: Final = TopicNames()
"""The names of a Kafka that has no other user."""


def topics_of(settings: Settings) -> tuple[str, ...]:
    """Return the names of the settings' topics: scores, enriched events and the like only where wanted.

    Examples
    --------
    >>> SCORES in topics_of(Settings())
    False
    """
    returns = (RETURNS,) if settings.streamer.returns else ()
    notify = (NOTIFY_TICKS,) if settings.notify.routes else ()
    audit = (AUDIT,) if settings.privacy.audit else ()
    wanted = (*extra_outputs(settings), *returns, *notify, *audit)
    return TopicNames.of_settings(settings).all((*TOPICS, *wanted))


def extra_outputs(settings: Settings) -> tuple[str, ...]:
    """Return the plain names of the topics that are written only where they are wanted.

    Examples
    --------
    >>> extra_outputs(Settings())
    ()
    """
    streamer = settings.streamer
    wanted = {SCORES: streamer.scores, ENRICHED: streamer.enriched}
    return tuple(name for name, is_wanted in wanted.items() if is_wanted)


@dataclass(frozen=True)
class TopicPlan:
    """Partitions, replication and retention of the topics.

    Parameters
    ----------
    partitions
        Partitions per topic.
    replication_factor
        Copies per partition; -1: the broker's default.
    retention
        Milliseconds for which records are kept. Record timestamps are event times, so the retention must be
        longer than the oldest history that a producer sends.
    names
        The topics' names in Kafka.
    retention_of
        By plain name, the retention of a topic that differs.

    Examples
    --------
    >>> TopicPlan(6, 1, 2_592_000_000).config("pos-events")["retention.ms"]
    '2592000000'
    """

    partitions: int
    replication_factor: int
    retention: int
    names: TopicNames = field(default_factory=TopicNames)
    retention_of: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the plan of the settings.

        Raises
        ------
        SettingsError
            A topic whose retention is set is none, or is kept for ever.
        """
        topics = settings.streamer.topics
        names = TopicNames.of_settings(settings)
        known = [name for name in (*TOPICS, SCORES, ENRICHED, RETURNS, NOTIFY_TICKS) if name != RULES]
        for name in topics.retention_of:
            if name not in known:
                raise SettingsError(
                    f"streamer.topics.retention_of.{name}: expected one of {', '.join(known)}"
                )
        return cls(topics.partitions, topics.replication_factor, topics.retention, names, topics.retention_of)

    def config(self, name: str) -> dict[str, str]:
        """Return the configuration of a topic of this name, in Kafka's words."""
        plain = self.names.plain(name)
        # Without the first change of a rule the others could not be repeated, nor a chain be checked.
        kept = -1 if plain in (RULES, AUDIT) else int(self.retention_of.get(plain, self.retention))
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(kept),
            TIMESTAMPS: "CreateTime",
        }


@dataclass(frozen=True)
class TopicReport:
    """A topic as it is, compared with the plan.

    Parameters
    ----------
    name
        The topic.
    partitions
        Its partitions; None if the topic is missing.
    created
        Whether it was created just now.
    differences
        One text for each setting that differs from the plan.
    unchecked
        The reason why its configuration could not be read, if it could not.
    stamped_at_append
        Whether the broker sets the timestamps of its records.

    Examples
    --------
    >>> print(TopicReport("pos-events", 6))
    pos-events: fine, 6 partitions
    >>> print(TopicReport("pos-events", None))
    pos-events: missing, or hidden from this user
    """

    name: str
    partitions: int | None
    created: bool = False
    differences: tuple[str, ...] = ()
    unchecked: str | None = None
    stamped_at_append: bool = False

    @property
    def fine(self) -> bool:
        """Whether the topic is there and no difference is known."""
        return self.partitions is not None and not self.differences

    def __str__(self) -> str:
        if self.partitions is None:
            return f"{self.name}: missing, or hidden from this user"
        if self.differences:
            return f"{self.name}: differs: {'; '.join(self.differences)}"
        said = "created" if self.created else "fine"
        note = f" ({self.unchecked})" if self.unchecked else ""
        return f"{self.name}: {said}, {count(self.partitions)}{note}"


def count(partitions: int) -> str:
    """Return a number of partitions in words.

    Examples
    --------
    >>> count(1), count(12)
    ('1 partition', '12 partitions')
    """
    return f"{partitions} partition{'' if partitions == 1 else 's'}"
