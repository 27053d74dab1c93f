"""Runs of an engine, one event at a time: stores in memory, and stores with a disk."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import Event
from retail_anomaly.core.memory import StoreMemory


@dataclass(frozen=True)
class TimePasses:
    """Time that passes in a store without an event.

    Examples
    --------
    >>> TimePasses("store-1", 1_760_000_000_000).store_id
    'store-1'
    """

    store_id: str
    time: int


Step: TypeAlias = Event | TimePasses


@dataclass
class Run:
    """An engine and its stores, which come as their events do, in memory.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> from retail_anomaly.settings import Settings, build_engine
    >>> run = Run(build_engine(Settings()))
    >>> counts = [CountEvent("s", "k", n, 1_760_000_000_000) for n in (20, 12)]
    >>> [len(run.step(count)) for count in counts]
    [0, 1]
    """

    engine: Engine
    stores: dict[str, StoreMemory] = field(default_factory=dict)

    def step(self, step: Step) -> list[Alert]:
        """Return what one event, or time that passes, raises."""
        store = self.store(step.store_id)
        if isinstance(step, TimePasses):
            return self.engine.tick(step.time, store)
        return self.engine.process(step, store)

    def alerts(self, steps: Iterable[Step]) -> list[Alert]:
        """Return what all these steps raise."""
        return [alert for step in steps for alert in self.step(step)]

    def store(self, store_id: str) -> StoreMemory:
        """Return a store's memory."""
        if store_id not in self.stores:
            self.stores[store_id] = self.engine.new_store(store_id)
        return self.stores[store_id]


@dataclass
class RestartingRun(Run):
    """Stores with a disk: what a checkpoint wrote is all that a restart finds."""

    disks: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def store(self, store_id: str) -> StoreMemory:
        """Return a store's memory, read from its disk after a restart."""
        if store_id not in self.stores:
            disk = self.disks.setdefault(store_id, {})
            self.stores[store_id] = self.engine.load_store(store_id, disk.get)
        return self.stores[store_id]

    def checkpoint(self) -> None:
        """Write what has changed."""
        for store_id, store in self.stores.items():
            for name, content in store.records():
                if content is None:
                    self.disks[store_id].pop(name, None)
                else:
                    self.disks[store_id][name] = content

    def restart(self) -> None:
        """Write what has changed, and forget what is in memory."""
        self.checkpoint()
        self.stores.clear()
