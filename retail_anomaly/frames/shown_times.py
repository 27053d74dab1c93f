"""Times as the clock of a store shows them, for figures and pages.

The zones come from `stores:` in the settings; `Settings.zone` in `retail_anomaly/settings/model.py` chooses.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import pandas as pd

from retail_anomaly.core.local_time import known_zone

Zones: TypeAlias = str | Mapping[str, str]
"""An IANA time zone for all stores, or one by store id; a store that is not named has UTC."""


def zone_of(store_id: str, zones: Zones = "UTC") -> str:
    """Return the time zone of a store.

    Examples
    --------
    >>> zone_of("store-2", {"store-1": "Europe/Berlin"})
    'UTC'
    """
    if isinstance(zones, str):
        return known_zone(zones)
    if "*" in zones:
        known_zone(zones["*"], "*")
    return known_zone(zones.get(store_id, "UTC"), store_id)


def common_zone(stores: Iterable[str], zones: Zones = "UTC") -> str:
    """Return the time zone that all these stores have, or UTC where they differ.

    Examples
    --------
    >>> common_zone(["a"], {"a": "Europe/Berlin"}), common_zone(["a", "b"], {"a": "Europe/Berlin"})
    ('Europe/Berlin', 'UTC')
    """
    found = {zone_of(store, zones) for store in stores}
    return found.pop() if len(found) == 1 else "UTC"


def local_text(time: pd.Timestamp, zone: str) -> str:
    """Return a time as the clock of the store shows it, with its zone.

    Examples
    --------
    >>> local_text(pd.Timestamp("2025-07-01T10:00:00Z"), "Europe/Berlin")
    '2025-07-01 12:00:00 CEST'
    """
    return f"{time.tz_convert(zone):%Y-%m-%d %H:%M:%S %Z}"


def day_text(time: pd.Timestamp) -> str:
    """Return a day as words.

    Examples
    --------
    >>> day_text(pd.Timestamp("2025-03-03"))
    'Monday 3 March 2025'
    """
    return f"{time:%A} {time.day} {time:%B %Y}"
