"""Triage: a store's alerts and actions in, its changed cases out.

`Triage.process` has the interface of the engine, so that a host that keeps the memory of stores for the
detectors keeps it for cases too. Its outcome does not depend on the order of the actions: a case is a
function of the alerts in their order and of the set of actions.
"""

from bisect import insort
from collections.abc import Iterable, Mapping
from typing import Final, cast

from retail_anomaly.cases.actions import Action, Scope
from retail_anomaly.cases.case import Case, CaseAlert, case_id, subject_of
from retail_anomaly.cases.confidence import Calibration, packaged_calibration
from retail_anomaly.cases.precision import Precision, Prior, prioritised
from retail_anomaly.cases.state import CasesState, CaseState
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.stakes import at_stake, cited_transactions
from retail_anomaly.core.store_keeper import StoreKeeper

_DAY: Final = 86_400_000
# CONTRACT of the topic `alert-cases`: an alert joins a case whose newest alert is at most so much older ...
_JOINS: Final = _DAY
# ... and whose first one is less than so much older.
_LONGEST: Final = 7 * _DAY
_WAITS: Final = 7 * _DAY
_MOST_CITED: Final = 50
_STATE: Final = "cases"


class Triage(StoreKeeper):
    """Gathers alerts in cases and applies actions to them.

    Parameters
    ----------
    memory
        How long a case is remembered after its newest alert, in milliseconds by the times of its store's
        alerts; None: for ever.
    priors
        What is believed of each type of alert before anybody judged one.
    calibration
        Gives each alert its confidence; by default the packaged one.
    has_pseudonyms
        Whether pseudonyms stand for the ids of employees; state of the other kind is refused.

    Examples
    --------
    >>> triage = Triage()
    >>> store = triage.new_store("store-1")
    >>> alert = Alert(alert_id="a", revision=1, type="SHRINKAGE", detector="inventory_shrinkage",
    ...     store_id="store-1", employee_id=None, risk_score=1.0, message="10 pieces are missing.",
    ...     event_time=1_760_000_000_000, opened_at=1_760_000_000_000, evidence={"sku": "sku-1"},
    ...     config_hash="0")
    >>> [case] = triage.process(alert, store)
    >>> case.subject.id, case.state, 0 < case.priority < 1
    ('sku-1', 'open', True)
    >>> action = Action("v", 1_760_000_060_000, "kim", "verdict", "store-1", "found them", alert_id="a",
    ...     verdict="benign")
    >>> [case] = triage.process(action, store)
    >>> case.state, case.revision, case.priority
    ('closed', 2, 0.0)
    """

    STATE = _STATE
    needs_ticks: Final = False

    def __init__(
        self,
        *,
        memory: int | None = 90 * _DAY,
        priors: Mapping[str, Prior] | None = None,
        calibration: Calibration | None = None,
        has_pseudonyms: bool = False,
    ) -> None:
        super().__init__(has_pseudonyms=has_pseudonyms)
        self._memory = memory
        self._priors = dict(priors or {})
        self._calibration = calibration or packaged_calibration()

    def new_state(self) -> CasesState:
        """Return the state of a store without cases."""
        return CasesState()

    def process(self, record: Alert | Action, store: StoreMemory) -> list[Case]:
        """Take one alert or action of a store.

        Parameters
        ----------
        record
            An alert or an action whose ``store_id`` is the store's.
        store
            The store's memory; it is changed.

        Returns
        -------
        list of Case
            The cases that changed; none for a record that was seen before.
        """
        state = _state(store)
        changed = self._take(record, state)
        cases = self._built(changed, state)
        state.forget(self._memory, _WAITS)
        return cases

    def take(self, record: Alert | Action, store: StoreMemory) -> list[str]:
        """Take one alert or action of a store as `process` does, and put no case together.

        A reader of a whole history needs each case once, at its end: `process` costs as much as the case is
        long.

        Parameters
        ----------
        record, store
            As for `process`.

        Returns
        -------
        list of str
            The ids of the cases that changed.
        """
        state = _state(store)
        changed = self._take(record, state)
        state.forget(self._memory, _WAITS)
        return changed

    def cases(self, store: StoreMemory, case_ids: Iterable[str] | None = None) -> list[Case]:
        """Return the cases of a store as they are now.

        Parameters
        ----------
        store
            The memory of the store.
        case_ids
            Those to return, in this order; one that is not remembered is left out. None: all that are
            remembered, in the order in which they were opened.
        """
        state = _state(store)
        return self._built(state.cases if case_ids is None else case_ids, state)

    def hidden_by(self, entry: Action, store: StoreMemory) -> list[CaseAlert]:
        """Return the confirmed alerts that a snooze or an allow entry would have hidden, whenever they came.

        Parameters
        ----------
        entry
            The entry, which need not be taken.
        store
            The memory of its store.
        """
        kept = (alert for _, alert in _state(store).alerts.items())
        return [
            alert.shown
            for alert in kept
            if alert.verdict == "confirmed" and entry.scope is not None and covers(entry.scope, alert.scope)
        ]

    def time(self, store: StoreMemory) -> int:
        """Return the time that the alerts of a store have let pass; one alert from far ahead moves it not."""
        clock = _state(store).clocks.get("")
        return 0 if clock is None else clock.time

    def waiting(self, store: StoreMemory) -> tuple[int, int | None]:
        """Return how many actions wait for their alert or case; time alone releases none."""
        return len(_state(store).waiting), None

    def _take(self, record: Alert | Action, state: CasesState) -> list[str]:
        if isinstance(record, Alert):
            state.pass_time(_time(record))
            return self._take_alert(record, state)
        # People act by the time of day, which may be years after the alerts of a history that is read
        # again. So actions pass no time, and what is forgotten hangs on the alerts alone.
        return self._take_action(record, state)

    def _take_alert(self, alert: Alert, state: CasesState) -> list[str]:
        known = state.alerts.get(alert.alert_id)
        if known is not None and alert.revision <= known.shown.revision:
            return []
        name = self._case_of(alert, state) if known is None else known.case_id
        case = state.case(name)
        state.keep_alert(_shown(alert, self._calibration), name, scope_of(alert))
        case.revision += 1
        case.newest_at = max(case.newest_at, alert.opened_at)
        state.cases.put(name, case)
        released: list[Action] = []
        if known is None:
            for action in state.entries_of(alert.type):
                self._suppress(action, alert.alert_id, state)
            released = state.released(alert.alert_id, name)
            for action in released:
                self._apply(action, name, state)
        # An action that waited for the case may judge alerts that are in it already.
        _count_verdicts(case.alert_ids if released else [alert.alert_id], name, state)
        return [name]

    def _case_of(self, alert: Alert, state: CasesState) -> str:
        """Return the case that a new alert joins or opens."""
        subject = subject_of(alert)
        key = f"{subject.type}/{subject.id}"
        name = state.newest.get(key)
        case = state.cases.get(name) if name is not None else None
        if (
            name is not None
            and case is not None
            and alert.opened_at - case.newest_at <= _JOINS
            and alert.opened_at - case.first_at < _LONGEST
        ):
            case.alert_ids.append(alert.alert_id)
            return name
        name = case_id(alert.store_id, subject, alert.alert_id)
        state.newest.put(key, name)
        state.cases.put(
            name,
            CaseState(
                store_id=alert.store_id,
                subject=subject,
                alert_ids=[alert.alert_id],
                first_at=alert.opened_at,
                newest_at=alert.opened_at,
            ),
        )
        return name

    def _take_action(self, action: Action, state: CasesState) -> list[str]:
        if action.scope is not None:
            return self._enter(action, state)
        known = state.alerts.get(action.alert_id) if action.alert_id is not None else None
        name = known.case_id if known is not None else action.case_id
        if name is None or state.cases.get(name) is None:
            state.waiting.put(action.action_id, action)
            return []
        changed = self._apply(action, name, state)
        if changed and action.action == "verdict":
            _count_verdicts(_judged(action, name, state), name, state)
        return changed

    def _enter(self, action: Action, state: CasesState) -> list[str]:
        """Keep a snooze or an allow entry, and mark the alerts that it covers."""
        if state.entries.get(action.action_id) is not None:
            return []
        state.entries.put(action.action_id, action)
        changed = dict[str, None]()
        for alert_id, alert in list(state.alerts.items()):
            if self._suppress(action, alert_id, state):
                changed[alert.case_id] = None
        return list(changed)

    def _suppress(self, action: Action, alert_id: str, state: CasesState) -> bool:
        alert = state.alert(alert_id)
        covered = action.scope is not None and covers(action.scope, alert.scope)
        if not (covered and action.time <= alert.shown.opened_at <= action.ends):
            return False
        alert.suppressed_by.append(action.action_id)
        state.alerts.put(alert_id, alert)
        case = state.case(alert.case_id)
        case.revision += 1
        state.cases.put(alert.case_id, case)
        return True

    def _apply(self, action: Action, name: str, state: CasesState) -> list[str]:
        case = state.case(name)
        if any(taken.action_id == action.action_id for taken in case.actions):
            return []
        insort(case.actions, action, key=lambda each: each.order)
        case.revision += 1
        state.cases.put(name, case)
        return [name]

    def _built(self, case_ids: Iterable[str], state: CasesState) -> list[Case]:
        """Return cases as their alerts and actions make them."""
        precision = state.precision(self._priors)
        known = ((name, state.cases.get(name)) for name in case_ids)
        return [_put_together(name, case, state, precision) for name, case in known if case is not None]


