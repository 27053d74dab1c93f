"""Rules about an event that follows another."""

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import Event
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.rules.rule_detector import FIRST, SECOND, NoParameters, RuleDetector, whole
from retail_anomaly.rules.state import Earlier, RuleState, SequenceEntry

_TIME: Final = attrgetter("time")


class SequenceRule(RuleDetector):
    """A rule whose condition is a sequence: an event, and another within the window after it.

    Cannot see: a second event that comes later than the window.
    """

    def __init__(self, parameters: NoParameters, max_late: int) -> None:
        super().__init__(parameters, max_late)
        self._memory = self.rule.span + max_late

    def step(self, names: int, event: Event, state: RuleState, store: StoreMemory) -> Sequence[Alert]:
        """Match a second event with the newest unused first one; then keep the event, if it is a first."""
        key = self.group(event, store)
        if key is None:
            return ()
        entry = state.groups.get(key)
        if not isinstance(entry, SequenceEntry):
            if not names & FIRST:
                return ()
            entry = SequenceEntry(0)
        time: int = event.event_time  # type: ignore[union-attr]
        alerts: Sequence[Alert] = ()
        if names & SECOND:
            at = bisect_right(entry.earlier, time, key=_TIME) - 1
            if at >= 0 and entry.earlier[at].time >= time - self.rule.span:
                alerts = self._found(entry.earlier.pop(at), event, state, store)
        earlier = entry.earlier
        if names & FIRST:
            first = Earlier(time, self.subject_of(event, store), self.read("transactionId", event, store))
            if not earlier or time >= earlier[-1].time:  # as nearly always
                earlier.append(first)
            else:
                earlier.insert(bisect_right(earlier, time, key=_TIME), first)
            entry.until = max(entry.until, time + self._memory)
        # A late second event may still find these.
        oldest = store.clock - self._memory
        while earlier and earlier[0].time < oldest:
            del earlier[0]
        if earlier:
            state.groups.put(key, entry)
            self.bound_groups(state, store)
        else:
            state.groups.drop(key)
        return alerts

    def _found(self, earlier: Earlier, event: Event, state: RuleState, store: StoreMemory) -> list[Alert]:
        time: int = event.event_time  # type: ignore[union-attr]
        value = whole((time - earlier.time) / 1000)
        subject = self.subject_of(event, store)
        numbers = [earlier.number, self.read("transactionId", event, store)]
        shadow, flood = self.goes_to_shadow(time, state, store)
        alert = self.alert(
            event,
            time=time,
            employee_id=earlier.subject if subject is None else subject,
            risk=self.risk_of(value),
            message=self.text(event, store, value),
            evidence=self.evidence(
                value,
                self.rule.span / 1000,
                self.by_of(event, store),
                [number for number in numbers if number is not None],
                2,
            ),
        )
        return self.raised(alert, shadow=shadow, flood=flood)
