"""The processes beside the streamers. Each must have the results that the same code gives undisturbed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from retail_anomaly.core.events import ALERTS
from streamer.kafka.offsets import GroupOffsets
from streamer.kafka.topic_plan import TRIAGED
from tests.faults.chaos.decided import Decisions
from tests.faults.chaos.network import INFLUX
from tests.support.faults import wait_for
from tests.support.processes import StreamerProcess
from tests.support.sink import SinkProcess

if TYPE_CHECKING:
    from tests.faults.chaos.stage import Stage

# Two cores have eight processes to run: fewer commits than the streamers have are enough.
COMMIT_INTERVAL = "500ms"


class Reader:
    """A process that an orchestrator starts again, by whatever it ended.

    Parameters
    ----------
    stage
        Has the broker, the networks and the folders.
    """

    name: ClassVar[str]
    reads: Sequence[str]

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.folder = stage.folder / self.name
        self.folder.mkdir()
        self.way, self.group = stage.ways[self.name], stage.scene.group
        self.process: StreamerProcess

    def begin(self) -> None:
        """Start it for the first time."""
        self.start()

    def start(self) -> None:
        """Start it."""
        self.process = self.new()

    def new(self) -> StreamerProcess:
        """Return it as a new process."""
        raise NotImplementedError

    def command(self, *arguments: str, **variables: str) -> StreamerProcess:
        """Start the command of its name, with the pace of the streamers."""
        environment = {
            "FAULT_COMMAND": self.name,
            "FAULT_GATE": str(self.stage.scene.gate),
            "FAULT_PACE": str(self.stage.pace),
            "RETAIL__STREAMER__COMMIT_INTERVAL": COMMIT_INTERVAL,
        }
        return StreamerProcess(
            self.way,
            self.group,
            self.folder,
            *arguments,
            module="tests.support.faulty",
            environment=environment | variables,
        )

    def wait_until_read(self, topics: Sequence[str]) -> None:
        """Wait until the group has committed all that is in topics."""
        group = f"{self.group}-{self.name}"
        with GroupOffsets(self.stage.scene.kafka.properties(), group, topics) as offsets:
            self.wait_for(lambda: not any(offsets.lag(settled=False).values()), "all to be read")

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for it; start the process again if it ends meanwhile, as an orchestrator does."""

        def is_so() -> bool:
            self.keep_running()
            return condition()

        wait_for(is_so, f"{self.name}: {what}", lambda: f"\n{self.process.tail()}")

    def keep_running(self) -> None:
        """Start the process again if it has ended."""
        if not self.process.running:
            self.stage.say(f"start {self.name}")
            self.start()

    def finish(self) -> None:
        """Let it read all, and stop it."""
        self.wait_until_read(self.reads)
        assert self.process.stop() == 0, self.process.tail()

    def compare(self) -> str:
        """Compare the results with those of an undisturbed run; say how many they are."""
        raise NotImplementedError


class Sink(Reader):
    """Writes the alerts into InfluxDB."""

    name, reads = "sink", (ALERTS,)

    def new(self) -> StreamerProcess:
        """Return it as a new process."""
        environment = {
            "INFLUXDB_URL": f"http://{self.stage.network.proxies[INFLUX].address}",
            "INFLUXDB_TOKEN": "chaos",
            "INFLUXDB_BUCKET": "retail",
        }
        return SinkProcess(self.way, self.group, self.folder, environment)

    def compare(self) -> str:
        """Find each alert."""
        lines = "\n".join(self.stage.influx.lines)
        missing = [alert_id for alert_id, _ in self.stage.wanted if f'alertId="{alert_id}"' not in lines]
        assert not missing, f"{len(missing)} alerts are not in InfluxDB"
        return "all in InfluxDB"


class Triage(Reader):
    """Makes cases of alerts and decisions."""

    name, reads = "triage", TRIAGED

    def __init__(self, stage: Stage, decisions: Decisions) -> None:
        super().__init__(stage)
        self._decisions = decisions

    def new(self) -> StreamerProcess:
        """Return it as a new process."""
        return self.command()

    def compare(self) -> str:
        """Compare the cases with those of a notebook."""
        return f"{self._decisions.compare(self.stage.scene.address)} cases as in a notebook"