def _put_together(name: str, case: CaseState, state: CasesState, precision: Precision) -> Case:
    alerts = sorted(
        (state.shown(alert_id) for alert_id in case.alert_ids),
        key=lambda each: (each.opened_at, each.alert_id),
    )
    assigned = [action for action in case.actions if action.action == "assign"]
    built = Case(
        case_id=name,
        revision=case.revision,
        store_id=case.store_id,
        subject=case.subject,
        opened_at=alerts[0].opened_at,
        newest_at=case.newest_at,
        state="open" if _reopened(case) or any(alert.waits for alert in alerts) else "closed",
        assignee=(assigned[-1].assignee or assigned[-1].by) if assigned else None,
        alerts=tuple(alerts),
        actions=tuple(case.actions),
    )
    return prioritised(built, precision)


def _count_verdicts(alert_ids: Iterable[str], name: str, state: CasesState) -> None:
    """Count the verdicts of some alerts of a case anew, after its actions changed or they were replaced."""
    case = state.case(name)
    for alert_id in alert_ids:
        opened_at = state.alert(alert_id).shown.opened_at
        # The actions are in order, so the first from the end is the newest.
        about = (
            action.verdict
            for action in reversed(case.actions)
            if action.action == "verdict"
            and (action.alert_id == alert_id or (action.case_id == name and opened_at <= action.time))
        )
        state.note_verdict(alert_id, next(about, None))


