"""Runs of the engine: over events in memory, over raw records, and through restarts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from retail_anomaly.alerts import Alert
from retail_anomaly.codec import decode
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.engine import Engine
from retail_anomaly.events import Event
from retail_anomaly.store import StoreState
from tests.support.events import DAY


@dataclass(frozen=True)
class Tick:
    """Time that passes in a store without an event."""

    store_id: str
    time: int


Step = Event | Tick
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


@dataclass
class Run:
    """Stores as they come, in memory."""

    engine: Engine
    stores: dict[str, StoreState] = field(default_factory=dict)

    def step(self, step: Step) -> list[Alert]:
        store = self.store(step.store_id)
        return (
            self.engine.tick(step.time, store) if isinstance(step, Tick) else self.engine.process(step, store)
        )

    def store(self, store_id: str) -> StoreState:
        if store_id not in self.stores:
            self.stores[store_id] = self.engine.new_store(store_id)
        return self.stores[store_id]


@dataclass
class RestartingRun(Run):
    """Stores with a disk: what a checkpoint wrote is all that a restart finds."""

    disks: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def store(self, store_id: str) -> StoreState:
        if store_id not in self.stores:
            disk = self.disks.setdefault(store_id, {})
            self.stores[store_id] = self.engine.load_store(store_id, disk.get)
        return self.stores[store_id]

    def checkpoint(self) -> None:
        for store_id, store in self.stores.items():
            for name, content in store.records():
                if content is None:
                    self.disks[store_id].pop(name, None)
                else:
                    self.disks[store_id][name] = content

    def restart(self) -> None:
        self.checkpoint()
        self.stores.clear()


def alerts_by_step(engine: Engine, steps: Iterable[Step]) -> list[list[Alert]]:
    """Return what each step raises."""
    run = Run(engine)
    return [run.step(step) for step in steps]


def alerts_of(engine: Engine, *steps: Step) -> list[Alert]:
    """Return all alerts of the steps in one list."""
    return [alert for alerts in alerts_by_step(engine, steps) for alert in alerts]


def alerts_of_raw(records: Sequence[tuple[str, bytes]]) -> list[Alert]:
    """Return the alerts of all detectors over records as a topic has them: (topic, value)."""
    return alerts_of(engine_of(), *(decode(topic, raw) for topic, raw in records))
