"""A step of Quix's commit that runs before state and offsets are written."""

from quixstreams.models import HeadersTuples
from quixstreams.sinks import BaseSink


class CommitStep(BaseSink):
    """A sink without records: override `flush`, and each commit calls it before anything is written.

    Steps run in the order in which they were registered. An exception ends the commit.
    """

    def add(
        self,
        value: object,
        key: object,
        timestamp: int,
        headers: HeadersTuples,
        topic: str,
        partition: int,
        offset: int,
    ) -> None:
        """Refuse records: a step is flushed with the checkpoint and takes none."""
        raise TypeError(f"{type(self).__name__} is flushed with the checkpoint, records are not added to it")

    def setup(self) -> None:
        """Connect to nothing."""
