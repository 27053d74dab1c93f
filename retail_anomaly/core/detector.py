"""What every detector is: a small state machine over one store's events and their times."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar, Final, Generic, NamedTuple, TypeVar, get_type_hints

import msgspec
from msgspec import Meta

from retail_anomaly.core.alerts import Alert, alert_id, config_hash, interval_alert_id
from retail_anomaly.core.episode import Episode
from retail_anomaly.core.events import CountEvent, Event, PosEvent, SecurityEvent
from retail_anomaly.core.markup import html_table
from retail_anomaly.core.memory import DetectorState, StoreMemory
from retail_anomaly.core.score import Score

TOLERANCE: Final = 1e-9
"""By how much an amount or a risk may miss a limit and still count as reaching it."""


def reaches(value: float, limit: float) -> bool:
    """Tell whether a value is at a limit or above it, rounding errors forgiven.

    Examples
    --------
    >>> reaches(0.1 + 0.2, 0.3), reaches(0.29, 0.3)
    (True, False)
    """
    return value >= limit - TOLERANCE


class Range(NamedTuple):
    """Which values of a parameter tuning may try; beside the parameter, in ``Meta(extra=...)``.

    A parameter without a range is never tuned: it decides nothing about whether an alert is raised,
    or it pays in what a scorecard does not see.

    Parameters
    ----------
    low, high
        The smallest and the largest value, multiples of `step`; a duration's in milliseconds. Small
        values are tried as densely as large ones, in proportion.
    step
        Values are multiples of it, so that a person can read them.

    Examples
    --------
    >>> Range(10, 500, step=5).declared
    {'range': Range(low=10, high=500, step=5)}
    """

    low: float
    high: float
    step: float = 1

    @property
    def declared(self) -> dict[str, Any]:
        """What ``Meta(extra=...)`` is given."""
        return {"range": self}


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of a detector's parameters: typed, documented, with defaults; a detector checks them."""

    enabled: Annotated[bool, Meta(description="Whether the detector runs.")] = True

    @classmethod
    def ranges(cls) -> dict[str, Range]:
        """Return the ranges of those parameters that have one, by name.

        Examples
        --------
        >>> Parameters.ranges()
        {}
        """
        declared = {}
        for name, hint in get_type_hints(cls, include_extras=True).items():
            for meta in getattr(hint, "__metadata__", ()):
                if isinstance(meta, Meta) and meta.extra and "range" in meta.extra:
                    declared[name] = meta.extra["range"]
        return {name: declared[name] for name in cls.__struct_fields__ if name in declared}

    def _repr_html_(self) -> str:
        rows = [
            (name, str(value), "" if value == default else str(default))
            for name in self.__struct_fields__
            for value, default in [(getattr(self, name), getattr(type(self)(), name))]
        ]
        return html_table(rows, ["parameter", "value", "default, where it differs"])

    @property
    def replay_only(self) -> str | None:
        """Why no host that stores state can run the detector, or None; begins with the parameter."""
        return None


P = TypeVar("P", bound=Parameters)
S = TypeVar("S", bound=DetectorState)


