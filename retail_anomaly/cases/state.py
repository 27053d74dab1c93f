"""The memory of a store's cases."""

from collections.abc import Mapping
from typing import Final, cast

import msgspec

from retail_anomaly.cases.actions import Action, Scope, Verdict
from retail_anomaly.cases.case import CaseAlert, CaseSubject
from retail_anomaly.cases.precision import WRONG, Precision, Prior, millionths
from retail_anomaly.core.collections import Table
from retail_anomaly.core.detector_state import DetectorState

_WEEK: Final = 7 * 86_400_000
_HOUR: Final = 3_600_000


class AlertState(msgspec.Struct, gc=False):
    """An alert, its case, and the snooze and allow entries that cover it."""

    shown: CaseAlert
    case_id: str
    scope: Scope
    suppressed_by: list[str] = []
    verdict: Verdict | None = None  # as it was counted


class CaseState(msgspec.Struct, gc=False):
    """A case before its alerts and actions are put together."""

    store_id: str
    subject: CaseSubject
    alert_ids: list[str]
    first_at: int
    newest_at: int
    revision: int = 0
    actions: list[Action] = []


class _CaseClock(msgspec.Struct):
    time: int = 0
    ahead: int | None = None
    next_sweep: int = 0


class CasesState(DetectorState):
    """The alerts, cases and actions of one store.

    Examples
    --------
    >>> sorted(CasesState().collections())
    ['alerts', 'cases', 'clocks', 'entries', 'newest', 'tallies', 'waiting']
    """

    def __init__(self) -> None:
        self.alerts = Table(AlertState)
        self.cases = Table(CaseState)
        self.newest = Table(str)  # the newest case by subject
        self.entries = Table(Action)  # snooze and allow entries
        self.waiting = Table(Action)  # actions on alerts and cases that are not known yet
        self.tallies = Table(list[int])  # confirmed and wrong alerts by type
        self.clocks = Table(_CaseClock)

    def alert(self, alert_id: str) -> AlertState:
        """Return an alert that is known."""
        return cast(AlertState, self.alerts.get(alert_id))

    def shown(self, alert_id: str) -> CaseAlert:
        """Return an alert that is known as its case shows it, with its verdict and its entry."""
        kept = self.alert(alert_id)
        if kept.verdict is None and not kept.suppressed_by:
            return kept.shown
        entry = self.first_entry(kept.suppressed_by)
        return msgspec.structs.replace(kept.shown, verdict=kept.verdict, suppressed_by=entry)

    def case(self, case_id: str) -> CaseState:
        """Return a case that is known."""
        return cast(CaseState, self.cases.get(case_id))

    def pass_time(self, time: int) -> None:
        """Move the clock to an alert's time.

        A time more than a week ahead counts only once a second alert comes as far: one wrong clock must not
        expire the cases of a store.
        """
        clock = self.clocks.get("") or _CaseClock()
        if clock.time == 0 or time <= clock.time + _WEEK:
            clock.time = max(clock.time, time)
        elif clock.ahead is None or abs(time - clock.ahead) > _WEEK:
            clock.ahead = time
        else:
            clock.time, clock.ahead = min(time, clock.ahead), None
        self.clocks.put("", clock)

    def keep_alert(self, shown: CaseAlert, case_id: str, scope: Scope) -> None:
        """Keep an alert's newest revision; its entries and its verdict stay."""
        # A revision has a confidence of its own; its case counts the verdict again.
        self.note_verdict(shown.alert_id, None)
        kept = self.alerts.get(shown.alert_id)
        if kept is None:
            kept = AlertState(shown, case_id, scope)
        kept.shown = shown
        self.alerts.put(shown.alert_id, kept)

    def entries_of(self, alert_type: str) -> list[Action]:
        """Return the snooze and allow entries for a type of alert."""
        entries = (action for _, action in self.entries.items())
        return [action for action in entries if action.scope and action.scope.type == alert_type]

    def first_entry(self, action_ids: list[str]) -> str | None:
        """Return the oldest of some snooze and allow entries, by id."""
        known = [action for name in action_ids if (action := self.entries.get(name)) is not None]
        return (
            min(known, key=lambda action: action.order).action_id if known else min(action_ids, default=None)
        )

    def released(self, alert_id: str, case_id: str) -> list[Action]:
        """Return the actions that waited for an alert or its case; they wait no longer."""
        due = [
            action
            for _, action in self.waiting.items()
            if action.alert_id == alert_id or action.case_id == case_id
        ]
        for action in due:
            self.waiting.drop(action.action_id)
        return due

    def note_verdict(self, alert_id: str, verdict: Verdict | None) -> None:
        """Count an alert's verdict in place of the one that was counted before."""
        alert = self.alerts.get(alert_id)
        if alert is None or alert.verdict == verdict:
            return
        # Confirmed and wrong ones; of those with a confidence all, the right ones, and the sum in millionths.
        tally = [*(self.tallies.get(alert.shown.type) or ()), 0, 0, 0, 0, 0][:5]
        sure = alert.shown.confidence
        for counted, change in ((alert.verdict, -1), (verdict, 1)):
            if counted == "confirmed":
                tally[0] += change
            elif counted in WRONG:
                tally[1] += change
            else:
                continue
            if sure is not None:
                tally[2] += change
                tally[3] += change if counted == "confirmed" else 0
                tally[4] += change * millionths(sure)
        self.tallies.put(alert.shown.type, tally)
        alert.verdict = verdict
        self.alerts.put(alert_id, alert)

    def precision(self, priors: Mapping[str, Prior]) -> Precision:
        """Return the precision of the store's alerts by its own verdicts."""
        precision = Precision(priors)
        for alert_type, (confirmed, wrong, *sure) in self.tallies.items():
            precision.count(alert_type, "confirmed", confirmed)
            precision.count(alert_type, "benign", wrong)
            if sure:  # none in state of an older version
                precision.expect(alert_type, *sure)
        return precision

    def forget(self, memory: int | None, waits: int) -> None:
        """Drop, once an hour of event time, the cases, entries and waiting actions that are too old."""
        clock = self.clocks.get("")
        if clock is None or clock.time < clock.next_sweep:
            return
        clock.next_sweep = clock.time + _HOUR
        self.clocks.put("", clock)
        if memory is not None:
            for name, case in list(self.cases.items()):
                if case.newest_at + memory < clock.time:
                    self._drop_case(name, case)
            for name, action in list(self.entries.items()):
                if action.ends + memory < clock.time:
                    self.entries.drop(name)
        for name, action in list(self.waiting.items()):
            if action.time + waits < clock.time:
                self.waiting.drop(name)

    def _drop_case(self, name: str, case: CaseState) -> None:
        self.cases.drop(name)
        for alert_id in case.alert_ids:
            self.alerts.drop(alert_id)
        key = f"{case.subject.type}/{case.subject.id}"
        if self.newest.get(key) == name:
            self.newest.drop(key)
