"""The base class of detectors: small state machines over the events of one store."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar

from retail_anomaly.core.alerts import Alert, alert_id, config_hash, interval_alert_id
from retail_anomaly.core.collections import Table
from retail_anomaly.core.detector_state import DetectorState
from retail_anomaly.core.episode import Episode
from retail_anomaly.core.events import CountEvent, Event, MovementEvent, PosEvent, SecurityEvent
from retail_anomaly.core.forgotten_sales import ForgottenSales
from retail_anomaly.core.margins import Margin
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.parameters import P, Parameters, checked
from retail_anomaly.core.sale_run import SaleRun
from retail_anomaly.core.score import Score
from retail_anomaly.core.taking_back import TakenLine

TOLERANCE: Final = 1e-9
"""An amount or a risk that misses a limit by no more than this still reaches it."""


def reaches(value: float, limit: float) -> bool:
    """Tell whether a value is at a limit or above it; a rounding error does not count.

    Examples
    --------
    >>> reaches(0.1 + 0.2, 0.3), reaches(0.29, 0.3)
    (True, False)
    """
    return value >= limit - TOLERANCE


S = TypeVar("S", bound=DetectorState)
E = TypeVar("E")


class Detector(ABC, Generic[P, S]):
    """A rule or a model that raises alerts.

    Your detector overrides the ``on_...`` methods of the events that it looks at. Each gets the event, the
    detector's own state of that store, and the store's memory. It returns the alerts that the event raises.
    It may change its own state and nothing else, and the only clock it may read is the events' times.

    Parameters
    ----------
    parameters
        An instance of ``Parameters``.
    max_late
        How late an event may be and still raise an alert, in milliseconds. Keep state that much longer than
        the rule itself needs it.

    Attributes
    ----------
    name, alert_type
        The detector's name, as in the configuration, and the type of its alerts.

    Parameters
    ----------
        The class of its parameters.
    needs, better_with
        What a log must hold for it to say anything, and what makes it say more: words such as ``refunds``
        and ``cashiers`` (all of them: `retail_anomaly.evaluate.needs.FACTS`).
    counts_days
        Whether it counts by the store's days or quarter hours. It then sees no event whose till is more than
        `max_late` ahead of the store's clock.
    per_cashier
        Whether it counts by cashier: then it never sees the events of a cashier who is nobody.
    sheds
        What `shed` forgets, in a word or two for the log.
    colour, symbol
        How its alerts are drawn, see `Look`. None: a spare colour and symbol are chosen.
    config_hash
        Short hash of the parameters.
    listener
        A host sets it to receive every score of a model.
    undecided
        How many events this process could not judge, by reason; hosts show it.
    follows_returns
        A host sets it where it asks the store of the receipt about other stores' refunds (`on_return`).
    tell
        A host that must go on sets it: it is told, as store and text, that a model of somebody else's failed
        or began anew. None: a model that fails raises `ModelError`.

    Raises
    ------
    ValueError
        A parameter is out of its range.
    """

    name: ClassVar[str]
    alert_type: ClassVar[str]
    Parameters: ClassVar[type[Parameters]]
    needs: ClassVar[tuple[str, ...]] = ()
    better_with: ClassVar[tuple[str, ...]] = ()
    counts_days: ClassVar[bool] = False
    per_cashier: bool = False
    sheds: ClassVar[str] = "ids"
    colour: ClassVar[str | None] = None
    symbol: ClassVar[str | None] = None

    def __init__(self, parameters: P, max_late: int) -> None:
        self.parameters = checked(parameters, self.name)
        self.max_late = max_late
        self.config_hash = config_hash(self.parameters)
        self.listener: Callable[[Score], None] | None = None
        self.undecided: Counter[str] = Counter()
        self.follows_returns = False
        self.tell: Callable[[str, str], None] | None = None

    @classmethod
    def cannot_see(cls) -> str:
        """Return the paragraph of the docstring that begins with "Cannot see: ", or an empty text.

        Examples
        --------
        >>> from retail_anomaly.detectors import StockDiscrepancy
        >>> StockDiscrepancy.cannot_see()[:40]
        'deliveries that nobody books (they hide '
        """
        head = "Cannot see: "
        paragraphs = [" ".join(text.split()) for text in (cls.__doc__ or "").split("\n\n")]
        return next((text.removeprefix(head) for text in paragraphs if text.startswith(head)), "")

    def telling(self, store: StoreMemory) -> Callable[[str], None] | None:
        """Return what takes a line about a store's model, or None if the host has set no `tell`."""
        tell, store_id = self.tell, store.store_id
        return None if tell is None else lambda said: tell(store_id, said)

    def shed(
        self, table: Table[E], most: int, worth: Callable[[E], Any], store: StoreMemory
    ) -> Sequence[str]:
        """Bound what somebody who makes up ids can fill memory with, as `Table.shed` does, and tell of it.

        Parameters
        ----------
        table, most, worth
            Of these entries the most that are kept, far more than any shop has; `worth` tells which go first.
            Choose it so that what is forgotten costs an alert at most, and raises none.
        store
            The store.

        Returns
        -------
        sequence of str
            The keys that were forgotten.
        """
        if len(table) <= most:
            return ()
        gone = table.shed(most, worth)
        store.too_many.note(self.name, store.store_id, f"{self.sheds} (more than {most:,})", len(gone))
        return gone

    @property
    def needs_time(self) -> bool:
        """Whether `on_time` does anything with these parameters."""
        return True

    @abstractmethod
    def new_state(self) -> S:
        """Return the empty state of a store."""

    def on_sale(self, event: PosEvent, state: S, store: StoreMemory) -> Sequence[Alert]:
        """Look at a SALE line."""
        return ()

    def on_sales(self, run: SaleRun, state: S, store: StoreMemory) -> None:
        """Look at SALE lines after the fact, many at once, which costs less than `on_sale` for each.

        They raise no alert. Your detector is shown nothing else between the lines of a run, and it has seen
        all sales before whatever it is shown next. A detector that counts by days needs `on_sale`.

        `store.line` and `store.receipt` are those of the last line, and the clock may have moved on. The run
        has each line's own; `store.lines.receipt(line, event.transaction_id)` tells its receipt.
        """

    def on_refund(self, event: PosEvent, state: S, store: StoreMemory) -> Sequence[Alert]:
        """Look at a REFUND line."""
        return ()

    def on_return(self, event: PosEvent, state: S, store: StoreMemory) -> Sequence[Alert]:
        """Look at a refund line of another store that takes back a receipt of this one."""
        return ()

    def on_taken_back(self, taken: TakenLine, state: S, store: StoreMemory) -> None:
        """Take note that a SALE or REFUND line, or a part of it, was taken back by a void."""

    def on_forgotten(self, sales: ForgottenSales, state: S, store: StoreMemory) -> None:
        """Take note of SALE lines that are too old to be taken back, and that the store forgets now."""

    def on_security(self, event: SecurityEvent, state: S, store: StoreMemory) -> Sequence[Alert]:
        """Look at a security event."""
        return ()

    def on_count(self, event: CountEvent, state: S, store: StoreMemory) -> Sequence[Alert]:
        """Look at a stock count."""
        return ()

    def on_movement(self, event: MovementEvent, state: S, store: StoreMemory) -> Sequence[Alert]:
        """Look at goods that came in or left without a sale."""
        return ()

    def on_time(self, time: int, state: S, store: StoreMemory) -> Sequence[Alert]:
        """Look at the time: after each valid event, and at each tick."""
        return ()

    def waiting(self, state: S) -> tuple[int, int] | None:
        """Return how many decisions wait for time to pass, and when the first is due; None if none waits."""
        return None

    def explain(self, event: PosEvent, state: S, store: StoreMemory) -> Sequence[Margin]:
        """Say how far a SALE or REFUND line was from an alert, once it was processed; change nothing.

        A detector that does not look at the line returns nothing.
        """
        return ()

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
