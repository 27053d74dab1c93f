"""The settings of one store, an entry of `stores`."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

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
