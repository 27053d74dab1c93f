"""What a detector does: its alerts, what has no effect on them, what survives and what is forgotten."""

import copy
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

import msgspec

from retail_anomaly.alerts import Alert
from retail_anomaly.codec import encode
from retail_anomaly.contract.run import RestartingRun, Run, Step, Tick
from retail_anomaly.contract.subject import Check, Subject, require
from retail_anomaly.events import PosEvent, ShiftEvent

_YEAR: Final = 365 * 86_400_000
_SEEDS: Final = range(3)
_LOST: Final = 500  # steps that are processed again after a crash
_NOISE: Final = "NO_SALE"


# --- What it raises ------------------------------------------------------------------------------


def _speaks(subject: Subject) -> None:
    require(bool(subject.alerts()), "these events raise no alert: try it with some that do")


def _leaves_events_alone(subject: Subject) -> None:
    before = copy.deepcopy(list(subject.steps))
    subject.alerts()
    require(before == list(subject.steps), "an event was changed")


def _is_deterministic(subject: Subject) -> None:
    require(subject.alerts() == subject.alerts(), "the same events raise other alerts in another engine")


def _raises_well_formed_alerts(subject: Subject) -> None:
    detector = subject.detector
    for alert in subject.alerts():
        said = f"{alert.type} at {alert.event_time}"
        own = (alert.detector, alert.type) == (detector.name, detector.alert_type)
        require(own, f"{said}: expected the detector's own name and type")
        require(0 <= alert.risk_score <= 1, f"{said}: a risk is 0 to 1, got {alert.risk_score}")
        require(alert.risk_score == round(alert.risk_score, 6), f"{said}: a risk has 6 places")
        require(bool(alert.evidence), f"{said}: an alert carries its evidence")
        require(alert.detected_at is None, f"{said}: the host says when it was detected")
        require(alert.message.endswith("."), f"{said}: a message is a sentence, got {alert.message!r}")
        require("fraud" not in alert.message.lower(), f"{said}: an alert is a suspicion, not a verdict")


def _raises_alerts_that_survive_json(subject: Subject) -> None:
    for alert in subject.alerts()[:200]:
        again = msgspec.json.decode(encode(alert), type=Alert)
        require(again == alert, f"as JSON it is another alert: {alert.evidence}")


def _counts_revisions(subject: Subject) -> None:
    last: dict[str, Alert] = {}
    for alert in subject.alerts():
        previous = last.get(alert.alert_id)
        if alert.revision == 1:
            require(previous is None, f"{alert.alert_id}: two alerts have this id")
            require(alert.opened_at == alert.event_time, f"{alert.alert_id}: a first revision opens it")
        elif previous is None or alert.revision != previous.revision + 1:
            require(False, f"{alert.alert_id}: revision {alert.revision} follows no {alert.revision - 1}")
        else:
            require(alert.opened_at == previous.opened_at, f"{alert.alert_id}: a revision keeps its opening")
            worse = alert.risk_score > previous.risk_score
            require(worse, f"{alert.alert_id}: a revision has a higher risk")
        last[alert.alert_id] = alert


# --- What has no effect --------------------------------------------------------------------------


def _knows_one_store(subject: Subject) -> None:
    alerts = subject.alerts()
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
            noise = msgspec.structs.replace(step, event_type=_NOISE, event_id=None)
            require(run.step(noise) == [], f"a {_NOISE} raises an alert")
    require(alerts == subject.alerts(), f"with some {_NOISE} between them the events raise other alerts")


# --- What survives a restart ---------------------------------------------------------------------


def _survives_restarts(subject: Subject) -> None:
    expected = subject.alerts()
    for seed in _SEEDS:
        rng = Random(seed)
        run = RestartingRun(subject.engine())
        alerts = []
        for step in subject.steps:
            alerts += run.step(step)
            if rng.random() < 0.05:
                run.checkpoint()
            if rng.random() < 0.01:
                run.restart()
        require(alerts == expected, "with restarts the events raise other alerts")