class Detector(ABC, Generic[P, S]):
    """A rule or a model that raises alerts.

    A detector overrides the ``on_...`` methods of what it looks at. Each gets the event, the
    detector's own state of that store, and the store. It changes that state and nothing else,
    reads no clock but the events' times, and returns the alerts that the event raises.

    Parameters
    ----------
    parameters
        An instance of ``Parameters``.
    max_late
        How late an event may be and still raise an alert, in milliseconds: state is kept that
        much longer than its rule needs it.

    Attributes
    ----------
    name, alert_type, Parameters
        The names in alerts and in the configuration, and the class of its parameters.
    config_hash
        Short hash of the parameters.
    listener
        Gets every score of a detector that is a model, for a host that shows them.

    Raises
    ------
    ValueError
        A parameter is out of its range.
    """

    name: ClassVar[str]
    alert_type: ClassVar[str]
    Parameters: ClassVar[type[Parameters]]

    def __init__(self, parameters: P, max_late: int) -> None:
        self.parameters = _checked(parameters, self.name)
        self.max_late = max_late
        self.config_hash = config_hash(self.parameters)
        self.listener: Callable[[Score], None] | None = None

    @classmethod
    def cannot_see(cls) -> str:
        """Return what it is blind to, as its docstring says; an empty text where that says nothing.

        Examples
        --------
        >>> from retail_anomaly.detectors import StockDiscrepancy
        >>> StockDiscrepancy.cannot_see()[:40]
        'deliveries that no count follows (they h'
        """
        head = "Cannot see: "
        paragraphs = [" ".join(text.split()) for text in (cls.__doc__ or "").split("\n\n")]
        return next((text.removeprefix(head) for text in paragraphs if text.startswith(head)), "")

    @property
    def needs_time(self) -> bool:
        """Whether `on_time` has anything to do with these parameters."""
        return True

    @abstractmethod
    def new_state(self) -> S:
        """Return the empty state of a store."""

    def on_sale(self, event: PosEvent, state: S, store: StoreMemory) -> Sequence[Alert]:
        """Look at a SALE line."""
        return ()

    def on_refund(self, event: PosEvent, state: S, store: StoreMemory) -> Sequence[Alert]:
        """Look at a REFUND line."""
        return ()

    def on_security(self, event: SecurityEvent, state: S, store: StoreMemory) -> Sequence[Alert]:
        """Look at a security event."""
        return ()

    def on_count(self, event: CountEvent, state: S, store: StoreMemory) -> Sequence[Alert]:
        """Look at a stock count."""
        return ()

    def on_time(self, time: int, state: S, store: StoreMemory) -> Sequence[Alert]:
        """Look at the time of any valid event, after the event itself, or at a tick's."""
        return ()

    def waiting(self, state: S) -> tuple[int, int] | None:
        """Return how many decisions wait for time to pass and when the first is due."""
        return None

    def alert(
        self,
        cause: Event | StoreMemory,
        *,
        time: int,
        employee_id: str | None,
        risk: float,
        message: str,
        evidence: dict[str, Any],
        episode: Episode | None = None,
    ) -> Alert:
        """Make an alert: revision 1 of a new one, or the next revision of an open one.

        Parameters
        ----------
        cause
            The event that raises the alert; or the store, when an interval ends and no event raises it.
        time
            Event time of this revision in epoch milliseconds: the event's own, or the end of the interval.
        employee_id
            The employee whom the alert is about, or None.
        risk
            0 to 1; it is rounded to 6 places.
        message
            One sentence for a store manager.
        evidence
            Every number and id that the decision used.
        episode
            The open alert that this is a revision of. None: the alert is not revised, and this is all of it.

        Returns
        -------
        Alert
            The alert, with the detector's names and hash.
        """
        return Alert(
            alert_id=self.alert_id(cause, time) if episode is None else episode.alert_id,
            revision=1 if episode is None else episode.revision,
            type=self.alert_type,
            detector=self.name,
            store_id=cause.store_id,
            employee_id=employee_id,
            risk_score=round(risk, 6),
            message=message,
            event_time=time,
            opened_at=time if episode is None else episode.opened_at,
            evidence=evidence,
            config_hash=self.config_hash,
        )

    def alert_id(self, cause: Event | StoreMemory, time: int) -> str:
        """Return the id of a new alert, to open an episode with; the arguments are those of `alert`."""
        if isinstance(cause, StoreMemory):
            return interval_alert_id(self.alert_type, cause.store_id, time)
        return alert_id(self.alert_type, cause)


def _checked(parameters: P, detector: str) -> P:
    """Return parameters made in Python as if a configuration had said them: in range, typed."""
    try:
        return msgspec.convert(
            msgspec.to_builtins(parameters, enc_hook=int),
            type(parameters),
            dec_hook=lambda kind, value: kind(value),
        )
    except msgspec.ValidationError as error:
        raise ValueError(f"{detector}: {error}") from None
