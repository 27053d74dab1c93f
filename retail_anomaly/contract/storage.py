"""Checks of a detector's state: it survives restarts and crashes, and it expires."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

import msgspec

from retail_anomaly.contract.behaviour import NOISE
from retail_anomaly.contract.runs import RestartingRun, Step, TimePasses
from retail_anomaly.contract.subject import Check, Subject, require
from retail_anomaly.core.events import PosEvent, ShiftEvent

_YEAR: Final = 365 * 86_400_000
_SEEDS: Final = range(3)
_LOST: Final = 500  # steps that a crash loses, so that they are processed again


def _survives_restarts(subject: Subject) -> None:
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
        require(alerts == subject.expected, "with restarts the events raise different alerts")


def _survives_a_restart_after_every_event(subject: Subject) -> None:
    run = RestartingRun(subject.engine())
    alerts = []
    for step in subject.steps:
        alerts += run.step(step)
        run.restart()
    require(alerts == subject.expected, "with a restart after every event the events raise different alerts")


def _repeats_after_a_crash(subject: Subject) -> None:
    for seed in _SEEDS:
        at = Random(seed).randrange(max(1, len(subject.steps) - _LOST))
        again = subject.steps[at : at + _LOST]
        run = RestartingRun(subject.engine())
        run.alerts(subject.steps[:at])
        run.checkpoint()
        lost = run.alerts(again)
        run.stores.clear()
        require(
            run.alerts(again) == lost, "events that are processed again after a crash raise different alerts"
        )


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
    require(disks[0] == disks[1], "the same events are stored as different bytes")


# --- Expiry --------------------------------------------------------------------------------------


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
            require(
                left <= kept, f"after a year of silence there are entries in {', '.join(sorted(left - kept))}"
            )
        run.checkpoint()
        for disk in run.disks.values():
            # A page that became empty stays on the disk.
            pages = {name.split("/")[0] for name, content in disk.items() if msgspec.msgpack.decode(content)}
            written = pages - kept - {"header"}
            require(not written, f"after a year of silence {', '.join(sorted(written))} is on disk")


def _silence(store_id: str, steps: Sequence[Step]) -> list[Step]:
    """Return events without effect, a year later and a day after that; of two tills, for the clock's sake."""
    newest = max(_time(step) for step in steps)
    later = (newest + _YEAR, newest + _YEAR + 86_400_000)
    return [
        PosEvent("t", store_id, "c", "k", 0.0, NOISE, time, register_id=till)
        for time in later
        for till in ("till-1", "till-2")
    ]


def _time(step: Step) -> int:
    if isinstance(step, TimePasses):
        return step.time
    return step.shift_end if isinstance(step, ShiftEvent) else step.event_time


STORAGE: Final[Mapping[str, Check]] = {
    "survives restarts": _survives_restarts,
    "survives a restart after every event": _survives_a_restart_after_every_event,
    "repeats its alerts after a crash": _repeats_after_a_crash,
    "writes nothing where nothing changed": _writes_only_changes,
    "stores equal histories as equal bytes": _has_equal_bytes,
    "forgets what it no longer needs": _forgets,
}
"""Checks of stored state; each name says something that is true of a detector that passes."""
