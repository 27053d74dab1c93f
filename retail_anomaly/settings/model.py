"""The settings: one struct a section; each value has a type, a description and a default.

The parameters of a detector are defined in the detector's own file and nowhere else. So are their defaults:
`config.yaml` beside this file repeats them for readers, and a test compares the two.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from retail_anomaly.cases import Calibration, Prior, ScoreCurve, packaged_calibration
from retail_anomaly.core.credentials import KAFKA_CREDENTIALS, has_credentials
from retail_anomaly.core.durations import Duration
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.receipts import NumberedBy
from retail_anomaly.detectors import REGISTRY, Parameters, own_detectors
from retail_anomaly.rules import Rule, load_rules
from retail_anomaly.rules.configured import ConfiguredRules
from retail_anomaly.settings.detector_settings import DetectorSettings
from retail_anomaly.settings.notify_settings import NotifySettings
from retail_anomaly.settings.privacy_settings import PrivacySettings, pseudonyms_of
from retail_anomaly.settings.rule_settings import RuleSettings, configured_rules
from retail_anomaly.settings.section import Section
from retail_anomaly.settings.store_parameters import OwnParameters, laid_over

_SECOND = 1_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


class SettingsError(UsageError, ValueError):
    """A setting is unknown, impossible or unreadable; the text names the setting and its source."""


class StoreSettings(Section, frozen=True):
    """The settings of one store.

    Examples
    --------
    >>> StoreSettings(time_zone="Europe/Berlin").time_zone
    'Europe/Berlin'
    """

    time_zone: Annotated[
        str, Meta(description="IANA name of the time zone that decides the store's day and hours.")
    ] = "UTC"
    group: Annotated[
        str,
        Meta(description="Stores of one group share the verdicts on their alerts: they order the cases."),
    ] = ""
    rules: Annotated[
        dict[str, Any],
        Meta(description="Keys to lay over a rule in this store, by its id: {no_sale_abuse: {window: 4h}}."),
    ] = msgspec.field(default_factory=dict)
    detectors: OwnParameters = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (ValueError, OSError, LookupError):
            raise ValueError(
                f"time_zone: expected an IANA name such as Europe/Berlin, got {self.time_zone!r}"
            ) from None


class CaseSettings(Section, frozen=True):
    """Cases, and the order in which people read them.

    Examples
    --------
    >>> CaseSettings().memory
    Duration('90d')
    """

    memory: Annotated[Duration, Meta(description="How long a case is remembered after its newest alert.")] = (
        Duration(90 * _DAY)
    )
    priors: Annotated[
        dict[str, Prior],
        Meta(
            description="Precision of a type of alert before anybody judged one, by type: as if `a` of "
            "`a` + `b` alerts had been confirmed. Without an entry: 1 of 5."
        ),
    ] = msgspec.field(default_factory=dict)
    confidence: Annotated[
        dict[str, ScoreCurve],
        Meta(
            description="Share of a detector's alerts that are right by their score, by detector, as "
            "`retail-anomaly calibrate` writes it. Without an entry: the packaged curve."
        ),
    ] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.require_positive("memory")

    @property
    def calibration(self) -> Calibration:
        """The packaged calibration with the curves of `confidence`."""
        return packaged_calibration().with_curves(self.confidence)


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


class Settings(Section, frozen=True):
    """All settings.

    Examples
    --------
    >>> Settings().detectors.refund_burst.window
    Duration('10m')
    >>> Settings(stores={"s-1": StoreSettings(time_zone="Europe/Paris")}).zone("s-1").key
    'Europe/Paris'
    """

    max_late: Annotated[
        Duration,
        Meta(description="How late an event may be, measured in its store, and still raise an alert."),
    ] = Duration(24 * _HOUR)
    max_ahead: Annotated[
        Duration,
        Meta(description="How far an event may be ahead of the broker's clock, on topics stamped at append."),
    ] = Duration(_HOUR)
    dedupe_memory: Annotated[Duration, Meta(description="How long a repeated event id is recognised.")] = (
        Duration(24 * _HOUR)
    )
    numbered_by: Annotated[
        NumberedBy,
        Meta(
            description="What a transaction number is unique within: the store; its register; or that "
            "register's business day."
        ),
    ] = "store"
    void_memory: Annotated[Duration, Meta(description="How long a receipt can be taken back.")] = Duration(
        24 * _HOUR
    )
    min_confidence: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Alerts of a lower confidence go to the shadow. Alerts of detectors without a curve, "
            "such as rules, do not.",
        ),
    ] = 0.0
    stores: Annotated[
        dict[str, StoreSettings],
        Meta(
            description="Settings by store id: its time zone, its group, and what differs in its rules and "
            "detectors."
        ),
    ] = msgspec.field(default_factory=dict)
    cases: CaseSettings = msgspec.field(default_factory=CaseSettings)
    detectors: DetectorSettings = msgspec.field(default_factory=DetectorSettings)
    rules: RuleSettings = msgspec.field(default_factory=RuleSettings)
    notify: NotifySettings = msgspec.field(default_factory=NotifySettings)
    privacy: PrivacySettings = msgspec.field(default_factory=PrivacySettings)
    streamer: StreamerSettings = msgspec.field(default_factory=StreamerSettings)

    def __post_init__(self) -> None:
        self.require_positive("max_late", "max_ahead", "dedupe_memory", "void_memory")
        for name in self.stores:
            self.parameters(name)
        if self.streamer.rekey and self.privacy.pseudonyms != "none":
            raise ValueError(
                "streamer.rekey: with `privacy.pseudonyms` the records would pass one more topic as the "
                "producers sent them, with the ids: have the producers set the key to storeId"
            )

    @property
    def zones(self) -> dict[str, str]:
        """The time zone of each store that `stores` lists, by its id."""
        return {name: store.time_zone for name, store in self.stores.items()}

    def zone(self, store_id: str) -> ZoneInfo:
        """Return a store's time zone: the one place where it is chosen.

        A store that `stores` does not list is in UTC. The detectors get the zone through `Engine` as
        `StoreMemory.local`, a `retail_anomaly.core.local_time.LocalTime`, which decides its days and hours.
        Figures and pages get it as ``zones`` and show times in it, see `retail_anomaly.frames.shown_times`.
        """
        store = self.stores.get(store_id)
        return ZoneInfo(store.time_zone if store else "UTC")

    def parameters(self, store_id: str) -> dict[str, Parameters]:
        """Return the parameters that a store has of its own: by detector all of them, where one differs.

        Examples
        --------
        >>> settings = Settings(stores={"s-1": StoreSettings(detectors={"refund_burst": {"amount": 50}})})
        >>> settings.parameters("s-1")["refund_burst"].amount, settings.parameters("s-2")
        (50.0, {})
        """
        store = self.stores.get(store_id)
        if store is None or not store.detectors:
            return {}
        try:
            return laid_over(self.detectors, store.detectors)
        except ValueError as error:
            raise ValueError(f"stores: {store_id}.detectors.{error}") from None

    def group(self, store_id: str) -> str:
        """Return a store's group; a store that `stores` does not list is in the group without a name."""
        store = self.stores.get(store_id)
        return store.group if store else ""


