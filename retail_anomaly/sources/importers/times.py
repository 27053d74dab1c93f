"""Times of an export as epoch milliseconds."""

from datetime import MAXYEAR, MINYEAR, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from retail_anomaly.sources.date_forms import iso_moment


class Moment(NamedTuple):
    """A time that was read.

    Parameters
    ----------
    time
        Epoch milliseconds.
    zoned
        Whether the export gave its offset from UTC.
    zone
        The store's zone.
    """

    time: int
    zoned: bool
    zone: ZoneInfo

    @property
    def date(self) -> str:
        """Its date in the store's zone, ``YYYY-MM-DD``."""
        return datetime.fromtimestamp(self.time / 1000, self.zone).date().isoformat()


def read_moment(text: str, zone: ZoneInfo) -> Moment | None:
    """Return a time in ISO 8601, or None. A time without a zone is the store's.

    Parameters
    ----------
    text
        The time, such as ``2026-03-02T10:15:00+01:00``.
    zone
        The store's zone. Of an hour that a clock shows twice, the first is meant.

    Examples
    --------
    >>> berlin = ZoneInfo("Europe/Berlin")
    >>> moment = read_moment("2026-03-02T10:15:00", berlin)
    >>> moment.time, moment.zoned
    (1772442900000, False)
    >>> read_moment("2026-03-02T23:30:00Z", berlin).date
    '2026-03-03'
    >>> read_moment("noon", berlin)
    >>> read_moment("2026-03-02+01:00", berlin).time, read_moment("2026-03-02-05:00", berlin)
    (1772406000000, None)
    """
    try:
        moment = iso_moment(text)
        if moment is None:
            return None
        zoned = moment.tzinfo is not None
        if not zoned:
            moment = moment.replace(tzinfo=zone)
        # Half a millisecond is added because a float below a whole one would lose it.
        time = int(moment.timestamp() * 1000 + 0.5)
        # The first and the last days of the calendar have no date in every zone.
        return Moment(time, zoned, zone) if MINYEAR < moment.year < MAXYEAR else None
    except (ValueError, OverflowError):
        return None
