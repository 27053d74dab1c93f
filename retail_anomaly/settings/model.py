"""The settings: one struct a section; each value has a type, a description and a default.

The parameters of a detector are defined in the detector's own file and nowhere else. So are their defaults:
`config.yaml` beside this file repeats them for readers, and a test compares the two.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from retail_anomaly.core.durations import Duration
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.receipts import NumberedBy
from retail_anomaly.core.trading_days import TradingDays
from retail_anomaly.detectors import Parameters
from retail_anomaly.rules import Rule, load_rules
from retail_anomaly.settings.case_settings import CaseSettings
from retail_anomaly.settings.detector_settings import DetectorSettings
from retail_anomaly.settings.notify_settings import NotifySettings
from retail_anomaly.settings.privacy_settings import PrivacySettings
from retail_anomaly.settings.rule_settings import RuleSettings
from retail_anomaly.settings.section import Section
from retail_anomaly.settings.store_parameters import laid_over
from retail_anomaly.settings.store_settings import StoreSettings
from retail_anomaly.settings.streamer_settings import StreamerSettings

_HOUR = 3_600_000


class SettingsError(UsageError, ValueError):
    """A setting is unknown, impossible or unreadable; the text names the setting and its source."""


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
            description="Settings by store id: its time zone, its group, its closed days and holidays, and "
            "what differs in its rules and detectors."
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
        for name, store in self.stores.items():
            if not isinstance(store, StoreSettings):
                raise SettingsError(
                    f"stores: {name}: expected StoreSettings, got {type(store).__name__}; `load_settings` "
                    "reads a file"
                )
            if "*" in name:
                raise ValueError(
                    f"stores: {name!r} is one store, not all of them: list each store. `time_zone` in a "
                    "mapping is the zone of a file's times for all stores"
                )
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
        """Return a store's time zone, by which its detectors decide.

        A store that `stores` does not list is in UTC, as in `Clocks`, which reads the times of files. The
        detectors get the zone through `Engine` as `StoreMemory.local`, a
        `retail_anomaly.core.local_time.LocalTime`, which decides its days and hours. Figures and pages get
        it as ``zones`` and show times in it, see `retail_anomaly.frames.shown_times`.
        """
        store = self.stores.get(store_id)
        return ZoneInfo(store.time_zone if store else "UTC")

    def trading_days(self, store_id: str) -> TradingDays:
        """Return the days on which a store is closed or trades less; of one not listed, none is known."""
        store = self.stores.get(store_id)
        return store.trading_days if store else TradingDays()

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
    >>> from retail_anomaly.detectors import REGISTRY
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
