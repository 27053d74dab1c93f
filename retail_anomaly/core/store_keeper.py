"""The memory of stores for a process whose parameters are the same in all of them."""

from typing import ClassVar, Final, Self

from retail_anomaly.core.collections import Load
from retail_anomaly.core.detector_state import DetectorState
from retail_anomaly.core.memory import StoreMemory

_DAY: Final = 86_400_000


class StoreKeeper:
    """Gives a host the memory of each store, as the engine does; it has one state, of one kind.

    Parameters
    ----------
    has_pseudonyms
        Whether pseudonyms stand for the ids of employees.

    Attributes
    ----------
    STATE
        The name of the state.
    config_hashes
        Empty: the state is read whatever the parameters are.

    Examples
    --------
    >>> class Counts(StoreKeeper):
    ...     STATE = "counts"
    ...     def new_state(self):
    ...         return DetectorState()
    >>> list(Counts().new_store("store-1").detectors)
    ['counts']
    """

    STATE: ClassVar[str]

    def __init__(self, *, has_pseudonyms: bool = False) -> None:
        self._has_pseudonyms = has_pseudonyms
        self.config_hashes: dict[str, str] = {}

    def new_state(self) -> DetectorState:
        """Return the empty state of a store."""
        raise NotImplementedError

    def of(self, _store_id: str) -> Self:
        """Return what stands in for this one in a store: this one."""
        return self

    def new_store(self, store_id: str) -> StoreMemory:
        """Return the empty memory of a store, for a host that keeps no state."""
        store = self._empty_store(store_id)
        store.untrack()
        return store

    def load_store(self, store_id: str, load: Load) -> StoreMemory:
        """Return the memory of a store, restored from its records."""
        store = self._empty_store(store_id)
        store.restore(load)
        return store

    def _empty_store(self, store_id: str) -> StoreMemory:
        return StoreMemory(
            store_id,
            max_late=_DAY,
            dedupe_memory=_DAY,
            detectors={self.STATE: self.new_state()},
            has_pseudonyms=self._has_pseudonyms,
        )
