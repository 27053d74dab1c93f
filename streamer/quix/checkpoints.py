"""The open checkpoint: how long its commit takes, what it has processed, and a commit before its time."""

import time
from collections.abc import Callable
from typing import Protocol

from quixstreams.checkpointing import Checkpoint
from quixstreams.processing import ProcessingContext


class Observe(Protocol):
    """Is told how long a checkpoint took."""

    def __call__(self, seconds: float, *, committed: bool) -> None:
        """Note a checkpoint, which was committed or will be tried again."""


def time_checkpoints(context: ProcessingContext, observe: Observe, *, committed: Callable[[], bool]) -> None:
    """Have each later checkpoint's commit timed.

    Parameters
    ----------
    context
        The application's; it opens a checkpoint after each commit.
    observe
        Is called after each commit.
    committed
        Tells whether the commit that just returned did commit.
    """
    begin = context.init_checkpoint

    def init_checkpoint() -> None:
        begin()  # type: ignore[no-untyped-call]
        context.checkpoint.commit = timed  # type: ignore[method-assign]

    # It looks up the checkpoint when it is called: a reference would be a cycle, and Python, which looks for
    # garbage seldom, would keep each checkpoint with all the state that it has written.
    def timed(*, revoking: bool = False) -> None:
        started = time.perf_counter()
        checkpoint = context.checkpoint
        type(checkpoint).commit(checkpoint, revoking=revoking)
        observe(time.perf_counter() - started, committed=committed())

    context.init_checkpoint = init_checkpoint  # type: ignore[method-assign]


def processed_offsets(context: ProcessingContext) -> dict[tuple[str, int], int]:
    """Return the last processed offset of each topic and partition in the open checkpoint."""
    return dict(context.checkpoint._tp_offsets)


def store_run(
    checkpoint: Checkpoint, topic: str, partition: int, first: int, last: int, records: int
) -> None:
    """Note that a run of records was processed, as if Quix had noted each of them.

    Parameters
    ----------
    checkpoint
        The open one.
    topic, partition
        Where the records are.
    first, last
        The offsets of the first and the last of them. A checkpoint goes back to the first one it was told.
    records
        How many they are.
    """
    checkpoint.store_offset(topic, partition, first)
    if last > first:
        checkpoint.store_offset(topic, partition, last)
        checkpoint._total_offsets_processed += records - 2


def commit_soon(context: ProcessingContext) -> None:
    """Have the open checkpoint committed after the run of records that is being processed."""
    context.checkpoint._commit_interval = 0
