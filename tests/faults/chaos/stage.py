"""All that the faults work on: the broker, the network, the processes, and the story that is told."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from streamer.kafka.connection import Connection
from tests.faults.chaos import clocks
from tests.faults.chaos.network import INFLUX, PROCESSES, Network
from tests.faults.chaos.readers import Reader
from tests.influx import ScriptedServer
from tests.kafka import KafkaServer, Record
from tests.support.faults import Scene
from tests.support.processes import StreamerProcess
from tests.support.simulated import Content


class Stage:
    """The processes of one seed, each with a network and a clock of its own.

    Parameters
    ----------
    broker, network
        A running broker without any of our topics, behind the proxies of the network.
    folder
        Where the processes keep state and logs.
    rng
        Draws whatever a fault draws.
    say
        Takes each line of the story.
    log, alerts
        The records, and the alerts that they must give.
    arguments
        Options of every streamer.
    pace
        At most so many records a second are processed.
    """

    def __init__(
        self,
        broker: KafkaServer,
        network: Network,
        folder: Path,
        rng: random.Random,
        say: Callable[[str], None],
        log: Sequence[Record],
        alerts: Content,
        *arguments: str,
        pace: int,
    ) -> None:
        self.broker, self.network, self.folder = broker, network, folder
        self.rng, self.say, self.log, self.wanted = rng, say, log, alerts
        self.exactly_once = "--exactly-once" in arguments
        self.poison = 0
        self.pace = pace
        self.ways = {name: Connection(proxy.address) for name, proxy in network.proxies.items()}
        self.scene = Scene(
            Connection(broker.address), folder, *arguments, given=log, alerts=alerts, ways=self.ways
        )
        self.influx = ScriptedServer()
        self.services = ExitStack()
        self.services.enter_context(self.influx)
        network.proxies[INFLUX].target = self.influx.url.removeprefix("http://")
        self.readers: dict[str, Reader] = {}

    def running(self) -> list[str]:
        """Return the names of the streamers that run."""
        return [process.folder.name for process in self.scene.processes if process.running]

    def one(self) -> str | None:
        """Draw a streamer that runs."""
        running = self.running()
        return self.rng.choice(running) if running else None

    def process(self, name: str) -> StreamerProcess:
        """Return the newest streamer of that name."""
        return next(p for p in reversed(self.scene.processes) if p.folder.name == name)

    def start(self, name: str, fault: str = "") -> None:
        """Start a streamer unless it runs."""
        if name not in self.running():
            self.say(f"start {name} {fault}".rstrip())
            (self.folder / name).mkdir(exist_ok=True)
            clock = clocks.variables(self.folder / name)
            self.scene.start(name, fault=fault, pace=self.pace, **clock)

    def stop(self, name: str) -> None:
        """Stop a streamer; it may have given up before, or not have begun to listen."""
        code = self.process(name).stop()
        # The last two before it reads: while Python starts, and 3 s after the signal in the midst of a start.
        early = (-signal.SIGTERM, 128 + signal.SIGTERM)
        assert code in (0, 1, *early), f"{name} ended with {code}"

    def kill(self, name: str) -> None:
        """Kill a streamer."""
        self.process(name).kill()

    def ensure(self) -> None:
        """Start again whatever ended by itself, as an orchestrator does; one streamer at the least."""
        if not self.running():
            self.start(self.rng.choice(PROCESSES))
        for reader in self.readers.values():
            reader.keep_running()

    def finish(self) -> None:
        """Let everything be processed, compare the alerts, and stop."""
        for name in self.running():  # one with a full disk may still wait for its fault
            self.stop(name)
        self.start("a")
        self.scene.finish()
        for reader in self.readers.values():
            reader.finish()

    def logs(self) -> list[Path]:
        """Return the logs of all processes."""
        return [*self.folder.rglob("streamer.log"), *self.folder.rglob("sink.log")]

    def close(self) -> None:
        """End whatever still runs."""
        self.scene.close()
        for reader in self.readers.values():
            if reader.process.running:
                reader.process.kill()
