"""Runs of an engine, one event at a time, with state in memory or on a simulated disk."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import Event
from retail_anomaly.core.memory import StoreMemory


@dataclass(frozen=True)
class TimePasses:
    """A tick: time passes in a store without an event.

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
    """An engine and its stores in memory; a store is made at its first event.

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
        """Return the alerts of one event or tick."""
        store = self.store(step.store_id)
        if isinstance(step, TimePasses):
            return self.engine.tick(step.time, store)
        return self.engine.process(step, store)

    def alerts(self, steps: Iterable[Step]) -> list[Alert]:
        """Return the alerts of all these steps."""
        return [alert for step in steps for alert in self.step(step)]

    def store(self, store_id: str) -> StoreMemory:
        """Return a store's memory."""
        if store_id not in self.stores:
            self.stores[store_id] = self.engine.new_store(store_id)
        return self.stores[store_id]


@dataclass
class RestartingRun(Run):
    """A run whose stores have a disk: after a restart, only the records of the last checkpoint are left."""

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
        """Write all changes, then drop the memory."""
        self.checkpoint()
        self.stores.clear()
