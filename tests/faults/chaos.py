"""Faults in random order over running days, with both models and the sink; the alerts must be a replay's.

`python -m tests.faults.chaos --seed 7 --minutes 10` tells the story of a seed while it happens. The same seed
draws the same faults in the same order; how far the processes have got by then depends on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from data_gen import Simulation
from retail_anomaly.core.codec import decode, encode
from retail_anomaly.core.events import DEAD_LETTERS, INPUT_TOPICS, POS_EVENTS
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import build_engine, load
from streamer.kafka.connection import Connection
from tests.influx import ScriptedServer
from tests.kafka import KafkaServer, Record, consume, produce
from tests.support.faults import Scene
from tests.support.processes import StreamerProcess
from tests.support.simulated import by_key, records
from tests.support.sink import SinkProcess

CONFIG = """
streamer:
  tick_interval: 500ms
detectors:
  refund_deviation: {enabled: true, learn_days: 3, false_alarms: 0.05}
  sales_deviation: {enabled: true, learn_days: 7, false_alarms: 0.01}
"""
NAMES = ("a", "b", "c")
STALL_S = (0.5, 6.0)  # the session of a process ends after 4 s
STEPS_A_MINUTE = 12


class Chaos:
    """A scene in which one fault follows the other.

    Parameters
    ----------
    broker
        A running broker without any of our topics.
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
        folder: Path,
        seed: int,
        minutes: float,
        tell: Callable[[str], None] = print,
    ) -> None:
        self._broker = broker
        self._rng = random.Random(seed)
        self._tell, self._begun = tell, time.monotonic()
        self._steps = max(4, round(minutes * STEPS_A_MINUTE))
        days = max(9, min(30, round(3 * minutes)))
        world = Simulation(stores=6, days=days, seed=seed, volumes=("small",), incident_rate=1.0)
        config = folder / "config.yaml"
        config.write_text(CONFIG)
        engine = build_engine(load(config, environ={}).settings)
        self._log = list(_without_ties(records(world)))
        events = (decode(record.topic, record.value) for record in self._log)
        self._wanted = by_key(json.loads(encode(alert)) for alert in replay_events(events, engine))
        # The log is a backlog: its timestamps decide the order of topics, and not who arrives first.
        self._pace = max(50, round(len(self._log) / (60 * minutes)))
        guarantee = self._rng.choice(("--at-least-once", "--exactly-once"))
        self.say(f"seed {seed}: {len(self._log)} records, {len(self._wanted)} alerts, {guarantee}")
        self._scene = Scene(
            Connection(broker.address),
            folder,
            guarantee,
            "--config",
            str(config),
            given=self._log,
            alerts=self._wanted,
        )
        self._poison = 0
        self._influx = ScriptedServer()
        self._folder = folder
        self._sink: SinkProcess | None = None

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
        faults = (
            [self._kill] * 4
            + [self._stop, self._join, self._join, self._stall_process, self._send_poison, self._send_poison]
            + [self._restart_broker, self._stall_broker, self._lose_state, self._kill_sink, self._fill_disk]
        )
        try:
            with self._influx:
                self._start("a")
                self._start_sink()
                for _ in range(self._steps):
                    self._rng.choice(faults)()
                    time.sleep(self._rng.uniform(0.5, 60 / STEPS_A_MINUTE))
                    if not any(process.running for process in self._scene.processes):
                        self._start(self._rng.choice(NAMES))
                self._finish()
        finally:
            self._scene.close()
            if self._sink is not None and self._sink.running:
                self._sink.kill()

    def _running(self) -> list[str]:
        return [process.folder.name for process in self._scene.processes if process.running]

    def _start(self, name: str, fault: str = "") -> None:
        if name not in self._running():
            self.say(f"start {name} {fault}".rstrip())
            self._scene.start(name, fault=fault, pace=self._pace)

    def _start_sink(self) -> None:
        environ = {
            "INFLUXDB_URL": self._influx.url,
            "INFLUXDB_TOKEN": "chaos",
            "INFLUXDB_BUCKET": "retail",
        }
        self._sink = SinkProcess(self._scene.kafka, self._scene.group, self._folder, environ)

    def _one(self) -> str | None:
        running = self._running()
        return self._rng.choice(running) if running else None

    def _kill(self) -> None:
        if name := self._one():
            self.say(f"kill -9 {name}")
            self._process(name).kill()

    def _stop(self) -> None:
        if name := self._one():
            self.say(f"SIGTERM {name}")
            code = self._process(name).stop()
            assert code in (0, 1), f"{name} ended with {code}"

    def _join(self) -> None:
        self._start(self._rng.choice(NAMES))

    def _stall_process(self) -> None:
        if name := self._one():
            seconds = self._rng.uniform(*STALL_S)
            self.say(f"{name} sleeps for {seconds:.1f} s")
            self._sleep(self._process(name).pid, seconds)

    def _stall_broker(self) -> None:
        seconds = self._rng.uniform(*STALL_S)
        self.say(f"the broker sleeps for {seconds:.1f} s")
        assert self._broker.pid is not None
        self._sleep(self._broker.pid, seconds)

    def _restart_broker(self) -> None:
        how = self._rng.choice(("stop", "kill"))
        self.say(f"{how} the broker and start it again")
        getattr(self._broker, how)()
        self._broker.start()

    def _lose_state(self) -> None:
        running, folder = self._running(), self._scene.folder
        stopped = [name for name in NAMES if name not in running and (folder / name / "state").exists()]
        if stopped:
            name = self._rng.choice(stopped)
            self.say(f"{name} loses its local state")
            self._scene.lose_state(name)

    def _fill_disk(self) -> None:
        stopped = [name for name in NAMES if name not in self._running()]
        if stopped:
            after = self._rng.randint(50, 2_000)
            self._start(self._rng.choice(stopped), f"limit:processed:{after}")

    def _kill_sink(self) -> None:
        assert self._sink is not None
        self.say("kill -9 the sink and start it again")
        self._sink.kill()
        self._start_sink()

    def _send_poison(self) -> None:
        at = self._rng.choice(self._log).timestamp
        key = self._log[0].key
        kinds: dict[str, Record] = {
            "no JSON": Record(POS_EVENTS, b"{", key, at),
            "nothing": Record(POS_EVENTS, None, key, at),
            "780 kB": Record(POS_EVENTS, b"x" * 780_000, key, at),
            "a megabyte": Record(POS_EVENTS, b"x" * 1_000_000, key, at),
            "a long key": Record(POS_EVENTS, b"x", b"\xff" * 500_000, at),
            "large headers": Record(POS_EVENTS, b"{", key, at, headers=(("h", b"x" * 900_000),)),
            "a huge number": Record(POS_EVENTS, b'{"amount": 1%b}' % (b"0" * 400), key, at),
            "another key": Record(self._log[0].topic, self._log[0].value, b"another", at),
            "a frame": Record(POS_EVENTS, b"\x00\x00\x00\x00\x07{}", key, at),
        }
        kind = self._rng.choice(sorted(kinds))
        self.say(f"poison: {kind}")
        produce(self._scene.address, [kinds[kind]], **{"message.max.bytes": 2_000_000})
        self._poison += 1

    def _process(self, name: str) -> StreamerProcess:
        return next(p for p in self._scene.processes if p.folder.name == name and p.running)

    def _sleep(self, pid: int, seconds: float) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.kill(pid, signal.SIGCONT)

    def _finish(self) -> None:
        self.say("no more faults: the rest is processed")
        for name in self._running():  # one with a full disk may still wait for its fault
            self._process(name).stop()
        self._start("a")
        self._scene.finish()
        letters = [json.loads(r.value or b"") for r in consume(self._scene.address, DEAD_LETTERS)]
        places = {(letter["topic"], letter["partition"], letter["offset"]) for letter in letters}
        assert len(places) == self._poison, f"{self._poison} poisoned records, {len(places)} dead letters"
        assert {letter["topic"] for letter in letters} <= set(INPUT_TOPICS)
        self._compare_sink()
        for log in self._scene.folder.glob("*/streamer.log"):
            assert "Traceback" not in log.read_text(), log
        self.say(f"{len(self._wanted)} alerts, none missing, too many or different; {self._poison} buried")

    def _compare_sink(self) -> None:
        sink = self._sink
        assert sink is not None
        if not sink.running:
            self._start_sink()
        assert self._sink is not None
        self._sink.wait_until_processed()
        assert self._sink.stop() == 0, self._sink.tail()
        lines = "\n".join(self._influx.lines)
        missing = [alert_id for alert_id, _ in self._wanted if f'alertId="{alert_id}"' not in lines]
        assert not missing, f"{len(missing)} alerts are not in InfluxDB"


def _without_ties(log: Iterable[Record]) -> Iterator[Record]:
    """Leave out records beside one of another topic, of the same store and time: either order is right."""
    topics: dict[tuple[bytes | None, int | None], str] = {}
    for record in log:
        if topics.setdefault((record.key, record.timestamp), record.topic) == record.topic:
            yield record


def main() -> int:
    """Run the seeds that the command line names; return 0 if all alerts were those of a replay."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="The first seed.")
    parser.add_argument("--seeds", type=int, default=1, help="How many seeds, one after another.")
    parser.add_argument("--minutes", type=float, default=2, help="Minutes of faults for each seed.")
    options = parser.parse_args()
    failed = []
    for seed in range(options.seed, options.seed + options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            server = KafkaServer(Path(folder) / "kafka").start()
            try:
                scene = Path(folder) / "scene"
                scene.mkdir()
                Chaos(server, scene, seed, options.minutes).run()
            except AssertionError as error:
                print(f"seed {seed} failed: {error}", file=sys.stderr)
                failed.append(seed)
            finally:
                server.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
