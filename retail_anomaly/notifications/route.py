"""A route: which alerts somebody is told of, and when."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.severity import SEVERITIES
from retail_anomaly.notifications.hours import ANY_TIME, Per, WeekHours

Service: TypeAlias = Literal["webhook", "slack", "teams", "email", "pagerduty"]
Revisions: TypeAlias = Literal["worse", "all", "none"]
_DAY = 86_400_000


@dataclass(frozen=True, kw_only=True)
class Route:
    """Whom to tell of which alerts.

    Parameters
    ----------
    name
        The route's name, which its messages in state bear.
    service
        How the message goes out.
    severity
        The least severity of its alerts.
    stores
        Patterns of store ids, such as ``berlin-*``; none: all stores.
    types
        Types of alerts; none: all types.
    hours
        The hours of the alert, in its store's zone; none: at any time.
    quiet
        The hours in which messages wait, in the store's zone; those about critical alerts don't.
    digest
        Minutes of the day at which the alerts of a store go out together; none: each by itself.
    limit, per
        Most messages about a store in an hour or a day; 0: any number.
    revisions
        Which later revisions of an alert are told: those of a higher severity (``worse``), all, or none.
    max_age
        Alerts older than this go out together, in milliseconds.
    give_up
        How long a message is tried, in milliseconds.

    Examples
    --------
    >>> Route(name="duty", types=("REFUND_BURST",)).severity
    'low'
    """

    name: str
    service: Service = "webhook"
    severity: str = "low"
    stores: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    hours: WeekHours = ANY_TIME
    quiet: WeekHours = ANY_TIME
    digest: tuple[int, ...] = ()
    limit: int = 0
    per: Per = "hour"
    revisions: Revisions = "worse"
    max_age: int = _DAY // 4
    give_up: int = _DAY

    def takes(self, alert: Alert, severity: str, zone: ZoneInfo) -> bool:
        """Tell whether an alert is for this route.

        Parameters
        ----------
        alert
            The alert.
        severity
            Its severity.
        zone
            The zone of its store.
        """
        return (
            rank(severity) >= rank(self.severity)
            and (not self.types or alert.type in self.types)
            and (not self.stores or any(fnmatchcase(alert.store_id, each) for each in self.stores))
            and (not self.hours.spans or self.hours.cover(alert.event_time, zone))
        )


def rank(severity: str) -> int:
    """Return the place of a severity, the least being 0.

    Examples
    --------
    >>> rank("low"), rank("critical")
    (0, 3)
    """
    return SEVERITIES.index(severity)
