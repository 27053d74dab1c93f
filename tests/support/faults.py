"""A long log in Kafka, streamers that are disturbed while they read it, and the alerts they must raise."""

from __future__ import annotations

import itertools
import math
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from data_gen import Simulation
from retail_anomaly.core.events import ALERTS
from streamer.kafka.connection import Connection
from streamer.kafka.offsets import GroupOffsets
from streamer.kafka.topics import TOPICS, TopicPlan, ensure_topics
from tests.kafka import Record, consume, fresh_name, produce
from tests.support.processes import StreamerProcess
from tests.support.simulated import Content, alerts_in, expected, records
from tests.support.waiting import PATIENCE_S, pauses

CRAWL = "crawl"
_later = itertools.count(1)
LONG = os.environ.get("FAULTS_LONG") == "1"
PARTITIONS = 4
RETENTION_MS = 3650 * 86_400_000

# No two topics of a store have events at one time: no decision hangs on their order.
SMALL, MEDIUM, LARGE = (4, 2, 11), (6, 3, 12), (6, 7, 12)
USUAL = LARGE if LONG else SMALL


@cache
def log(world: tuple[int, int, int] = USUAL) -> list[Record]:
    """Return the log of a world: a backlog, so that timestamps decide the order of topics and not arrival."""
    stores, days, seed = world
    return records(Simulation(stores, days, seed))


@cache
def alerts_of(world: tuple[int, int, int] = USUAL) -> Content:
    """Return the alerts that an undisturbed run raises over the log."""
    stores, days, seed = world
    return expected(Simulation(stores, days, seed))


def kill_points(count: int, seed: int) -> list[str]:
    """Draw where each process in turn ends: after how many records, and how many seconds later.

    The seconds, up to half a commit interval, let it end anywhere in its work and not only between two
    records. All of them together end before the log does.
    """
    share = len(log()) // (count + 1)
    rng = Random(seed)
    return [
        f"kill:processed:{rng.randint(share // 10, share * 2 // 3)}:{rng.uniform(0, 0.05):.3f}"
        for _ in range(count)
    ]


def variants(
    name: str, short: Sequence[object], long: Sequence[object], **options: Any
) -> pytest.MarkDecorator:
    """Parametrise by a few values in `make test`, and by all in `make soak`."""
    return pytest.mark.parametrize(name, long if LONG else short, **options)


