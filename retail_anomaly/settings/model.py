"""The settings: one struct a section; each value has a type, a description and a default.

The parameters of a detector are defined in the detector's own file and nowhere else.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from retail_anomaly.core.durations import Duration
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.markup import html_table
from retail_anomaly.detectors import REGISTRY, Parameters, own_detectors
from retail_anomaly.settings.detector_settings import DetectorSettings

_SECOND = 1_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


class SettingsError(UsageError, ValueError):
    """A setting is unknown, impossible or unreadable; the text names the setting and the layer that gave it."""


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    def _require_positive(self, *names: str) -> None:
        for name in names:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: expected a duration above 0")

    def _repr_html_(self) -> str:
        """Show every value, and the default beside those that differ."""
        defaults = flatten(type(self)())
        rows = [
            (path, str(value), "" if value == defaults.get(path) else str(defaults.get(path, "")))
            for path, value in flatten(self).items()
        ]
        return html_table(rows, ["key", "value", "default, where it differs"])


class StoreSettings(_Section, frozen=True):
    """What is particular to one store.

    Examples
    --------
    >>> StoreSettings(time_zone="Europe/Berlin").time_zone
    'Europe/Berlin'
    """

    time_zone: Annotated[
        str, Meta(description="IANA name of the time zone that decides the store's day and hours.")
    ] = "UTC"

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (ValueError, OSError, LookupError):
            raise ValueError(
                f"time_zone: expected an IANA name such as Europe/Berlin, got {self.time_zone!r}"
            ) from None


class TopicSettings(_Section, frozen=True):
    """How topics are made.

    Examples
    --------
    >>> TopicSettings().partitions
    12
    """

    partitions: Annotated[int, Meta(ge=1, description="Of each input topic, the same for all.")] = 12
    replication_factor: Annotated[
        int, Meta(ge=1, description="Copies of each partition; 3 on a cluster that must not lose any.")
    ] = 1
    retention: Annotated[
        Duration,
        Meta(
            description="How long records are kept. Their timestamps are event times: shorter than "
            "the history that is sent, and it expires on arrival."
        ),
    ] = Duration(3650 * _DAY)

    def __post_init__(self) -> None:
        self._require_positive("retention")


class SinkSettings(_Section, frozen=True):
    """How alerts are written to InfluxDB; which one, the environment says.

    Examples
    --------
    >>> SinkSettings().interval
    Duration('500ms')
    """

    interval: Annotated[Duration, Meta(description="Time between two writes.")] = Duration(_SECOND // 2)
    batch: Annotated[int, Meta(ge=1, le=50_000, description="Most records in one write.")] = 5_000
    timeout: Annotated[Duration, Meta(description="How long a write may take, up to 30 s.")] = Duration(
        10 * _SECOND
    )

    def __post_init__(self) -> None:
        self._require_positive("interval", "timeout")
        # The group gives a process up that does not ask for records for five minutes.
        for name, most in (("interval", _MINUTE), ("timeout", _MINUTE // 2)):
            if getattr(self, name) > most:
                raise ValueError(f"{name}: expected at most {Duration(most)}")


class StreamerSettings(_Section, frozen=True):
    """The streamer's own settings.

    Examples
    --------
    >>> StreamerSettings().commit_interval
    Duration('5s')
    """

    broker: Annotated[
        str, Meta(min_length=1, description="Kafka: host:port, several separated by commas.")
    ] = "localhost:9092"
    consumer_group: Annotated[
        str, Meta(min_length=1, description="Streamers of one group share the stores.")
    ] = "retail-anomaly"
    processing_guarantee: Annotated[
        Literal["at-least-once", "exactly-once"],
        Meta(
            description="With exactly-once alerts wait for the next commit; with at-least-once a "
            "crash may repeat alerts, with equal ids."
        ),
    ] = "at-least-once"
    commit_interval: Annotated[
        Duration, Meta(description="Time between two checkpoints of offsets and state.")
    ] = Duration(5 * _SECOND)
    session_timeout: Annotated[
        Duration, Meta(description="How long the stores of a crashed process wait before another takes over.")
    ] = Duration(15 * _SECOND)
    tick_interval: Annotated[
        Duration, Meta(description="Time between two ticks, which let time pass in silent stores.")
    ] = Duration(30 * _SECOND)
    rekey: Annotated[bool, Meta(description="Accept messages whose key is not their store, at a price.")] = (
        False
    )
    manage_topics: Annotated[
        bool, Meta(description="Make missing topics; off on clusters where others do that.")
    ] = True
    state_dir: Annotated[
        str, Meta(min_length=1, description="Folder of the local state; it may be lost.")
    ] = "state"
    store_metrics_window: Annotated[
        Duration, Meta(description="Interval over which a store's sales and refunds are summed up.")
    ] = Duration(5 * _MINUTE)
    scores: Annotated[
        bool, Meta(description="Write what the models think of every interval to anomaly-scores.")
    ] = False
    metrics_port: Annotated[
        int,
        Meta(ge=0, le=65_535, description="Port of /metrics, /healthz and /readyz; 0 serves none."),
    ] = 0
    metrics_address: Annotated[
        str, Meta(min_length=1, description="Address of that port; 0.0.0.0 is reached from other machines.")
    ] = "127.0.0.1"
    sink: SinkSettings = msgspec.field(default_factory=SinkSettings)
    topics: TopicSettings = msgspec.field(default_factory=TopicSettings)

    def __post_init__(self) -> None:
        self._require_positive("session_timeout", "store_metrics_window", "tick_interval")


class Settings(_Section, frozen=True):
    """Everything that can be set.

    Examples
    --------
    >>> Settings().detectors.refund_burst.window
    Duration('10m')
    >>> Settings(stores={"s-1": StoreSettings(time_zone="Europe/Paris")}).zone("s-1").key
    'Europe/Paris'
    """

    max_late: Annotated[
        Duration, Meta(description="How late an event may be, in its store, and still alert.")
    ] = Duration(24 * _HOUR)
    max_ahead: Annotated[
        Duration,
        Meta(description="How far an event may be ahead of the broker's clock, where it has one."),
    ] = Duration(_HOUR)
    dedupe_memory: Annotated[
        Duration, Meta(description="For how long a repeated event id is recognised.")
    ] = Duration(24 * _HOUR)
    stores: Annotated[
        dict[str, StoreSettings], Meta(description="By store id; a store need not be listed.")
    ] = msgspec.field(default_factory=dict)
    detectors: DetectorSettings = msgspec.field(default_factory=DetectorSettings)
    streamer: StreamerSettings = msgspec.field(default_factory=StreamerSettings)

    def __post_init__(self) -> None:
        self._require_positive("max_late", "max_ahead", "dedupe_memory")

    def zone(self, store_id: str) -> ZoneInfo:
        """Return a store's time zone."""
        store = self.stores.get(store_id)
        return ZoneInfo(store.time_zone if store else "UTC")


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


