"""The settings of one store, an entry of `stores`."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from retail_anomaly.core.trading_days import TradingDays
from retail_anomaly.settings.listed_days import ListedDays
from retail_anomaly.settings.section import Section
from retail_anomaly.settings.store_parameters import OwnParameters


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
    closed: Annotated[
        tuple[str, ...],
        Meta(
            description="Days on which the store is closed: [2026-01-06, 2026-12-24/2026-12-26, DE-BY]. A "
            "region stands for its public holidays."
        ),
    ] = ()
    holidays: Annotated[
        tuple[str, ...],
        Meta(description="Holidays on which the store trades less than usual, written in the same way."),
    ] = ()
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
        for name in ("closed", "holidays"):
            try:
                ListedDays(getattr(self, name))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None

    @property
    def trading_days(self) -> TradingDays:
        """The days on which the store is closed, and the holidays on which it trades."""
        return TradingDays(ListedDays(self.closed).__contains__, ListedDays(self.holidays).__contains__)
