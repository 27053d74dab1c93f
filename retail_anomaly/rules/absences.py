"""Rules about an event that does not come."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import Event
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.rules.rule_detector import FIRST, SECOND, RuleDetector, whole
from retail_anomaly.rules.state import AbsenceEntry, RuleState, WaitingAlert


class AbsenceRule(RuleDetector):
    """A rule whose condition is an absence: no event of a kind within the window after another.

    Cannot see: an answer that arrives after the window has passed in event time.
    """

    def step(self, names: int, event: Event, state: RuleState, store: StoreMemory) -> Sequence[Alert]:
        """Keep the event as an answer, as one that waits for an answer, or as both."""
        key = self.group(event, store)
        if key is None or not names & (FIRST | SECOND):
            return ()
        entry = state.groups.get(key)
        if not isinstance(entry, AbsenceEntry):
            entry = AbsenceEntry(0, unsure_until=state.forgotten_until)
        time: int = event.event_time  # type: ignore[union-attr]
        if names & SECOND:
            insort(entry.answers, time)
        if names & FIRST:
            entry.waiting.append(self._waiting_alert(event, store, answers_others=bool(names & SECOND)))
            due = self._due(state)
            due[key] = min(due.get(key, time + self.rule.span), time + self.rule.span)
            state.next_due = min(state.next_due, due[key])
        self._forget(key, entry, state, store)
        self.bound_groups(state, store)
        return ()

    def on_time(self, time: int, state: RuleState, store: StoreMemory) -> Sequence[Alert]:
        """Decide the waiting alerts whose windows have passed, in the order of their events."""
        due = self._due(state)
        alerts: list[Alert] = []
        for key in sorted(key for key, at in due.items() if at <= time and self._is_mine(key)):
            entry = state.groups.get(key)
            if not isinstance(entry, AbsenceEntry):  # it was swept
                del due[key]
                continue
            ready = [each for each in entry.waiting if each.time + self.rule.span <= time]
            entry.waiting = [each for each in entry.waiting if each.time + self.rule.span > time]
            for waiting in ready:
                if waiting.time >= entry.unsure_until and not self._is_answered(waiting, entry.answers):
                    alerts += self._unanswered(waiting, state, store)
            if entry.waiting:
                due[key] = min(each.time for each in entry.waiting) + self.rule.span
            else:
                del due[key]
            self._forget(key, entry, state, store)
        return alerts

    def waiting(self, state: RuleState) -> tuple[int, int] | None:
        """Return how many alerts wait, and when the first is due."""
        due = {key: at for key, at in self._due(state).items() if self._is_mine(key)}
        if not due:
            return None
        entries = [state.groups.get(key) for key in due]
        count = sum(len(entry.waiting) for entry in entries if isinstance(entry, AbsenceEntry))
        return count, min(due.values())

    def _is_mine(self, key: str) -> bool:
        return key.partition("\x1f")[0] == self.prefix

    def _due(self, state: RuleState) -> dict[str, int]:
        """Return when each group is due; after a restart it is read from the entries."""
        if state.due is None:
            state.due = {
                key: min(each.time for each in entry.waiting) + entry.window
                for key, entry in state.groups.items()
                if isinstance(entry, AbsenceEntry) and entry.waiting
            }
        return state.due

    def _is_answered(self, waiting: WaitingAlert, answers: list[int]) -> bool:
        found = bisect_right(answers, waiting.time + self.rule.span) - bisect_left(answers, waiting.time)
        # An event that is an answer itself does not answer itself.
        return found > waiting.answers_others

    def _waiting_alert(self, event: Event, store: StoreMemory, *, answers_others: bool) -> WaitingAlert:
        time: int = event.event_time  # type: ignore[union-attr]
        return WaitingAlert(
            time,
            self.alert_id(event, time),
            self.subject_of(event, store),
            self.read("transactionId", event, store),
            self.by_of(event, store),
            self.text(event, store, whole(self.rule.span / 1000)),
            answers_others,
        )

    def _unanswered(self, waiting: WaitingAlert, state: RuleState, store: StoreMemory) -> list[Alert]:
        value = whole(self.rule.span / 1000)
        shadow, flood = self.goes_to_shadow(waiting.time, state, store)
        alert = Alert(
            alert_id=waiting.alert_id,
            revision=1,
            type=self.alert_type,
            detector=self.name,
            store_id=store.store_id,
            employee_id=waiting.subject,
            risk_score=round(self.risk_of(value), 6),
            message=waiting.message,
            event_time=waiting.time,
            opened_at=waiting.time,
            evidence=self.evidence(
                value, value, waiting.by, [] if waiting.number is None else [waiting.number], 1
            ),
            config_hash=self.config_hash,
        )
        return self.raised(alert, shadow=shadow, flood=flood)

    def _forget(self, key: str, entry: AbsenceEntry, state: RuleState, store: StoreMemory) -> None:
        """Drop the answers that no event waits for and no late event can have; write the rest."""
        oldest = min([store.clock - self.max_late, *(each.time for each in entry.waiting)])
        stale = bisect_left(entry.answers, oldest)
        if stale:
            del entry.answers[:stale]
        if not entry.waiting and not entry.answers:
            state.groups.drop(key)
            return
        entry.window = self.rule.span
        due = [each.time + self.rule.span for each in entry.waiting]
        entry.until = max([*due, *entry.answers[-1:]]) + self.max_late
        state.groups.put(key, entry)