def with_parameters(settings: Settings, parameters: Mapping[str, Parameters]) -> Settings:
    """Return settings in which some detectors have other parameters.

    Parameters
    ----------
    settings
        The settings, which stay as they are.
    parameters
        The new parameters by the name of the detector.

    Examples
    --------
    >>> burst = REGISTRY["refund_burst"].Parameters(count=4)
    >>> with_parameters(Settings(), {"refund_burst": burst}).detectors.refund_burst.count
    4
    """
    return msgspec.structs.replace(settings, detectors=settings.detectors.replaced(parameters))


def with_rules(settings: Settings, rules: Iterable[Rule | str | Path | Mapping[str, Any]]) -> Settings:
    """Return settings with further declarative rules.

    Parameters
    ----------
    settings
        The settings, which stay as they are.
    rules
        Rules, files and folders with rules, or mappings.

    Raises
    ------
    RuleError
        A file can't be read.

    Examples
    --------
    >>> counted = {"id": "a", "events": {"e": {"eventType": "NO_SALE"}}, "window": "1h",
    ...     "when": {"count": "e", "gte": 2}}
    >>> len(with_rules(Settings(), [counted]).rules.inline)
    1
    """
    added = [
        rule
        for given in rules
        for rule in (
            [given.written]
            if isinstance(given, Rule)
            else [dict(given)]
            if isinstance(given, Mapping)
            else [each.written for each in load_rules([given])]
        )
    ]
    section = msgspec.structs.replace(settings.rules, inline=(*settings.rules.inline, *added))
    return msgspec.structs.replace(settings, rules=section) if added else settings


