"""Rules that count, add up or compare the events of a window."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import fsum
from typing import Any, Final

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.detector import TOLERANCE, reaches
from retail_anomaly.core.events import Event, PosEvent, TillEvent
from retail_anomaly.core.margins import Margin
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.rules.rule_detector import FIRST, MOST_IDS, SECOND, NoParameters, RuleDetector, whole
from retail_anomaly.rules.state import OpenAlert, RuleState, WindowEntry

REVISE_BY: Final = 0.05


class WindowRule(RuleDetector):
    """A rule whose condition is a count, a sum, a number of distinct values or a ratio.

    Cannot see: a pattern that is spread over more than its window.
    """

    def __init__(self, parameters: NoParameters, max_late: int) -> None:
        super().__init__(parameters, max_late)
        rule = self.rule
        # Read at each event.
        self._keep = self._keep_in_day if rule.window == "day" else self._keep_in_window
        self._kind, self._limit, self._field = rule.when.kind, rule.when.gte, rule.when.field
        self._length, self._memory = rule.length, rule.span + max_late
        # A share is rounded to 6 places before it is compared.
        self._least_share = self._limit - 1e-6
        self._is_daily_rate = rule.window == "day" and rule.when.kind == "ratio"

    def step(self, names: int, event: Event, state: RuleState, store: StoreMemory) -> Sequence[Alert]:
        """Keep the event in its group's window, and decide."""
        try:
            key = self._keys[event.__class__](event, store)
        except KeyError:  # the first event of its type
            key = self.group(event, store)
        if key is None:
            return ()
        time: int = event.event_time  # type: ignore[union-attr]
        entry: Any = state.groups.get(key)
        if entry is None:
            entry = WindowEntry(0, time, unsure_until=state.forgotten_until)
            self._keep(entry, names, event, store)
            entry.until = entry.newest + self._memory
            alerts = self._decided(key, entry, event, state, store)
            self.bound_groups(state, store)
            return alerts
        if names == SECOND and self._is_daily_rate and store.local.of(time)[0] == entry.day:
            # Nearly every event of a rate: the whole grows, so that the share falls.
            entry.second += 1
            entry.count += 1
            if time > entry.newest:
                entry.newest, entry.until = time, time + self._memory
            if entry.first >= self._least_share * entry.second:
                return self._decided(key, entry, event, state, store)
            entry.episode = None
            state.groups.put(key, entry)
            return ()
        if not self._keep(entry, names, event, store):
            return ()
        entry.until = entry.newest + self._memory
        return self._decided(key, entry, event, state, store)

    def _decided(
        self, key: str, entry: WindowEntry, event: Event, state: RuleState, store: StoreMemory
    ) -> Sequence[Alert]:
        alerts: Sequence[Alert] = ()
        if self._may_hold(entry):
            alerts = self._decide(entry, event, state, store)
        else:
            entry.episode = None
        state.groups.put(key, entry)
        return alerts

    def explain(self, event: PosEvent | TillEvent, state: RuleState, store: StoreMemory) -> Sequence[Margin]:
        """Compare the value of the line's group with the limit."""
        key = self.group(event, store)
        entry = None if key is None else state.groups.get(key)
        value = self._value(entry) if isinstance(entry, WindowEntry) else None
        if value is None:
            return ()
        when = self.rule.when
        of = ", ".join(f"{field} {value}" for field, value in self.by_of(event, store).items())
        measure = f"{when.kind} of {when.first}" + (f" in the group of {of}" if of else "")
        return (Margin(measure, value, self._limit),)

    def _may_hold(self, entry: WindowEntry) -> bool:
        """Tell whether the condition may hold; for nearly all events this cheap test is the last."""
        if self._kind == "ratio":
            return entry.first >= self._least_share * entry.second
        return self._kind != "count" or entry.first >= self._limit - TOLERANCE

    def _keep_in_day(self, entry: WindowEntry, names: int, event: Event, store: StoreMemory) -> bool:
        """Count an event of the newest local day; tell whether it is one."""
        time = event.event_time  # type: ignore[union-attr]
        day = store.local.of(time)[0]
        if day < entry.day:
            return False
        if day > entry.day:
            entry.day, entry.episode = day, None
            entry.first = entry.second = entry.count = 0
            entry.total, entry.distinct, entry.ids = 0.0, {}, []
        if time > entry.newest:  # noqa: PLR1730 - at each event, and max() is a call
            entry.newest = time
        entry.count += 1
        if names & SECOND:
            entry.second += 1
        if names & FIRST:
            entry.first += 1
            if self._field is not None:
                self._add(entry, self._value_of(event, store))
            number = self.read("transactionId", event, store) if len(entry.ids) < MOST_IDS else None
            if number is not None and number not in entry.ids:
                entry.ids.append(number)
        return True

    def _keep_in_window(self, entry: WindowEntry, names: int, event: Event, store: StoreMemory) -> bool:
        """Insert an event by its time and drop those that leave the window; tell whether it is inside."""
        time = event.event_time  # type: ignore[union-attr]
        entry.newest = max(entry.newest, time)
        start = entry.newest - self._length
        episode = entry.episode
        if episode is not None and episode.opened_at < start:
            entry.episode = None
        if time < start:
            return False
        times = entry.times
        if times and times[0] < start:
            self._drop(entry, bisect_left(times, start))
        at = len(times)
        if at and time < times[-1]:
            at = bisect_right(times, time)
        is_first = names & FIRST
        value = self._value_of(event, store) if is_first else None
        times.insert(at, time)
        entry.names.insert(at, names)
        if self._field is not None:
            entry.values.insert(at, value)
        entry.numbers.insert(at, self.read("transactionId", event, store) if is_first else None)
        if names & SECOND:
            entry.second += 1
        if is_first:
            entry.first += 1
            self._add(entry, value)
        return True

    def _drop(self, entry: WindowEntry, count: int) -> None:
        """Drop the oldest events."""
        for names in entry.names[:count]:
            entry.first -= names & FIRST
            entry.second -= (names & SECOND) // SECOND
        if self._kind == "sum":
            # Added up anew: what a subtraction leaves of large amounts is not zero.
            entry.total = fsum(value for value in entry.values[count:] if value is not None)
        elif self._kind == "distinct":
            for value in filter(None, entry.values[:count]):
                entry.distinct[value] -= 1
                if not entry.distinct[value]:
                    del entry.distinct[value]
        for values in (entry.times, entry.names, entry.values, entry.numbers):
            del values[:count]

    def _value_of(self, event: Event, store: StoreMemory) -> Any:
        """Return the value that is added up, or the text of one that is told apart from others."""
        field = self._field
        if field is None:
            return None
        value = self.read(field, event, store)
        if value is None or self._kind == "sum":
            return value
        return value if isinstance(value, str) else repr(float(value))

    def _add(self, entry: WindowEntry, value: Any) -> None:
        if value is None:
            return
        if self._kind == "sum":
            entry.total += value
        else:
            entry.distinct[value] = entry.distinct.get(value, 0) + 1

    def _value(self, entry: WindowEntry) -> float | None:
        when = self.rule.when
        if when.kind == "count":
            return entry.first
        if when.kind == "distinct":
            return len(entry.distinct)
        if when.kind == "sum":
            return whole(round(entry.total, 6))
        if entry.second < when.minimum:
            return None
        return round(entry.first / entry.second, 6)

    def _decide(
        self, entry: WindowEntry, event: Event, state: RuleState, store: StoreMemory
    ) -> Sequence[Alert]:
        value, limit = self._value(entry), self._limit
        time: int = event.event_time  # type: ignore[union-attr]
        is_unsure = time < entry.unsure_until and self._kind == "ratio"
        if value is None or is_unsure or not reaches(value, limit):
            entry.episode = None
            return ()
        risk = round(self.risk_of(value), 6)
        episode, flood = entry.episode, False
        if episode is None:
            shadow, flood = self.goes_to_shadow(time, state, store)
            subject = self.subject_of(event, store)
            episode = OpenAlert(self.alert_id(event, time), time, 1, risk, subject, shadow)
            entry.episode = episode
        elif reaches(risk, episode.risk + REVISE_BY):
            episode.revise(risk)
        else:
            return ()
        alert = self.alert(
            event,
            time=time,
            employee_id=episode.employee,
            risk=risk,
            message=self.text(event, store, value),
            evidence=self._evidence(entry, event, store, value, limit),
            episode=episode,
        )
        return self.raised(alert, shadow=episode.shadow, flood=flood)

    def _evidence(
        self, entry: WindowEntry, event: Event, store: StoreMemory, value: float, limit: float
    ) -> dict[str, Any]:
        numbers = entry.ids or [number for number in entry.numbers if number is not None]
        count = entry.count or len(entry.times)
        return self.evidence(value, limit, self.by_of(event, store), numbers, count)
