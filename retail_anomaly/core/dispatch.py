"""The way of an event to the rules that look at it: one index for all of them.

A declarative rule looks at events of any topic and type. Asking each rule about each event would cost more
than all else, so an index by topic and type keeps those that may match, with the tests that are left when
both are known.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.detector import Detector
from retail_anomaly.core.detector_state import DetectorState
from retail_anomaly.core.events import POS_EVENTS, Event, PosEvent, TillEvent
from retail_anomaly.core.margins import Margin
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.parameters import P

Matches: TypeAlias = tuple[Callable[[Any, StoreMemory], int], int]
"""A test of an event, and the names under which it counts if it passes, one bit a name; 0: the test returns
the names. Most rules have one name for a type: its test is called at each event, and no other function."""
Step: TypeAlias = Callable[[int, Any, Any, StoreMemory], Sequence[Alert]]
Steps: TypeAlias = tuple[tuple[Callable[[Any, StoreMemory], int], int, Step], ...]

NEVER: Final = 2**62
"""A time that does not come."""
# Types are the senders' own words. Beyond so many the index is made anew for each event.
_MOST_TYPES: Final = 512


class SharedState(DetectorState):
    """The state of all indexed detectors in one store: one, so that few records hold it.

    Attributes
    ----------
    next_due
        When the first of their decisions that wait for time is due, in epoch milliseconds.
    """

    next_due = 0  # after a restart, look at once

    def rules_changed(self) -> None:
        """Forget what was found out about the detectors that ran so far."""
        self.next_due = 0


X = TypeVar("X", bound=SharedState)


class IndexedDetector(Detector[P, X]):
    """A detector that looks at events of any topic by way of an index; all of them share one state."""

    @abstractmethod
    def matches(self, topic: str, kind: str, training: bool) -> Matches | None:
        """Return the test of events of a topic and a type in capitals; None if none can match."""

    @abstractmethod
    def step(self, names: int, event: Event, state: X, store: StoreMemory) -> Sequence[Alert]:
        """Look at an event that matches under some names."""

    def explain(self, event: PosEvent | TillEvent, state: X, store: StoreMemory) -> Sequence[Margin]:
        """Say how far a POS event of any type was from an alert, once it was processed; change nothing."""
        return ()


class Dispatch:
    """The index of some detectors.

    Parameters
    ----------
    detectors
        The detectors, in the order in which an event passes them.
    new_state
        Makes the state that they share; by default the first of them does.

    Attributes
    ----------
    timed
        Those that wait for time to pass.
    of_pos
        The steps for POS events that are no training, by type in capitals; `steps` fills it.
    """

    def __init__(
        self,
        detectors: Iterable[IndexedDetector[Any, Any]],
        new_state: Callable[[], SharedState] | None = None,
    ) -> None:
        self.detectors = tuple(detectors)
        # With rules that change while the stores go on, a store has the state while it has no rule.
        self.new_state = new_state or (self.detectors[0].new_state if self.detectors else None)
        self.timed = tuple(detector for detector in self.detectors if detector.needs_time)
        self.of_pos: dict[str, Steps] = {}
        self._index: dict[tuple[str, str, bool], Steps] = {}

    def steps(self, topic: str, kind: str, training: bool = False) -> Steps:
        """Return the tests and steps for events of a topic and a type in capitals."""
        key = (topic, kind, training)
        found = self._index.get(key)
        if found is None:
            found = tuple(
                (*matches, detector.step)
                for detector in self.detectors
                if (matches := detector.matches(topic, kind, training)) is not None
            )
            if len(self._index) < _MOST_TYPES:
                self._index[key] = found
                if topic == POS_EVENTS and not training:
                    self.of_pos[kind] = found
        return found

    def pass_time(self, time: int, state: SharedState, store: StoreMemory) -> list[Alert]:
        """Let the detectors that wait for time look at it, if one of their decisions is due."""
        if time < state.next_due:
            return []
        raised = [alert for each in self.timed for alert in each.on_time(time, state, store)]
        due = [waiting[1] for each in self.timed if (waiting := each.waiting(state)) is not None]
        state.next_due = min(due, default=NEVER)
        return raised
