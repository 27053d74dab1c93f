"""The clocks on the walls of the stores, for times that have no zone."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from retail_anomaly.core.local_time import WallClock


class Clocks:
    """The clock of each store.

    Parameters
    ----------
    zones
        An IANA time zone for all stores, or one by store id; a store that is not named has UTC.

    Examples
    --------
    >>> Clocks({"s-1": "Europe/Berlin"}).of("s-1").zone.key, Clocks("Asia/Tokyo").only.zone.key
    ('Europe/Berlin', 'Asia/Tokyo')
    """

    def __init__(self, zones: Mapping[str, str] | str = "UTC") -> None:
        self._zones = {} if isinstance(zones, str) else dict(zones)
        self._default = zones if isinstance(zones, str) else "UTC"
        self._clocks: dict[str, WallClock] = {}

    @property
    def only(self) -> WallClock | None:
        """The clock, if all stores have the same."""
        return None if set(self._zones.values()) - {self._default} else self.of("")

    def of(self, store_id: object) -> WallClock:
        """Return the clock of a store."""
        zone = self._zones.get(store_id, self._default) if isinstance(store_id, str) else self._default
        clock = self._clocks.get(zone)
        if clock is None:
            clock = self._clocks[zone] = WallClock(ZoneInfo(zone))
        return clock
