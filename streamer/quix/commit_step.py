"""A place in Quix's commit, before state and offsets: what a sink has that takes no records."""

from quixstreams.models import HeadersTuples
from quixstreams.sinks import BaseSink


class InCommit(BaseSink):
    """A sink that is only flushed: once a checkpoint, in the order in which sinks were registered."""

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
        """Take no records: this sink is there for its place in the commit."""
        raise TypeError(f"{type(self).__name__} is flushed with the checkpoint, records are not added to it")

    def setup(self) -> None:
        """Connect to nothing."""
