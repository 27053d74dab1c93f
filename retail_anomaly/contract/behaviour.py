"""Checks of a detector's alerts, and of the changes that must not affect them."""

import copy
from collections.abc import Mapping
from typing import Final

import msgspec

from retail_anomaly.contract.runs import Run
from retail_anomaly.contract.subject import Check, Subject, require
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import PosEvent

NOISE: Final = "NO_SALE"
"""An event type that no detector knows."""


# --- Its alerts ----------------------------------------------------------------------------------


def _raises_alerts(subject: Subject) -> None:
    require(bool(subject.expected), "these events raise no alert: give events that do")


def _leaves_events_alone(subject: Subject) -> None:
    before = copy.deepcopy(list(subject.steps))
    subject.alerts()
    require(before == list(subject.steps), "an event was changed")


def _is_deterministic(subject: Subject) -> None:
    require(subject.alerts() == subject.expected, "the same events raise different alerts in another engine")


def _raises_well_formed_alerts(subject: Subject) -> None:
    detector = subject.detector
    for alert in subject.expected:
        about = f"{alert.type} at {alert.event_time}"
        own = (alert.detector, alert.type) == (detector.name, detector.alert_type)
        require(own, f"{about}: expected the detector's own name and type")
        require(0 <= alert.risk_score <= 1, f"{about}: expected a risk from 0 to 1, got {alert.risk_score}")
        require(
            alert.risk_score == round(alert.risk_score, 6), f"{about}: expected a risk rounded to 6 places"
        )
        require(bool(alert.evidence), f"{about}: the evidence is empty")
        require(alert.detected_at is None, f"{about}: detected_at is set by the host only")
        require(
            alert.message.endswith("."),
            f"{about}: expected a message that ends with a full stop, got {alert.message!r}",
        )
        require(
            "fraud" not in alert.message.lower(),
            f"{about}: an alert is a suspicion: its message must not say fraud",
        )


def _raises_alerts_that_survive_json(subject: Subject) -> None:
    for alert in subject.expected[:200]:
        again = msgspec.json.decode(encode(alert), type=Alert)
        require(again == alert, f"written as JSON and read again, the alert differs: {alert.evidence}")


def _counts_revisions(subject: Subject) -> None:
    last: dict[str, Alert] = {}
    for alert in subject.expected:
        previous = last.get(alert.alert_id)
        if alert.revision == 1:
            require(previous is None, f"{alert.alert_id}: two alerts have this id")
            require(
                alert.opened_at == alert.event_time,
                f"{alert.alert_id}: opened_at of revision 1 is its event time",
            )
        elif previous is None or alert.revision != previous.revision + 1:
            require(False, f"{alert.alert_id}: revision {alert.revision} follows no {alert.revision - 1}")
        else:
            require(
                alert.opened_at == previous.opened_at, f"{alert.alert_id}: a revision must keep opened_at"
            )
            lower = alert.risk_score < previous.risk_score
            require(not lower, f"{alert.alert_id}: a revision must not have a lower risk")
            require(
                alert.evidence != previous.evidence, f"{alert.alert_id}: a revision must tell something new"
            )
        last[alert.alert_id] = alert


# --- Without effect on them ----------------------------------------------------------------------


def _knows_one_store(subject: Subject) -> None:
    alerts = subject.expected
    for store in sorted({step.store_id for step in subject.steps}):
        alone = [step for step in subject.steps if step.store_id == store]
        own = [alert for alert in alerts if alert.store_id == store]
        require(Run(subject.engine()).alerts(alone) == own, f"other stores change the alerts of {store}")


def _ignores_unknown_types(subject: Subject) -> None:
    run = Run(subject.engine())
    alerts = []
    for step in subject.steps:
        alerts += run.step(step)
        if isinstance(step, PosEvent):
            noise = msgspec.structs.replace(step, event_type=NOISE, event_id=None)
            require(run.step(noise) == [], f"a {NOISE} raises an alert")
    require(alerts == subject.expected, f"with a {NOISE} between them the events raise different alerts")


BEHAVIOUR: Final[Mapping[str, Check]] = {
    "raises alerts over these events": _raises_alerts,
    "leaves events as they are": _leaves_events_alone,
    "raises the same alerts again": _is_deterministic,
    "raises well-formed alerts": _raises_well_formed_alerts,
    "raises alerts that survive JSON": _raises_alerts_that_survive_json,
    "counts revisions from 1": _counts_revisions,
    "knows one store at a time": _knows_one_store,
    "ignores unknown types of events": _ignores_unknown_types,
}
"""Checks that need events; each name says something that is true of a detector that passes."""
