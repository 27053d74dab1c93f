"""The state that a detector keeps of one store."""

from typing import Final

from retail_anomaly.core.collections import AgedIds, Collection, Snapshot, Table, TimedIds
from retail_anomaly.core.ledger import Ledger

_COLLECTIONS: Final = (Table, TimedIds, AgedIds, Ledger, Snapshot)


class DetectorState:
    """Base of a detector's state of one store.

    Give your state its collections as attributes: hosts write, restore and sweep every `Table`, `TimedIds`,
    `AgedIds` and `Snapshot` that they find there. Any other attribute is lost at a restart.

    Examples
    --------
    >>> class Sold(DetectorState):
    ...     def __init__(self) -> None:
    ...         self.pieces = Table(int)
    >>> list(Sold().collections())
    ['pieces']
    """

    def collections(self) -> dict[str, Collection]:
        """Return the collections by attribute name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, _COLLECTIONS)}