class Scene:
    """A log on a broker and the processes of one group that read it.

    Parameters
    ----------
    kafka
        The broker; it has no topics of ours.
    folder
        Where the processes keep state and logs.
    arguments
        Options of every process.
    world
        Stores, days and seed of the simulation behind the log.
    first
        How many records of the log are there from the start; `send_rest` sends those behind. None is all.
    given, alerts
        Another log, and the alerts that it must give.
    topic_config
        Of every topic.
    ways
        The way to the broker of processes that have another one than `kafka`, by name.
    """

    def __init__(
        self,
        kafka: Connection,
        folder: Path,
        *arguments: str,
        world: tuple[int, int, int] = USUAL,
        first: int | None = None,
        given: Sequence[Record] | None = None,
        alerts: Content | None = None,
        topic_config: Mapping[str, str] | None = None,
        ways: Mapping[str, Connection] | None = None,
    ) -> None:
        self.kafka = kafka
        self._ways = ways or {}
        self.folder = folder
        self.gate = folder / "gate"
        self.gate.mkdir()
        self.group = fresh_name("group")
        self.address: str = kafka.properties()["bootstrap.servers"]
        self.processes: list[StreamerProcess] = []
        self.restarts = 0
        self._arguments = arguments
        self._log = log(world) if given is None else given
        self._expected = alerts_of(world) if alerts is None else alerts
        self._exactly_once = "--exactly-once" in arguments
        ensure_topics(kafka, TopicPlan(PARTITIONS, 1, RETENTION_MS), create=True)
        for name in TOPICS if topic_config else ():
            set_topic(self.address, name, topic_config or {})
        self._sent = len(self._log) if first is None else first
        produce(self.address, self._log[: self._sent])

    def start(
        self, name: str = "a", *, fault: str = "", pace: int | str = 0, **variables: str
    ) -> StreamerProcess:
        """Start a process; those of one name find each other's state.

        Its pace is at most so many records a second; 0 is no limit, and `CRAWL` lets no log end before
        `finish`.
        """
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        process = StreamerProcess(
            self._ways.get(name, self.kafka),
            self.group,
            folder,
            *self._arguments,
            module="tests.support.faulty",
            environment={
                "FAULT": fault,
                "FAULT_PACE": str(pace),
                # Fifty commits in a log, however fast the machine is.
                "FAULT_COMMIT_EVERY": str(len(self._log) // 50 + 1),
                "FAULT_GATE": str(self.gate),
                # Some logs have each store in a partition of its own.
                "RETAIL__STREAMER__WRONG_PARTITION": "warn",
                **variables,
            },
        )
        self.processes.append(process)
        return process

    def die(self, fault: str, name: str = "a", *, pace: int = 0, **variables: str) -> None:
        """Start a process that kills itself at a point of its work, and see that it did."""
        process = self.start(name, fault=fault, pace=pace, **variables)
        assert process.wait_until_ended() == -signal.SIGKILL, f"{fault} did not happen\n{process.tail()}"

    def send_rest(self) -> None:
        """Send the part of the log that was held back."""
        self.send_more(len(self._log) - self._sent)

    def send_more(self, count: int) -> None:
        """Send so many records of the part that was held back."""
        produce(self.address, self._log[self._sent : self._sent + count])
        self._sent = min(self._sent + count, len(self._log))

    def expect(self, alerts: Content) -> None:
        """Let these be the alerts that the log must give."""
        self._expected = alerts

    def lose_state(self, name: str = "a") -> None:
        """Delete the local state of a process that has ended."""
        shutil.rmtree(self.folder / name / "state")

    @contextmanager
    def held(
        self, point: str, name: str = "a", *, fault: str = "", pace: int | str = 0, **variables: str
    ) -> Iterator[StreamerProcess]:
        """Start a process and stop it at a point of its work; it goes on at the end of the block."""
        for file in ("held", "go"):
            (self.gate / file).unlink(missing_ok=True)
        process = self.start(name, fault=f"hold:{point} {fault}", pace=pace, **variables)
        process.wait_for((self.gate / "held").exists)
        yield process
        (self.gate / "go").touch()

    def wait_for_group(self, state: str, members: int) -> None:
        """Wait until the group is in a state of Kafka's, with so many processes."""
        self._wait_for_group(f"{state} with {members} members", lambda *found: found == (state, members))

    def wait_until_left(self) -> None:
        """Wait until the group has no members; it may not have begun, or be deleted."""
        self._wait_for_group("without members", lambda state, _: state in ("EMPTY", "DEAD"))

    def _wait_for_group(self, wanted: str, is_wanted: Callable[[str, int], bool]) -> None:
        admin = AdminClient({"bootstrap.servers": self.address})

        def is_so() -> bool:
            try:
                group = admin.describe_consumer_groups([self.group])[self.group].result(PATIENCE_S)
            except KafkaException:  # a broker that has just started does not coordinate yet
                return False
            return is_wanted(group.state.name, len(group.members))

        wait_for(is_so, f"a group {wanted}")

    def wait_for_progress(self, more: int = 200) -> None:
        """Wait until so many more records are committed by processes that crawl; they walk meanwhile."""
        with self.processes[-1].offsets() as offsets:
            begun = offsets.progress().processed
            (self.gate / "walk").touch()
            wait_for(lambda: offsets.progress().processed > begun + more, f"{more} more records")
            (self.gate / "walk").unlink()
        assert begun + more < self._sent, "it was done before the fault"

    def finish(self) -> None:
        """Let the rest be processed, start again a process that has ended, and compare the alerts."""
        self.drain()
        self.compare()

    def lacks(self) -> str:
        """Say what is left to be read, and which alerts aren't there."""
        found = self.alerts()
        missing = [
            f"{k[0]} {v['type']} {v['storeId']} {v['eventTime']}"
            for k, v in self._expected.items()
            if k not in found
        ]
        with GroupOffsets(self.kafka.properties(), self.group) as offsets:
            return f"lag {offsets.lag()}, {len(missing)} alerts missing: {missing[:5]}"

    def drain(self) -> None:
        """Let the rest be processed, start again a process that has ended, and stop."""
        assert self._sent == len(self._log), "a part of the log was not sent"
        (self.gate / "full-speed").touch()
        last = self.processes[-1]
        with GroupOffsets(self.kafka.properties(), self.group) as offsets:
            deadline, rest, least = time.monotonic() + PATIENCE_S, pauses(), math.inf
            while left := sum(offsets.lag(settled=False).values()):
                if left < least:  # on a slow machine a long log takes longer, but gets shorter
                    deadline, least = time.monotonic() + PATIENCE_S, left
                assert time.monotonic() < deadline, f"lag {offsets.lag()}\n{last.tail()}"
                if not any(process.running for process in self.processes):
                    # As an orchestrator does.
                    assert self.restarts < 5, f"a crash loop\n{last.tail()}"
                    self.restarts += 1
                    last = self.start(last.folder.name)
                next(rest)
        for process in self.processes:
            if process.running:
                process.wait_until_running()  # or it is not asked yet, but ended
                assert process.stop() == 0, process.tail()

    def compare(self) -> None:
        """Compare the alerts with those of an undisturbed run."""
        if self._exactly_once:
            # Readers wait at the open transaction of a process that was killed, until it times out.
            consume(self.address, ALERTS, at_least=len(self._expected), timeout=PATIENCE_S)
        found = alerts_in(self.address)
        missing, extra = self._expected.keys() - found.keys(), found.keys() - self._expected.keys()
        assert not missing, "\n".join(
            [
                f"{len(missing)} of {len(self._expected)} alerts missing",
                *(
                    f"{a['type']} {a['storeId']} {a['eventTime']}"
                    for a in map(self._expected.__getitem__, missing)
                ),
            ]
        )
        assert not extra, f"{len(extra)} alerts too many: {[found[key] for key in sorted(extra)[:3]]}"
        for key, alert in found.items():
            assert alert == self._expected[key], key
        assert len(self._expected) > 5
        if self._exactly_once:
            # A read_committed reader sees no pair of id and revision twice.
            assert len(consume(self.address, ALERTS)) == len(self._expected)

    def alerts(self) -> Content:
        """Return the alerts in the topic."""
        return alerts_in(self.address)

    def changelog(self) -> list[Record]:
        """Return the records of the group's changelog."""
        return consume(self.address, self.changelogs())

    def changelogs(self) -> list[str]:
        """Return the names of the group's changelogs."""
        topics = AdminClient({"bootstrap.servers": self.address}).list_topics(timeout=PATIENCE_S).topics
        return [name for name in topics if name.startswith(f"changelog__{self.group}")]

    def close(self) -> None:
        """End whatever still runs."""
        for process in self.processes:
            if process.running:
                process.kill()


@contextmanager
def stalling(pid: int, *, stands: float, runs: float) -> Iterator[list[float]]:
    """Let a process stand still again and again, as a broker with long pauses or a slow disk does.

    Yields
    ------
    list of float
        When it stood still, in seconds; grows.
    """
    over = threading.Event()
    stalls: list[float] = []

    def stall() -> None:
        while not over.wait(runs):
            os.kill(pid, signal.SIGSTOP)
            stalls.append(time.monotonic())
            over.wait(stands)
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=stall)
    thread.start()
    try:
        yield stalls
    finally:
        over.set()
        thread.join()


def wait_for(condition: Callable[[], bool], what: str, state: Callable[[], object] = lambda: "") -> None:
    deadline, rest = time.monotonic() + PATIENCE_S, pauses()
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}: {state()}"
        next(rest)


def set_topic(address: str, topic: str, config: Mapping[str, str]) -> None:
    """Change a topic's configuration, and wait until it is in force."""
    admin = AdminClient({"bootstrap.servers": address})  # held: its futures end with it
    _change_topic(admin, topic, config)
    # The broker tells of a change before its log follows it, but of a later one only after that.
    _change_topic(admin, topic, {"file.delete.delay.ms": str(60_000 + next(_later))})


def _change_topic(admin: AdminClient, topic: str, config: Mapping[str, str]) -> None:
    entries = [ConfigEntry(k, v, incremental_operation=AlterConfigOpType.SET) for k, v in config.items()]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(PATIENCE_S)

    def is_told() -> bool:
        (future,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
        told = future.result(PATIENCE_S)
        return all(told[name].value == value for name, value in config.items())

    wait_for(is_told, f"{topic} to have {dict(config)}")
