"""The section `notify`: who is told of which alerts. Addresses and keys are environment variables."""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Final, Literal, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from retail_anomaly.core.durations import Duration
from retail_anomaly.notifications import Notifier, Route, Service, WeekHours, minute_of_day
from retail_anomaly.notifications.hours import Per
from retail_anomaly.notifications.route import Revisions
from retail_anomaly.settings.section import Section

_HOUR: Final = 3_600_000
_DAY: Final = 24 * _HOUR
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,200}")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_Kind = TypeVar("_Kind")
_Severity = Literal["low", "medium", "high", "critical"]


class RouteSettings(Section, frozen=True):
    """A route: whom to tell of which alerts, and when.

    Examples
    --------
    >>> RouteSettings(service="slack", address="SLACK_URL").revisions
    'worse'
    """

    service: Annotated[Service, Meta(description="How the message goes out.")] = "webhook"
    address: Annotated[
        str,
        Meta(
            description="Name of the environment variable with the address: a URL; for PagerDuty the "
            "integration key."
        ),
    ] = ""
    key: Annotated[
        str,
        Meta(description="For a webhook: name of the environment variable with the key that signs it."),
    ] = ""
    severity: Annotated[_Severity, Meta(description="The least severity of its alerts.")] = "high"
    stores: Annotated[
        tuple[str, ...], Meta(description="Patterns of store ids, such as berlin-*. None: all stores.")
    ] = ()
    types: Annotated[
        tuple[str, ...], Meta(description="Types of alerts, such as REFUND_BURST. None: all types.")
    ] = ()
    hours: Annotated[
        tuple[str, ...],
        Meta(
            description="The route takes alerts of these hours, in the store's zone: mon-fri 08:00-20:00. "
            "None: of all hours."
        ),
    ] = ()
    quiet: Annotated[
        tuple[str, ...],
        Meta(
            description="Hours in which messages wait, in the store's zone: 22:00-07:00. Critical alerts "
            "don't wait."
        ),
    ] = ()
    digest: Annotated[
        tuple[str, ...],
        Meta(
            description="Times at which the alerts of a store go out in one message, in the store's zone: "
            "08:00. None: each at once."
        ),
    ] = ()
    limit: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            description="Most messages about a store in an hour or a day; further alerts go out in one "
            "message after that. 0: any number.",
        ),
    ] = 0
    per: Annotated[Per, Meta(description="What the limit is for: an hour or a day of the store.")] = "hour"
    revisions: Annotated[
        Revisions,
        Meta(description="Later revisions that are told: those of a higher severity (worse), all, or none."),
    ] = "worse"
    max_age: Annotated[
        Duration, Meta(description="Alerts whose event is older go out in one message, not one by one.")
    ] = Duration(6 * _HOUR)
    give_up: Annotated[
        Duration,
        Meta(description="How long a message is tried; after that its alerts are dead letters."),
    ] = Duration(_DAY)

    def route(self, name: str) -> Route:
        """Return the route of this name.

        Raises
        ------
        ValueError
            A setting is impossible; the text begins with its name.
        """
        if _NAME.fullmatch(name) is None:
            raise ValueError("expected a name of small letters, digits, - and _")
        self._check_variables()
        return Route(
            name=name,
            service=self.service,
            severity=self.severity,
            stores=self.stores,
            types=self.types,
            hours=_read("hours", WeekHours.parse, self.hours),
            quiet=_read("quiet", WeekHours.parse, self.quiet),
            digest=_read("digest", _minutes, self.digest),
            limit=self.limit,
            per=self.per,
            revisions=self.revisions,
            max_age=self.max_age,
            give_up=self.give_up,
        )

    def _check_variables(self) -> None:
        # The value is not repeated: it may be a secret. Keys have small letters, these names have not.
        for field in ("address", "key"):
            value = getattr(self, field)
            if value and _VARIABLE.fullmatch(value) is None:
                raise ValueError(
                    f"{field}: expected the name of an environment variable, in capitals: put the {field} "
                    "itself into the environment"
                )
        if not self.address:
            raise ValueError("address: expected the name of the environment variable with the address")
        if bool(self.key) != (self.service == "webhook"):
            wanted = "the name of the environment variable with the key" if not self.key else "nothing"
            raise ValueError(f"key: expected {wanted} for service {self.service}")


class NotifySettings(Section, frozen=True):
    """Who is told of which alerts; only `retail-streamer notify` and `ra.notify` read it.

    Examples
    --------
    >>> NotifySettings().critical
    0.95
    """

    routes: Annotated[dict[str, RouteSettings], Meta(description="The routes, by a name of your choice.")] = (
        msgspec.field(default_factory=dict)
    )
    critical: Annotated[
        float,
        Meta(gt=0, le=1, description="Risk from which an alert is critical; high is 0.8, medium 0.5."),
    ] = 0.95
    severities: Annotated[
        dict[str, _Severity],
        Meta(description="Severity of all alerts of a type, whatever their risk: {RULE_FLOOD: low}."),
    ] = msgspec.field(default_factory=dict)
    link: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s@]+)?$",
            description="Address of a case, with {alertId} in it: https://board.example/alert/{alertId}.",
        ),
    ] = ""
    memory: Annotated[
        Duration,
        Meta(description="How long it is known which alerts were sent. Older alerts are not sent."),
    ] = Duration(30 * _DAY)
    timeout: Annotated[Duration, Meta(description="How long the request of a message may take.")] = Duration(
        10_000
    )

    def __post_init__(self) -> None:
        self.require_positive("memory", "timeout")
        if self.timeout > 60_000:
            raise ValueError("timeout: expected at most 1m")
        for name, route in self.routes.items():
            try:
                built = route.route(name)
            except ValueError as error:
                raise ValueError(f"routes: {name}: {error}") from None
            if built.max_age >= self.memory:
                raise ValueError(f"routes: {name}: max_age: expected less than notify.memory ({self.memory})")


def notifier_of(
    section: NotifySettings, zone: Callable[[str], ZoneInfo], *, has_pseudonyms: bool = False
) -> Notifier:
    """Build the notifier that the settings describe.

    Parameters
    ----------
    section
        The section `notify`.
    zone
        Returns the time zone of a store.
    has_pseudonyms
        Whether pseudonyms stand for the ids of employees.

    Examples
    --------
    >>> duty = RouteSettings(service="slack", address="SLACK_URL")
    >>> list(notifier_of(NotifySettings(routes={"duty": duty}), lambda _: ZoneInfo("UTC")).routes)
    ['duty']
    """
    return Notifier(
        [route.route(name) for name, route in section.routes.items()],
        critical=section.critical,
        severities=section.severities,
        link=section.link,
        memory=section.memory,
        zone=zone,
        has_pseudonyms=has_pseudonyms,
    )


def _read(name: str, read: Callable[[Sequence[str]], _Kind], texts: Sequence[str]) -> _Kind:
    try:
        return read(texts)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _minutes(texts: Sequence[str]) -> tuple[int, ...]:
    return tuple(sorted({minute_of_day(text) % (24 * 60) for text in texts}))
