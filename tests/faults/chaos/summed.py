"""Sums of sales and refunds: the process `metrics` must live, answer and say nothing twice in two ways."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from retail_anomaly.core.events import POS_EVENTS
from streamer.errors import StreamerError
from streamer.kafka.topic_plan import STORE_METRICS
from streamer.observe.status import ask
from tests.faults.chaos.readers import Reader
from tests.kafka import consume
from tests.support.ports import free_ports
from tests.support.processes import StreamerProcess

if TYPE_CHECKING:
    from tests.faults.chaos.stage import Stage


class Metrics(Reader):
    """Sums up the lines of each store and interval."""

    name, reads = "metrics", (POS_EVENTS,)

    def __init__(self, stage: Stage, guarantee: str) -> None:
        super().__init__(stage)
        self._guarantee = guarantee

    def new(self) -> StreamerProcess:
        """Return it as a new process."""
        (self._port,) = free_ports(1)
        return self.command(self._guarantee, "--metrics-port", str(self._port))

    def finish(self) -> None:
        """Let it read all, ask it how it is, and stop it."""
        self.wait_until_read(self.reads)
        self.wait_for(self._is_ready, "to be ready")
        assert self.process.stop() == 0, self.process.tail()

    def _is_ready(self) -> bool:
        try:
            return ask(f"http://127.0.0.1:{self._port}").ready
        except StreamerError:  # it does not listen yet
            return False

    def compare(self) -> str:
        """Find each sum told again as it was told before."""
        sums: dict[tuple[str, int], bytes | None] = {}
        for record in consume(self.stage.scene.address, STORE_METRICS):
            one = json.loads(record.value or b"")
            assert sums.setdefault((one["storeId"], one["windowStart"]), record.value) == record.value, one
        return f"{len(sums)} sums"
