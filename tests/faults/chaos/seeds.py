"""One seed: a world, its log, faults in random order over it, and the comparison at the end."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from data_gen import Simulation
from retail_anomaly.core.codec import decode, encode
from retail_anomaly.core.events import DEAD_LETTERS, INPUT_TOPICS
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import build_engine, load
from tests.faults.chaos import clocks, decided, network, offsets, poison, processes
from tests.faults.chaos.network import Network
from tests.faults.chaos.readers import Reader, Sink, Triage
from tests.faults.chaos.returned import Returns
from tests.faults.chaos.stage import Stage
from tests.faults.chaos.summed import Metrics
from tests.faults.chaos.told import Notify
from tests.kafka import KafkaServer, Record, consume
from tests.support.simulated import by_key, records

CONFIG = """
streamer:
  tick_interval: 500ms
detectors:
  refund_deviation: {enabled: true, learn_days: 3, false_alarms: 0.05}
  sales_deviation: {enabled: true, learn_days: 7, false_alarms: 0.01}
"""
STEPS_A_MINUTE = 12
_UNFORESEEN = ("please report it", "if that does not help")
FAULTS: tuple[Callable[[Stage], None], ...] = (
    *(processes.kill,) * 4,
    *(processes.stop, processes.join, processes.join, processes.stall, processes.fill_disk),
    *(processes.lose_state, processes.copy_state, processes.copy_state, processes.restore_copy),
    *(processes.kill_reader,) * 3,
    *(processes.stall_reader, processes.restart_broker, processes.stall_broker),
    *(network.hold, network.hold, network.cut, network.cut, network.refuse),
    *(clocks.step, clocks.step, clocks.step),
    *(poison.send, poison.send, offsets.delete),
)


class Chaos:
    """A scene in which one fault follows the other.

    Parameters
    ----------
    broker, network
        A running broker without any of our topics, behind the proxies of the network.
    folder
        Where the processes keep state and logs.
    seed
        Draws the world, the faults and their order.
    minutes
        How long faults happen; then the rest is processed and compared.
    tell
        Takes each line of the story.
    """

    def __init__(
        self,
        broker: KafkaServer,
        network: Network,
        folder: Path,
        seed: int,
        minutes: float,
        tell: Callable[[str], None] = print,
    ) -> None:
        self._rng = random.Random(seed)
        self._tell, self._begun = tell, time.monotonic()
        self._steps = max(4, round(minutes * STEPS_A_MINUTE))
        days = max(9, min(30, round(3 * minutes)))
        world = Simulation(stores=6, days=days, seed=seed, volumes=("small",), incident_rate=1.0)
        config = folder / "config.yaml"
        config.write_text(CONFIG)
        engine = build_engine(load(config, environ={}).settings)
        log = list(_without_ties(records(world)))
        alerts = list(replay_events((decode(record.topic, record.value) for record in log), engine))
        self._wanted = by_key(json.loads(encode(alert)) for alert in alerts)
        guarantee = self._rng.choice(("--at-least-once", "--exactly-once"))
        self.say(f"seed {seed}: {len(log)} records, {len(self._wanted)} alerts, {guarantee}")
        if clocks.library() is None:
            self.say("no clock steps: libfaketime is not there (Debian has it as `faketime`)")
        # The log is a backlog: its timestamps decide the order of topics, and not who arrives first.
        pace = max(50, round(len(log) / (60 * minutes)))
        self._stage = Stage(
            broker, network, folder, self._rng, self.say, log, self._wanted,
            *(guarantee, "--config", str(config)), pace=pace,
        )  # fmt: skip
        self._decisions = decisions = decided.Decisions(alerts, seed)
        readers: tuple[Reader, ...] = (
            Sink(self._stage),
            Triage(self._stage, decisions),
            Notify(self._stage, alerts, decisions, seed),
            Returns(self._stage, guarantee, receipts=len(log) // 20),
            Metrics(self._stage, guarantee),
        )
        self._stage.readers |= {reader.name: reader for reader in readers}

    def say(self, words: str) -> None:
        """Tell one line of the story."""
        self._tell(f"{time.monotonic() - self._begun:7.1f} s  {words}")

    def run(self) -> None:
        """Let the faults happen, then compare.

        Raises
        ------
        AssertionError
            Alerts are missing, too many or different, a record is lost, or a process ended without a line.
        """
        stage = self._stage
        try:
            with stage.services:
                self._decisions.send(stage.scene.address)
                for reader in stage.readers.values():
                    reader.begin()
                stage.start("a")
                for _ in range(self._steps):
                    self._rng.choice(FAULTS)(stage)
                    time.sleep(self._rng.uniform(0.5, 60 / STEPS_A_MINUTE))
                    stage.ensure()
                self.say("no more faults: the rest is processed")
                stage.finish()
                self._compare()
        finally:
            stage.close()

    def _compare(self) -> None:
        stage = self._stage
        letters = [json.loads(r.value or b"") for r in consume(stage.scene.address, DEAD_LETTERS)]
        places = {(letter["topic"], letter["partition"], letter["offset"]) for letter in letters}
        assert len(places) == stage.poison, f"{stage.poison} poisoned records, {len(places)} dead letters"
        assert {letter["topic"] for letter in letters} <= set(INPUT_TOPICS)
        found = [f"{name}: {reader.compare()}" for name, reader in stage.readers.items()]
        for log in stage.logs():
            _check_log(log)
        alerts = f"{len(self._wanted)} alerts, none missing, too many or different"
        self.say("; ".join([alerts, *found, f"{stage.poison} buried"]))


def _check_log(log: Path) -> None:
    """Find no traceback and no failure that nobody has foreseen."""
    text = log.read_text()
    assert "Traceback" not in text, f"{log}:\n{text[text.index('Traceback') :][:3_000]}"
    for line in text.splitlines():
        assert not any(words in line for words in _UNFORESEEN), f"{log}: {line}"


def _without_ties(log: Iterable[Record]) -> Iterator[Record]:
    """Leave out records beside one of another topic, of the same store and time: either order is right."""
    topics: dict[tuple[bytes | None, int | None], str] = {}
    for record in log:
        if topics.setdefault((record.key, record.timestamp), record.topic) == record.topic:
            yield record
