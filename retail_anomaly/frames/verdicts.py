"""Verdicts as truth: the incidents that people confirmed."""

from collections.abc import Iterable, Iterator
from typing import Final

import pandas as pd

from retail_anomaly.cases import Case, CaseAlert
from retail_anomaly.cases.precision import money_of
from retail_anomaly.core.incidents import Incident
from retail_anomaly.core.quantities import plural
from retail_anomaly.frames.cases import Actions, Alerts, CaseBook, triage
from retail_anomaly.frames.incidents import incidents_frame
from retail_anomaly.settings import Settings

_NOTE: Final = (
    "the incidents are those of verdicts: what no alert showed is not among them, so the share that was "
    "found is too high; compare two sets of alerts with it, and do not quote it"
)
_HONEST: Final = ("benign", "training")


def verdict_incidents(alerts: Alerts, actions: Actions, *, settings: Settings | None = None) -> pd.DataFrame:
    """Return an incident for each case that people judged.

    Parameters
    ----------
    alerts
        The alerts that the verdicts are about, as for `triage`.
    actions
        The actions, as for `triage`.
    settings
        As for `triage`.

    Returns
    -------
    pandas.DataFrame
        As `incidents_frame` does. A case with a confirmed alert is an incident, with the transactions and the
        money of its confirmed alerts. A case whose alerts were judged benign or training is a distractor. A
        case without such verdicts is left out.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> verdict = {"actionId": "v", "time": 1_760_000_000_000, "by": "kim", "action": "verdict",
    ...     "storeId": "store-1", "alertId": "a2", "verdict": "confirmed", "reason": "seen on video"}
    >>> verdict_incidents(example_alerts(), [verdict])[["scenario", "sku", "distractor"]].values.tolist()
    [['inventory_shrinkage', 'sku-1', False]]
    """
    return judged_cases(triage(alerts, actions, settings=settings))


def judged_cases(book: CaseBook) -> pd.DataFrame:
    """Return an incident for each case of a book that people judged, as `verdict_incidents` does."""
    return incidents_frame(_incidents(book.cases))


def verdict_notes(book: CaseBook) -> str:
    """Return the limits of such incidents, for whoever reads a figure about them.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> verdict_notes(triage(example_alerts())).partition("; ")[0]
    '2 of 2 alerts were not judged: they count as wrong unless they are about a confirmed case'
    """
    verdicts = [alert.verdict for case in book.cases for alert in case.alerts]
    waiting = sum(verdict not in ("confirmed", *_HONEST) for verdict in verdicts)
    if not waiting:
        return _NOTE
    return (
        f"{waiting:,} of {plural(len(verdicts), 'alert')} were not judged: they count as wrong unless they "
        f"are about a confirmed case; {_NOTE}"
    )


def _incidents(cases: Iterable[Case]) -> Iterator[Incident]:
    for case in cases:
        confirmed = [alert for alert in case.alerts if alert.verdict == "confirmed"]
        honest = [alert for alert in case.alerts if alert.verdict in _HONEST]
        if confirmed or honest:
            yield _incident(case, confirmed or honest, distractor=not confirmed)


def _incident(case: Case, alerts: list[CaseAlert], *, distractor: bool) -> Incident:
    subject = case.subject
    return Incident(
        incident_id=case.case_id,
        scenario=alerts[0].detector,
        store_id=case.store_id,
        employee_id=subject.id if subject.type == "employee" else None,
        start=min(alert.opened_at for alert in alerts),
        end=max(alert.event_time for alert in alerts),
        transaction_ids=list(dict.fromkeys(name for alert in alerts for name in alert.transaction_ids)),
        expected_loss=0.0 if distractor else round(sum(money_of(alerts)), 2),
        sku=subject.id if subject.type == "sku" else None,
        detector=alerts[0].detector,
        distractor=distractor,
    )