def _judged(verdict: Action, name: str, state: CasesState) -> list[str]:
    """Return the alerts of a case that a verdict may be about."""
    if verdict.case_id != name:
        return [] if verdict.alert_id is None else [verdict.alert_id]
    return [
        alert_id
        for alert_id in state.case(name).alert_ids
        if alert_id == verdict.alert_id or state.alert(alert_id).shown.opened_at <= verdict.time
    ]


def _state(store: StoreMemory) -> CasesState:
    return cast(CasesState, store.detectors[_STATE])


def _time(alert: Alert) -> int:
    """Return the time that an alert lets pass: a till whose clock is ahead cannot outrun the detection."""
    time = max(alert.event_time, alert.opened_at)
    return time if alert.detected_at is None else min(time, alert.detected_at)


def _shown(alert: Alert, calibration: Calibration) -> CaseAlert:
    return CaseAlert(
        alert_id=alert.alert_id,
        revision=alert.revision,
        type=alert.type,
        detector=alert.detector,
        employee_id=alert.employee_id,
        risk_score=alert.risk_score,
        message=alert.message,
        event_time=alert.event_time,
        opened_at=alert.opened_at,
        money=at_stake(alert.evidence),
        transaction_ids=tuple(cited_transactions(alert.evidence)[:_MOST_CITED]),
        confidence=calibration.known(alert),
    )


def scope_of(alert: Alert) -> Scope:
    """Return what snooze and allow entries know an alert by.

    Examples
    --------
    >>> alert = Alert(alert_id="a", revision=1, type="SHRINKAGE", detector="inventory_shrinkage",
    ...     store_id="store-1", employee_id=None, risk_score=1.0, message="10 pieces are missing.",
    ...     event_time=1, opened_at=1, evidence={"sku": "sku-1"}, config_hash="0")
    >>> covers(Scope(type="SHRINKAGE", sku="sku-1"), scope_of(alert))
    True
    """
    sku, card = alert.evidence.get("sku"), alert.evidence.get("cardToken")
    return Scope(
        type=alert.type,
        employee_id=alert.employee_id or None,
        sku=sku if isinstance(sku, str) else None,
        card_token=card if isinstance(card, str) else None,
    )


def covers(entry: Scope, alert: Scope) -> bool:
    """Tell whether an alert equals a snooze or an allow entry in each field that the entry names.

    Examples
    --------
    >>> covers(Scope(type="SHRINKAGE", sku="sku-1"), Scope(type="SHRINKAGE", sku="sku-2"))
    False
    """
    named = {field: getattr(entry, field) for field in entry.__struct_fields__}
    return all(value is None or getattr(alert, field) == value for field, value in named.items())


def _reopened(case: CaseState) -> bool:
    """Tell whether the newest of the verdicts and reopenings is a reopening."""
    last = [action for action in case.actions if action.action in ("verdict", "reopen")][-1:]
    return bool(last) and last[0].action == "reopen"
