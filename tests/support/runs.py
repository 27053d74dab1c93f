"""Alerts of an engine: over events in memory, and over raw records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from retail_anomaly.contract import Run, Step
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import decode
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import Event
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.settings import build_engine, load_settings
from tests.support.events import DAY

Parameters = dict[str, dict[str, Any]]


def engine_of(*names: str, max_late: int = DAY, dedupe_memory: int = DAY, **parameters: Any) -> Engine:
    """Make an engine of the named detectors, or of all; `parameters` by detector name, or of the only one."""
    chosen = names or tuple(REGISTRY)
    return Engine(
        [
            REGISTRY[name](
                REGISTRY[name].Parameters(**(parameters if len(names) == 1 else parameters.get(name, {}))),
                max_late,
            )
            for name in chosen
        ],
        max_late=max_late,
        dedupe_memory=dedupe_memory,
    )


def alerts_by_step(engine: Engine, steps: Iterable[Step]) -> list[list[Alert]]:
    """Return the alerts of each step."""
    run = Run(engine)
    return [run.step(step) for step in steps]


def alerts_of(engine: Engine, *steps: Step) -> list[Alert]:
    """Return all alerts of the steps in one list."""
    return [alert for alerts in alerts_by_step(engine, steps) for alert in alerts]


def alerts_of_raw(records: Sequence[tuple[str, bytes]], config: Path | None = None) -> list[Alert]:
    """Return the alerts of all detectors over records as a topic has them: (topic, value)."""
    return alerts_of(build_engine(load_settings(config)), *_decoded(records))


def _decoded(records: Iterable[tuple[str, bytes]]) -> Iterator[Event]:
    for topic, raw in records:
        with suppress(InvalidEvent):
            yield decode(topic, raw)