def build_engine(settings: Settings, only: Sequence[str] | None = None) -> Engine:
    """Make the engine that the settings describe.

    Parameters
    ----------
    settings
        The settings.
    only
        Names of detectors: these run and no others, whether the settings enable them or not.
        None: all that are enabled, and those that were registered in this process.

    Returns
    -------
    Engine
        Ready to process; its detectors are in the registry's order, those of this process behind them.

    Raises
    ------
    SettingsError
        A name is no detector's, or no detector is left.

    Examples
    --------
    >>> [detector.name for detector in build_engine(Settings(), ["refund_burst"]).detectors]
    ['refund_burst']
    """
    known = {**REGISTRY, **{name: detector for name, (detector, _) in own_detectors().items()}}
    for name in only or ():
        if name not in known:
            raise SettingsError(f"unknown detector {name!r}; the detectors are {', '.join(known)}")
    detectors = [
        known[name](parameters, max_late=settings.max_late)
        for name, parameters in settings.detectors.items()
        if (parameters.enabled if only is None else name in only)
    ]
    if not detectors:
        raise SettingsError(f"no detector is enabled; the detectors are {', '.join(known)}")
    return Engine(
        detectors,
        max_late=settings.max_late,
        dedupe_memory=settings.dedupe_memory,
        zone=settings.zone,
    )


def flatten(section: msgspec.Struct, prefix: str = "") -> dict[str, Any]:
    """Return every value by its dotted path.

    Examples
    --------
    >>> flatten(Settings())["detectors.refund_burst.count"]
    3
    """
    found: dict[str, Any] = {}
    for name in section.__struct_fields__:
        value, path = getattr(section, name), f"{prefix}{name}"
        parts = value if isinstance(value, Mapping) and value else {"": value}
        for key, part in parts.items():
            part_path = f"{path}.{key}" if key else path
            if isinstance(part, msgspec.Struct):
                found |= flatten(part, f"{part_path}.")
            else:
                found[part_path] = part
    return found