def rules_of_settings(settings: Settings, only: Sequence[str] | None = None) -> ConfiguredRules:
    """Load the declarative rules of the settings.

    Parameters
    ----------
    settings, only
        As for `build_engine`.

    Raises
    ------
    RuleError
        A rule is wrong.

    Examples
    --------
    >>> list(rules_of_settings(Settings(rules=RuleSettings(packs=("pos",)))).everywhere)[:2]
    ['after_hours', 'card_velocity']
    """
    own = {name: store.rules for name, store in settings.stores.items()}
    return configured_rules(settings.rules, own, settings.max_late, only)


def build_engine(
    settings: Settings, only: Sequence[str] | None = None, *, nobody: Collection[str] = ()
) -> Engine:
    """Build the engine that the settings describe.

    Parameters
    ----------
    settings
        The settings.
    only
        Names of the detectors to run, enabled or not. None: all enabled ones, among them those that were
        registered in this process.
    nobody
        Cashiers that stand for nobody, as a mapping fills them in.

    Returns
    -------
    Engine
        The engine; its detectors are in the order of the registry, followed by those registered in this
        process.

    Raises
    ------
    SettingsError
        There is no detector of a name, or none is enabled.
    KeyMissingError
        The settings ask for pseudonyms, and the environment has no key.

    Examples
    --------
    >>> [detector.name for detector in build_engine(Settings(), ["refund_burst"]).detectors]
    ['refund_burst']
    """
    calibration, least = settings.cases.calibration, settings.min_confidence
    known = {**REGISTRY, **{name: detector for name, (detector, _) in own_detectors().items()}}
    rules = rules_of_settings(settings, only)
    everywhere = rules.detectors((rule, 0) for rule in rules.everywhere.values())
    known |= {rule.name: type(rule) for rule in everywhere}
    for name in only or ():
        if name not in known:
            raise SettingsError(f"unknown detector {name!r}; the detectors are {', '.join(known)}")
    detectors = {
        name: known[name](parameters, max_late=settings.max_late)
        for name, parameters in settings.detectors.items()
    }

    pseudonyms = pseudonyms_of(settings.privacy, nobody=nobody)
    own_rules = {
        store: rules.detectors((rule, 0) for rule in own.values()) for store, own in rules.by_store.items()
    }

    def engine(own: Mapping[str, Parameters], in_stores: Mapping[str, Engine]) -> Engine:
        running = [
            known[name](own[name], max_late=settings.max_late) if name in own else detector
            for name, detector in detectors.items()
            if (own.get(name, detector.parameters).enabled if only is None else name in only)
        ]
        return Engine(
            [*running, *everywhere],
            own_rules=own_rules,
            in_stores=in_stores,
            max_late=settings.max_late,
            dedupe_memory=settings.dedupe_memory,
            zone=settings.zone,
            numbered_by=settings.numbered_by,
            void_memory=settings.void_memory,
            max_ahead=settings.max_ahead,
            nobody=nobody,
            pseudonyms=pseudonyms,
            is_sure=partial(calibration.is_sure, least=least) if least > 0 else None,
        )

    # Stores with the same parameters share their engine.
    engines: dict[str, Engine] = {}
    in_stores: dict[str, Engine] = {}
    for store in settings.stores:
        if own := settings.parameters(store):
            key = repr(own)
            if key not in engines:
                engines[key] = engine(own, {})
            in_stores[store] = engines[key]
    found = engine({}, in_stores)
    if not found.all_detectors and not rules.by_store:
        raise SettingsError(f"no detector is enabled; the detectors are {', '.join(known)}")
    return found
