"""State that a start passes over is not marked as read: with other offsets, the next start needs it.

Quix Streams 3.28 passes over the changelog's records of which the group has committed no offset, because
their checkpoint did not end. It marks them as read all the same and never looks at them again. So a start
after the offsets were deleted read nothing and marked everything: once `retail-streamer state adopt` had
committed the offsets again, a later start went on with a memory that had a gap.

Without the mark, each start looks at such records again until records behind them are read or written.
"""

from typing import Any

from quixstreams.state.manager import StateStoreManager


def leave_unmarked(states: StateStoreManager) -> None:
    """Have the partitions that are open mark no record of the changelog that they pass over.

    Parameters
    ----------
    states
        The application's stores.
    """
    opened: list[Any] = [
        partition
        for stores in states.stores.values()
        for store in stores.values()
        for partition in store.partitions.values()
    ]
    for partition in opened:
        if not isinstance(partition.write_changelog_offset, _PassedOver):
            partition.write_changelog_offset = _PassedOver()


def has_passed_over(opened: Any) -> bool:
    """Tell whether a partition of a store has passed over a record since it was opened."""
    mark = opened.write_changelog_offset
    return isinstance(mark, _PassedOver) and mark.happened


class _PassedOver:
    """Stands in the place of Quix's mark."""

    def __init__(self) -> None:
        self.happened = False

    def __call__(self, offset: int) -> None:
        self.happened = True
