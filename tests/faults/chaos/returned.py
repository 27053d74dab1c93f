"""Refunds across the stores of a chain: `returns` must find each loss, and book it once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.chaos.readers import COMMIT_INTERVAL, Reader
from tests.support.chain import Chain, sold_and_returned
from tests.support.processes import StreamerProcess

if TYPE_CHECKING:
    from tests.faults.chaos.stage import Stage


class Returns(Reader):
    """Follows refunds through a chain of its own, so that the alerts of the streamers stay theirs."""

    name = "returns"

    def __init__(self, stage: Stage, guarantee: str, receipts: int) -> None:
        super().__init__(stage)
        self._lines, self._losses = sold_and_returned(receipts, stage.rng)
        # As long as the log of the streamers, as far as a pace of less than a sleep a second allows.
        self._pace = max(20, stage.pace * len(self._lines) // len(stage.log))
        self._chain = Chain(stage.broker.address, self.folder, guarantee, self.way)
        self.group, self.reads = self._chain.group, self._chain.reads

    def begin(self) -> None:
        """Send the events of the tills, and start it."""
        self._chain.send(self._lines)
        self.start()

    def new(self) -> StreamerProcess:
        """Return it as a new process."""
        return self._chain.start(pace=self._pace, RETAIL__STREAMER__COMMIT_INTERVAL=COMMIT_INTERVAL)

    def finish(self) -> None:
        """Let it read all, and stop it."""
        self._chain.hurry()
        self.wait_until_read(self._chain.reads)
        super().finish()  # the events that were read last may have sent returns after the look

    def compare(self) -> str:
        """Compare the losses of the receipts."""
        return self._chain.compare(self._losses)
