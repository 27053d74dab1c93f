"""The clocks on the walls of the stores, for times that have no zone."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from retail_anomaly.core.local_time import WallClock, known_zone

NO_ZONES: Final[Mapping[str, str]] = MappingProxyType({})
"""The zones where nobody has named any."""
_UTC: Final = ZoneInfo("UTC")


class Clocks:
    """The clock of each store.

    Parameters
    ----------
    zones
        An IANA time zone for all stores, or one by store id; a store that is not named has UTC.

    Raises
    ------
    UsageError
        There is no such zone, or the id is ``*``, which is no store.

    Examples
    --------
    >>> Clocks({"s-1": "Europe/Berlin"}).of("s-1").zone.key, Clocks("Asia/Tokyo").only.zone.key
    ('Europe/Berlin', 'Asia/Tokyo')
    """

    def __init__(self, zones: Mapping[str, str] | str = NO_ZONES) -> None:
        self._clocks: dict[str, WallClock] = {}
        self._assumed = _AssumedClock(_UTC)
        self._default: WallClock = self._assumed
        self._of_store: dict[object, WallClock] = {}
        if isinstance(zones, str):
            self._default = self._of_zone(known_zone(zones))
        else:
            self._of_store |= {store: self._of_zone(known_zone(zone, store)) for store, zone in zones.items()}

    @property
    def only(self) -> WallClock | None:
        """The clock, if all stores have the same."""
        return None if self._of_store else self._default

    @property
    def notes(self) -> list[str]:
        """A sentence for a person, if a time without a zone was read whose store has none."""
        return [_ASSUMED] if self._assumed.was_asked else []

    def of(self, store_id: object) -> WallClock:
        """Return the clock of a store."""
        return self._of_store.get(store_id, self._default) if isinstance(store_id, str) else self._default

    def _of_zone(self, zone: str) -> WallClock:
        return self._clocks.setdefault(zone, WallClock(ZoneInfo(zone)))


_ASSUMED: Final = (
    "times without a zone were read as UTC: name it with `time_zone` in a mapping, or for each store with "
    "`stores: {ID: {time_zone: Europe/Berlin}}`"
)


class _AssumedClock(WallClock):
    """The clock of a store whose zone nobody has named: UTC."""

    was_asked = False

    def utc(self, local: int) -> int:
        """Return the same time."""
        self.was_asked = True
        return local

    def all_utc(self, local: Sequence[int | None]) -> Sequence[int | None]:
        """Return the same times."""
        self.was_asked = self.was_asked or any(time is not None for time in local)
        return local
