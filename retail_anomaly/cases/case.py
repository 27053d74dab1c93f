"""Cases: a store's alerts about one subject, with the decisions about them."""

from hashlib import blake2b
from typing import Literal, TypeAlias

import msgspec

from retail_anomaly.cases.actions import Action, Verdict
from retail_anomaly.core.alerts import Alert

SubjectType: TypeAlias = Literal["employee", "sku", "store"]


class CaseSubject(msgspec.Struct, frozen=True, gc=False):
    """The employee, the article or the store that a case is about.

    Examples
    --------
    >>> CaseSubject("employee", "c-1").id
    'c-1'
    """

    type: SubjectType
    id: str


class CaseAlert(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """An alert as its case shows it: its last revision and its verdict.

    Parameters
    ----------
    alert_id, revision, type, detector, employee_id, risk_score, message, event_time, opened_at
        As in `Alert`.
    money
        The money that the alert is about; None if it counts pieces.
    transaction_ids
        The transactions that its evidence cites, the first 50 of them.
    verdict
        The newest verdict on it; None: nobody has judged it.
    suppressed_by
        The snooze or allow entry that it falls under, by the entry's ``actionId``.
    confidence
        The share of such alerts that were right, by detector and score, when it was raised; see
        `Calibration`. None: no alert of its detector was labelled.

    Examples
    --------
    >>> CaseAlert("a", 1, "SHRINKAGE", "inventory_shrinkage", None, 1.0, "10 pieces.", 1, 1).verdict
    """

    alert_id: str
    revision: int
    type: str
    detector: str
    employee_id: str | None
    risk_score: float
    message: str
    event_time: int
    opened_at: int
    money: float | None = None
    transaction_ids: tuple[str, ...] = ()
    verdict: Verdict | None = None
    suppressed_by: str | None = None
    confidence: float | None = None

    @property
    def waits(self) -> bool:
        """Tell whether somebody still has to judge the alert."""
        return self.verdict is None and self.suppressed_by is None


class Case(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A store's alerts about one subject.

    Parameters
    ----------
    case_id
        The same whatever the host or the run.
    revision
        Counts the alerts' revisions and the actions that the case has taken in.
    store_id, subject
        The store, and whom or what the case is about.
    opened_at, newest_at
        The smallest and the largest ``opened_at`` of its alerts, in epoch milliseconds.
    state
        ``closed`` when each alert has a verdict or is suppressed and nobody reopened the case since; else
        ``open``.
    assignee
        The person who took the case, if anybody did.
    alerts
        Its alerts in order of time.
    actions
        The actions about it, in order of time.
    priority
        The probability that at least one of its alerts is right, 0 to 1; see `prioritised`.
    expected_loss
        The money at stake, each alert's share weighted with the probability that it is right.
    shortened
        Whether older alerts and actions are left out, because the whole case does not fit into a record.

    Examples
    --------
    >>> Case("c", 1, "store-1", CaseSubject("store", "store-1"), 1, 1, "open", None, (), ()).priority
    0.0
    """

    case_id: str
    revision: int
    store_id: str
    subject: CaseSubject
    opened_at: int
    newest_at: int
    state: Literal["open", "closed"]
    assignee: str | None
    alerts: tuple[CaseAlert, ...]
    actions: tuple[Action, ...]
    priority: float = 0.0
    expected_loss: float = 0.0
    shortened: bool = False


def verdicts_on(case: Case, alert: CaseAlert) -> list[Action]:
    """Return the verdicts on an alert of a case, the one that counts last.

    Examples
    --------
    >>> alert = CaseAlert("a", 1, "SHRINKAGE", "inventory_shrinkage", None, 1.0, "10 pieces.", 1, 1)
    >>> action = Action("v", 5, "kim", "verdict", "s", "found them", case_id="c", verdict="benign")
    >>> case = Case("c", 1, "s", CaseSubject("store", "s"), 1, 1, "closed", None, (alert,), (action,))
    >>> [each.verdict for each in verdicts_on(case, alert)]
    ['benign']
    """
    return [
        action
        for action in case.actions
        if action.action == "verdict"
        and (action.alert_id == alert.alert_id or (action.case_id and alert.opened_at <= action.time))
    ]


def subject_of(alert: Alert) -> CaseSubject:
    """Return whom or what an alert is about: the employee, else the article, else the store.

    Examples
    --------
    >>> alert = Alert(alert_id="a", revision=1, type="SHRINKAGE", detector="inventory_shrinkage",
    ...     store_id="store-1", employee_id=None, risk_score=1.0, message="10 pieces are missing.",
    ...     event_time=1, opened_at=1, evidence={"sku": "sku-1"}, config_hash="0")
    >>> subject_of(alert)
    CaseSubject(type='sku', id='sku-1')
    """
    if alert.employee_id:
        return CaseSubject("employee", alert.employee_id)
    sku = alert.evidence.get("sku")
    if isinstance(sku, str) and sku:
        return CaseSubject("sku", sku)
    return CaseSubject("store", alert.store_id)


def case_id(store_id: str, subject: CaseSubject, alert_id: str) -> str:
    """Hash a case's store, subject and first alert to 32 hexadecimal digits.

    Examples
    --------
    >>> len(case_id("store-1", CaseSubject("store", "store-1"), "a"))
    32
    """
    parts = msgspec.json.encode([store_id, subject.type, subject.id, alert_id])
    return blake2b(parts, digest_size=16).hexdigest()
