"""The other parts that `LiveState` asks: the makers of stores' memories, and the rules that change."""

from dataclasses import dataclass
from typing import Protocol

from retail_anomaly.core.collections import Load
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.rules.configured import ConfiguredRules


class StoreParameters(Protocol):
    """The parameters of what runs in a store."""

    @property
    def config_hashes(self) -> dict[str, str]:
        """Short hashes of the parameters, by name."""


class StoreLogic(Protocol):
    """Makes and reads the memories of stores: the detectors' `Engine`, or `Triage`."""

    @property
    def needs_ticks(self) -> bool:
        """Whether a store may wait for a time."""

    def of(self, store_id: str) -> "StoreParameters":
        """Return what runs in a store, with its parameters."""

    def load_store(self, store_id: str, load: Load) -> StoreMemory:
        """Return the memory of a store, restored from its records."""

    def waiting(self, store: StoreMemory) -> tuple[int, int | None]:
        """Return how much waits in a store, and the time for which it waits."""


@dataclass(frozen=True)
class ChangingRules:
    """The rules that records may change.

    Parameters
    ----------
    engine
        Lets rules run in a store.
    configured
        The rules from which changes begin.
    """

    engine: Engine
    configured: ConfiguredRules
