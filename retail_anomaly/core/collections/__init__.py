"""Memory that lives in Python objects and is written in few, compact records.

Detectors read and change live objects. A host that must survive a crash calls ``records()`` at each
checkpoint and gets only the records that changed since the last one. Few records matter more than few bytes:
a checkpoint costs some 30 us a record, however long it is. A host that never restarts, such as a replay,
calls ``untrack()`` and pays nothing.

There are three collections: `Table` keeps entries by key, `TimedIds` keeps the newest time of each of
millions of ids, `AgedIds` keeps ids for months in four bytes each. A `Snapshot` is any other object that
writes itself.
"""

from retail_anomaly.core.collections.aged_ids import AgedIds
from retail_anomaly.core.collections.collection import Collection, Load, StateRecord
from retail_anomaly.core.collections.snapshot import Snapshot
from retail_anomaly.core.collections.table import Table
from retail_anomaly.core.collections.timed_ids import TimedIds

__all__ = ["AgedIds", "Collection", "Load", "Snapshot", "StateRecord", "Table", "TimedIds"]
