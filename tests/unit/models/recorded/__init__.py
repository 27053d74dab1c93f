"""The alerts, scores and state of both models over `weeks_with_everything`: no figure may change.

`alerts.jsonl` has every alert, `scores.json` a hash of each day's scores, `records.json` the records that
checkpoints at `CUTS` wrote. `python -m tests.unit.models.recorded` writes them; write them anew only when a
figure is meant to change, and then keep `records.json` under another name: it is the proof that older state
can still be read. Those of the last two cuts are newer, because a long silence is followed for two weeks. In
`records_before_prices.json` prices have their first form.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec

from retail_anomaly.contract import RestartingRun, Run, TimePasses
from retail_anomaly.core.codec import encode
from retail_anomaly.core.score import Score
from tests.support.events import DAY, HOUR, MINUTE
from tests.unit.models.weeks_with_everything import (
    BURST,
    CHEAP,
    CLOSED,
    FAR_FUTURE,
    MANY_REFUNDS,
    MONDAY,
    OUTAGE,
    STORE,
    engine,
    steps,
)

FOLDER = Path(__file__).parent
CUTS = {
    "first morning": MONDAY + 10 * HOUR,
    "while learning": MONDAY + 9 * DAY + 13 * HOUR,
    "after an outage": MONDAY + OUTAGE * DAY + 14 * HOUR + 30 * MINUTE,
    "while many refunds are made": MONDAY + BURST * DAY + 11 * HOUR,
    "while prices are wrong": MONDAY + CHEAP * DAY + 13 * HOUR,
    "in a streak": MONDAY + MANY_REFUNDS[14] * DAY + 12 * HOUR,
    "while closed": MONDAY + CLOSED[4] * DAY + 23 * HOUR,
    "after an event of a far future": MONDAY + FAR_FUTURE * DAY + 9 * HOUR + 30 * MINUTE,
}


def play() -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the alerts of these weeks, and the hash of each day's scores."""
    run, scores = Run(engine()), defaultdict(list)

    def keep(score: Score) -> None:
        scores[f"{score.detector} {(score.end - MONDAY) // DAY}"].append(list(_fields(score)))

    for detector in run.engine.detectors:
        detector.listener = keep
    alerts = [comparable(alert) for step in steps() for alert in run.step(step)]
    return alerts, {day: _hash(rows) for day, rows in scores.items()}


def entries(records: dict[str, bytes]) -> dict[tuple[str, str], Any]:
    """Return the entries of both models as plain lists and numbers, by collection and key."""
    return {
        (name, key): entry
        for name, content in records.items()
        if "deviation" in name
        for key, entry in msgspec.msgpack.decode(content).items()
    }


def stored_at_cuts() -> dict[str, dict[str, bytes]]:
    """Return the records of the store at each cut."""
    stored, run, cuts = {}, RestartingRun(engine()), dict(CUTS)
    for step in steps():
        while cuts and isinstance(step, TimePasses) and step.time >= min(cuts.values()):
            name = next(iter(cuts))
            del cuts[name]
            run.checkpoint()
            stored[name] = dict(run.disks[STORE])
        run.step(step)
    return stored


def recorded_alerts() -> list[dict[str, Any]]:
    """Return the alerts as they were recorded."""
    return [json.loads(line) for line in (FOLDER / "alerts.jsonl").read_text().splitlines()]


def recorded_scores() -> dict[str, str]:
    """Return the hashes of each day's scores as they were recorded."""
    found: dict[str, str] = json.loads((FOLDER / "scores.json").read_text())
    return found


def recorded_state(file: str = "records.json") -> dict[str, dict[str, bytes]]:
    """Return the store's records at each cut, as they were recorded."""
    return {
        cut: {name: b64decode(content) for name, content in records.items()}
        for cut, records in json.loads((FOLDER / file).read_text()).items()
    }


def comparable(alert: Any) -> dict[str, Any]:
    """Return an alert without the time at which it was found."""
    fields: dict[str, Any] = json.loads(encode(alert))
    fields.pop("detectedAt", None)
    return fields


def _fields(score: Score) -> list[Any]:
    # A field that is newer than the record.
    return [getattr(score, name) for name in score.__struct_fields__ if name != "relearned_on"]


def _hash(rows: list[list[Any]]) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:12]