def _survives_a_restart_after_every_event(subject: Subject) -> None:
    run = RestartingRun(subject.engine())
    alerts = []
    for step in subject.steps:
        alerts += run.step(step)
        run.restart()
    require(alerts == subject.alerts(), "with a restart after every event there are other alerts")


def _repeats_after_a_crash(subject: Subject) -> None:
    for seed in _SEEDS:
        at = Random(seed).randrange(max(1, len(subject.steps) - _LOST))
        again = subject.steps[at : at + _LOST]
        run = RestartingRun(subject.engine())
        run.alerts(subject.steps[:at])
        run.checkpoint()
        lost = run.alerts(again)
        run.stores.clear()
        require(run.alerts(again) == lost, "what is processed again after a crash raises other alerts")


def _writes_only_changes(subject: Subject) -> None:
    run = RestartingRun(subject.engine())
    run.alerts(subject.steps)
    run.checkpoint()
    _require_headers(run)
    run.restart()
    _require_headers(run)


def _require_headers(run: RestartingRun) -> None:
    for store_id in run.disks:
        written = [record for record, _ in run.store(store_id).records()]
        require(written == ["header"], f"without a change a checkpoint writes {written}")


def _has_equal_bytes(subject: Subject) -> None:
    disks = []
    for _ in range(2):
        run = RestartingRun(subject.engine())
        run.alerts(subject.steps)
        run.checkpoint()
        disks.append(run.disks)
    require(disks[0] == disks[1], "equal histories are stored as different bytes")


# --- What is forgotten ---------------------------------------------------------------------------


def _forgets(subject: Subject) -> None:
    kept = {"shifts", *subject.kept}
    for restarted in (False, True):
        run = RestartingRun(subject.engine())
        run.alerts(subject.steps)
        run.checkpoint()
        if restarted:
            run.restart()
        for store_id in run.disks:
            run.alerts(_silence(store_id, subject.steps))
            left = {name for name, entries in run.store(store_id).entries().items() if entries}
            require(left <= kept, f"after a year of silence there is {', '.join(sorted(left - kept))}")
        run.checkpoint()
        for disk in run.disks.values():
            # An emptied page stays, with nothing in it.
            pages = {name.split("/")[0] for name, content in disk.items() if msgspec.msgpack.decode(content)}
            written = pages - kept - {"header"}
            require(not written, f"after a year of silence {', '.join(sorted(written))} is on disk")


def _silence(store_id: str, steps: Sequence[Step]) -> list[Step]:
    """Return two events that change nothing, a year later and a day after that."""
    newest = max(_time(step) for step in steps)
    later = (newest + _YEAR, newest + _YEAR + 86_400_000)
    return [PosEvent("t", store_id, "c", "k", 0.0, _NOISE, time) for time in later]


def _time(step: Step) -> int:
    if isinstance(step, Tick):
        return step.time
    return step.shift_end if isinstance(step, ShiftEvent) else step.event_time


BEHAVIOUR: Final[Mapping[str, Check]] = {
    "raises alerts over these events": _speaks,
    "leaves events as they are": _leaves_events_alone,
    "raises the same alerts again": _is_deterministic,
    "raises well-formed alerts": _raises_well_formed_alerts,
    "raises alerts that survive JSON": _raises_alerts_that_survive_json,
    "counts revisions from 1": _counts_revisions,
    "knows one store at a time": _knows_one_store,
    "ignores unknown types of events": _ignores_unknown_types,
    "survives restarts": _survives_restarts,
    "survives a restart after every event": _survives_a_restart_after_every_event,
    "repeats its alerts after a crash": _repeats_after_a_crash,
    "writes nothing where nothing changed": _writes_only_changes,
    "stores equal histories as equal bytes": _has_equal_bytes,
    "forgets what it no longer needs": _forgets,
}
"""Checks over events, by what they say of a detector that passes."""
