"""The cases of a board, from files or from topics."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol
from uuid import uuid4

import msgspec

from retail_anomaly.cases import (
    Action,
    Case,
    Precision,
    Triage,
    decode_action,
    prioritised,
)
from retail_anomaly.cases.ordering import OpenCases
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.errors import RetailAnomalyError, UsageError
from retail_anomaly.core.events import LATEST
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.records import InvalidRecord, decode_record, without_value
from retail_anomaly.settings import Settings
from retail_anomaly.settings.hidden_scopes import scope_hider


class Records(Protocol):
    """Alerts or actions as JSON, which grow while the board runs: a file, or a topic of Kafka."""

    @property
    def place(self) -> str:
        """The place of the record that was read last."""

    def was_replaced(self) -> bool:
        """Tell whether what was read is there no more."""

    def reopened(self) -> "Records":
        """Return the same records, to be read from the first."""

    def new_lines(self) -> Iterable[bytes]:
        """Yield the records that came since the last call."""

    def append(self, line: bytes, store_id: str) -> None:
        """Add a record; on return it is kept."""


class CaseChangedError(RetailAnomalyError, ValueError):
    """A case is no longer as the person saw it who decides about it."""


def require_alerts(alerts: Records, name: str) -> None:
    """Refuse records none of which is an alert, such as a log of sales; none at all may still come.

    Parameters
    ----------
    alerts
        The records, of which nothing was read.
    name
        Their name for a person.

    Raises
    ------
    UsageError
        There are records and no alert.
    """
    first = None
    for line in alerts.new_lines():
        try:
            _alert(line)
        except InvalidRecord as error:
            first = first or f"{alerts.place}: {without_value(error.reason)}"
        else:
            return
    if first is not None:
        raise UsageError(
            f"{name}: no line is an alert: {first}; make alerts with `retail-anomaly replay --output`"
        )


class BoardCases:
    """The cases of alerts, ordered for reading, and the actions on them.

    Parameters
    ----------
    alerts
        The alerts. Those that are appended while the board runs appear in it.
    actions
        The actions; new ones are appended.
    settings
        The priors and the store groups.
    now
        The time of day in epoch milliseconds.
    """

    def __init__(
        self,
        alerts: Records,
        actions: Records,
        settings: Settings,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.settings = settings
        self.problems: list[str] = []
        self._now = now
        self._hide = scope_hider(settings.privacy)
        self._ordered: list[str] = []
        self._lock = threading.RLock()
        self._alert_records, self._action_records = alerts, actions
        self._clear()

    def refresh(self) -> None:
        """Take in the alerts and actions that came since the last call."""
        with self._lock:
            alerts, actions = self._alert_records, self._action_records
            if alerts.was_replaced() or actions.was_replaced():
                self._alert_records, self._action_records = alerts, actions = (
                    alerts.reopened(),
                    actions.reopened(),
                )
                self._clear()
            # All alerts before the first action: an action waits only for an alert that is not there yet.
            self._take_all([*self._decoded(alerts, _alert), *self._decoded(actions, self._action)])

    def waiting(self) -> list[str]:
        """Return the ids of the open cases in reading order."""
        with self._lock:
            if not self._ordered:
                self._ordered = self._open.order(self._precision)
            return self._ordered

    def confirmed_lately(self, case_ids: Iterable[str]) -> set[str]:
        """Return those of some cases that stand further down: an alert on their subject was confirmed."""
        with self._lock:
            return self._open.confirmed_lately(name for name in case_ids if name in self._cases)

    def expected_loss(self) -> float:
        """Return the expected loss of all open cases."""
        with self._lock:
            return self._open.expected_loss(self._precision)

    def closed(self) -> list[str]:
        """Return the ids of the closed cases, the newest first."""
        with self._lock:
            closed = [case for case in self._cases.values() if case.state == "closed"]
        return [case.case_id for case in sorted(closed, key=lambda case: (-case.newest_at, case.case_id))]

    def find(self, case_id: str) -> Case | None:
        """Return a case, or None if there is none of that id."""
        with self._lock:
            case = self._cases.get(case_id)
            return None if case is None else prioritised(case, self.precision(case.store_id))

    def fits(self, case_id: str, is_wanted: Callable[[Case], bool]) -> bool:
        """Tell whether a case is wanted; its priority may be an old one."""
        case = self._cases.get(case_id)  # the files may have been replaced since the id was read
        return case is not None and is_wanted(case)

    def alert(self, alert_id: str) -> Alert:
        """Return the last revision of an alert."""
        return self._alerts[alert_id]

    def alerts(self) -> list[Alert]:
        """Return the last revision of each alert."""
        with self._lock:
            return list(self._alerts.values())

    def case_of(self, alert_id: str) -> str | None:
        """Return the id of the case that an alert is in, or None."""
        return self._case_ids.get(alert_id)

    def precision(self, store_id: str) -> Precision:
        """Return the precision of the store's group."""
        return self._precision[self.settings.group(store_id)]

    def act(
        self, store_id: str, make: Callable[[str, int], Action], *, seen: tuple[str, int] | None = None
    ) -> Action:
        """Take an action: append it to the actions, and apply it.

        Parameters
        ----------
        store_id
            The store that the action is about.
        make
            Makes the action of an id and a time.
        seen
            The case that the person decides about, and its revision on the page that the person saw.

        Raises
        ------
        CaseChangedError
            The case has another revision now: an alert joined it, or somebody else decided. Nothing is kept.
        ValueError
            The fields of the action do not fit each other.
        OSError, RetailAnomalyError
            It cannot be written.
        """
        with self._lock:
            self.refresh()
            case = None if seen is None else self._cases.get(seen[0])
            if seen is not None and (case is None or case.revision != seen[1]):
                raise CaseChangedError(
                    "Nothing was kept: this case changed since you opened it. Read it again, then decide."
                )
            at = self._now() if case is None else self._time_to_act(case)
            action = self._hide(make(uuid4().hex, at))
            if case is not None and action.action in ("verdict", "reopen"):
                action = _behind(action, case)
            hidden = (
                self._triage.hidden_by(action, self._stores[store_id]) if action.action == "allow" else []
            )
            if hidden:
                raise ValueError(
                    f"an allow entry for {hidden[0].type} would have hidden an alert that was confirmed "
                    f"({hidden[0].message}): judge the case, or snooze it for some days"
                )
            actions = [action, *_verdicts_ahead(action, case)]
            for each in actions:
                self._action_records.append(encode(each), store_id)
            self.refresh()
            self._take_all(actions)  # a topic may give them back a moment later; seen twice they count once
            return action

    def _time_to_act(self, case: Case) -> int:
        """Return the time of a decision about a case.

        A history that is read again may lie ahead of the wall clock, and a verdict on a case covers the
        alerts that were opened by then. But one till whose clock is ahead must not move the decision: later
        alerts would be judged before anybody saw them.
        """
        plausible = min(case.newest_at, self._triage.time(self._stores[case.store_id]), LATEST)
        return max(self._now(), plausible)

    def _clear(self) -> None:
        self.problems.clear()
        cases = self.settings.cases
        self._triage = Triage(memory=None, priors=cases.priors, calibration=cases.calibration)
        self._stores: dict[str, StoreMemory] = {}
        self._alerts: dict[str, Alert] = {}
        self._cases: dict[str, Case] = {}
        self._case_ids: dict[str, str] = {}  # by alert
        self._precision: dict[str, Precision] = {}  # by store group
        self._open = OpenCases()
        self._ordered = []
        self.stores: set[str] = set()
        self.types: set[str] = set()

    def _take_all(self, records: Iterable[Alert | Action]) -> None:
        changed: dict[str, Case] = {}
        for record in records:
            changed |= {case.case_id: case for case in self._take(record)}
        for case in changed.values():
            self._keep(case)

    def _take(self, record: Alert | Action) -> list[Case]:
        store = self._stores.get(record.store_id)
        if store is None:
            store = self._stores[record.store_id] = self._triage.new_store(record.store_id)
        if isinstance(record, Alert):
            known = self._alerts.get(record.alert_id)
            if known is None or known.revision < record.revision:
                self._alerts[record.alert_id] = record
        return self._triage.process(record, store)

    def _keep(self, case: Case) -> None:
        group = self.settings.group(case.store_id)
        precision = self._precision.setdefault(group, Precision(self.settings.cases.priors))
        before = self._cases.get(case.case_id)
        for alert in before.alerts if before else ():
            precision.count(alert.type, alert.verdict, -1, confidence=alert.confidence)
        for alert in case.alerts:
            precision.count(alert.type, alert.verdict, confidence=alert.confidence)
        self._cases[case.case_id] = case
        self._case_ids.update((alert.alert_id, case.case_id) for alert in case.alerts)
        self._open.put(case, group)
        self._ordered = []
        self.stores.add(case.store_id)
        self.types.update(alert.type for alert in case.alerts)

    def _action(self, line: bytes) -> Action:
        return self._hide(decode_action(line))

    def _decoded(
        self, records: Records, decode: Callable[[bytes], Alert | Action]
    ) -> Iterable[Alert | Action]:
        is_clear = self.settings.privacy.pseudonyms == "none"
        for line in records.new_lines():
            try:
                yield decode(line)
            except InvalidRecord as error:
                reason = error.reason if is_clear else without_value(error.reason)
                self.problems.append(f"{records.place}: {reason}")


def _behind(action: Action, case: Case) -> Action:
    """Return a decision, moved behind the newest one on its case: of two the later counts."""
    last = max((each.time for each in case.actions if each.action in ("verdict", "reopen")), default=0)
    return msgspec.structs.replace(action, time=min(max(action.time, last + 1), LATEST))


def _verdicts_ahead(action: Action, case: Case | None) -> Iterator[Action]:
    """Yield a verdict of its own for each alert of a case that was opened after the verdict on the case."""
    if case is None or action.action != "verdict" or action.case_id is None:
        return
    for alert in case.alerts:
        if alert.opened_at > action.time:
            yield msgspec.structs.replace(
                action, action_id=uuid4().hex, case_id=None, alert_id=alert.alert_id
            )


def _alert(line: bytes) -> Alert:
    return decode_record(Alert, line)
