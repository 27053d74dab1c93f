"""State and offsets that belong together no more are refused, with the two ways out."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from retail_anomaly.core.events import POS_EVENTS
from streamer import cli
from streamer.detection.state_offsets import check_offsets
from streamer.errors import StreamerError
from streamer.kafka.commit_notes import ADOPTED, BEGUN, SKIPPED, Committed
from streamer.kafka.connection import Connection
from streamer.kafka.topic_watch import WATCH_SECONDS
from streamer.kafka.topics import TopicPlan, ensure_topics
from tests.integration.test_stored_state import EVERYTHING, PARTITIONS, THIRD, WORLD, add_partitions, refused
from tests.kafka import consume, fresh_name, produce
from tests.support.processes import StreamerProcess
from tests.support.simulated import alerts_in, expected
from tests.support.waiting import PATIENCE_S

PLAN = TopicPlan(PARTITIONS, 1, 3650 * 86_400_000)
BOTH = ["--at-least-once", "--exactly-once"]


@pytest.fixture
def address(clean_kafka: Connection) -> str:
    ensure_topics(clean_kafka, PLAN, create=True)
    found: str = clean_kafka.properties()["bootstrap.servers"]
    return found


class Case:
    """A group that has processed a part of the log, with its commands."""

    def __init__(self, kafka: Connection, folder: Path, guarantee: str) -> None:
        self.kafka, self.folder = kafka, folder
        self.guarantee = guarantee
        self.group = fresh_name("group")
        self.address: str = kafka.properties()["bootstrap.servers"]
        self.admin = AdminClient({"bootstrap.servers": self.address})

    def start(self) -> StreamerProcess:
        (self.folder / "streamer.log").unlink(missing_ok=True)
        return StreamerProcess(self.kafka, self.group, self.folder, self.guarantee)

    def start_watchful(self) -> StreamerProcess:
        """Start one that looks at the topics more often than every `WATCH_SECONDS`."""
        return StreamerProcess(
            self.kafka, self.group, self.folder, self.guarantee,
            module="tests.support.faulty", environment={"FAULT_WATCH": "0.3"},
        )  # fmt: skip

    def process(self, some: list[Any]) -> None:
        produce(self.address, some)
        streamer = self.start()
        streamer.wait_until_running()
        streamer.wait_until_processed()
        assert streamer.stop() == 0, streamer.tail()

    def delete_offsets(self) -> None:
        self.admin.delete_consumer_groups([self.group])[self.group].result(PATIENCE_S)

    def leave_the_changelog(self) -> None:
        self.delete_offsets()
        shutil.rmtree(self.folder / "state")

    def lose_state(self) -> None:
        shutil.rmtree(self.folder / "state")
        self.delete(self.changelogs())

    def changelogs(self) -> list[str]:
        return [name for name in self.topics() if name.startswith(f"changelog__{self.group}")]

    def delete(self, names: list[str]) -> None:
        for future in self.admin.delete_topics(names).values():
            future.result(PATIENCE_S)
        deadline = time.monotonic() + PATIENCE_S
        while set(names) & set(self.topics()):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def topics(self) -> list[str]:
        return list(self.admin.list_topics(timeout=PATIENCE_S).topics)

    def command(self, name: str) -> int:
        options = ["--broker", self.address, "--consumer-group", self.group]
        folder = ["--state-dir", str(self.folder / "state")] if name == "reset" else []
        return cli.main(["state", name, *options, *folder])


MISHAPS: dict[str, Callable[[Case], None]] = {
    "offsets deleted": Case.delete_offsets,
    "offsets deleted, a new disk": Case.leave_the_changelog,
    "state lost": Case.lose_state,
}


@pytest.mark.parametrize("guarantee", BOTH)
@pytest.mark.parametrize("mishap", MISHAPS)
def test_a_difference_is_refused_and_a_reset_gives_the_alerts_of_an_undisturbed_run(
    clean_kafka: Connection, address: str, tmp_path: Path, guarantee: str, mishap: str
) -> None:
    case = Case(clean_kafka, tmp_path, guarantee)
    case.process(EVERYTHING[: 2 * THIRD])
    before = alerts_in(address)
    MISHAPS[mishap](case)
    produce(address, EVERYTHING[2 * THIRD :])

    line = refused(case.start())

    assert "retail-streamer state adopt" in line
    assert "retail-streamer state reset" in line
    assert alerts_in(address) == before
    assert case.command("reset") == 0
    case.process([])
    assert alerts_in(address) == expected(WORLD)


def test_deleted_offsets_are_adopted_from_the_state(
    clean_kafka: Connection, address: str, tmp_path: Path
) -> None:
    case = Case(clean_kafka, tmp_path, BOTH[0])
    case.process(EVERYTHING[: 2 * THIRD])
    case.delete_offsets()

    assert case.command("adopt") == 0
    case.process(EVERYTHING[2 * THIRD :])

    assert alerts_in(address) == expected(WORLD)


@pytest.mark.parametrize("disk", ["the same", "new", "old"])
@pytest.mark.parametrize("guarantee", BOTH)
def test_offsets_are_adopted_after_a_start_that_was_refused(
    clean_kafka: Connection, address: str, tmp_path: Path, guarantee: str, disk: str
) -> None:
    case = Case(clean_kafka, tmp_path, guarantee)
    case.process(EVERYTHING[:THIRD])
    shutil.copytree(tmp_path / "state", tmp_path / "old")
    case.process(EVERYTHING[THIRD : 2 * THIRD])
    case.delete_offsets()
    if disk != "the same":
        shutil.rmtree(tmp_path / "state")
    if disk == "old":
        shutil.copytree(tmp_path / "old", tmp_path / "state")

    assert "retail-streamer state adopt" in refused(case.start())
    assert case.command("adopt") == 0
    case.process(EVERYTHING[2 * THIRD :])

    assert alerts_in(address) == expected(WORLD)


@pytest.mark.parametrize("guarantee", BOTH)
def test_a_checkpoint_writes_its_offsets_after_all_its_state(
    clean_kafka: Connection, address: str, tmp_path: Path, guarantee: str
) -> None:
    case = Case(clean_kafka, tmp_path, guarantee)
    case.process(EVERYTHING)

    checkpoints: dict[object, list[bytes | None]] = {}
    for record in consume(address, case.changelogs()):
        if record.value is not None:
            checkpoints.setdefault((record.partition, record.headers), []).append(record.key)

    assert any(len(keys) > 1 for keys in checkpoints.values())
    assert {keys[-1] for keys in checkpoints.values()} == {b"offsets"}


def test_lost_state_is_adopted_by_going_on_without(
    clean_kafka: Connection, address: str, tmp_path: Path
) -> None:
    case = Case(clean_kafka, tmp_path, BOTH[0])
    case.process(EVERYTHING[: 2 * THIRD])
    case.lose_state()

    assert case.command("adopt") == 0
    case.process([])
    case.process(EVERYTHING[2 * THIRD :])


def test_a_group_with_a_running_streamer_is_not_touched(
    clean_kafka: Connection, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case(clean_kafka, tmp_path, BOTH[0])
    streamer = case.start()
    streamer.wait_until_running()
    for command in ("reset", "adopt"):
        assert case.command(command) == 1
        assert "stop its streamers first" in capsys.readouterr().err
    assert streamer.stop() == 0


def test_a_topic_made_anew_while_it_was_stopped_is_refused(
    clean_kafka: Connection, address: str, tmp_path: Path
) -> None:
    case = Case(clean_kafka, tmp_path, BOTH[0])
    case.process(EVERYTHING)
    case.delete([POS_EVENTS])
    ensure_topics(clean_kafka, PLAN, create=True)

    line = refused(case.start())

    assert f"topic {POS_EVENTS} was deleted and created again" in line
    assert "state reset" in line


@pytest.mark.parametrize("guarantee", BOTH)
def test_a_topic_made_anew_while_it_runs_ends_it_with_one_line(
    clean_kafka: Connection, address: str, tmp_path: Path, guarantee: str
) -> None:
    case = Case(clean_kafka, tmp_path, guarantee)
    produce(address, EVERYTHING)
    streamer = case.start_watchful()
    streamer.wait_until_processed()
    case.delete([POS_EVENTS])
    ensure_topics(clean_kafka, PLAN, create=True)

    line = refused(streamer)

    assert POS_EVENTS in line or "topic" in line
    assert "please report" not in line


@pytest.mark.parametrize("guarantee", BOTH)
def test_partitions_added_while_it_runs_end_it_with_the_line_of_a_restart(
    clean_kafka: Connection, address: str, tmp_path: Path, guarantee: str
) -> None:
    case = Case(clean_kafka, tmp_path, guarantee)
    produce(address, EVERYTHING)
    streamer = case.start_watchful()
    streamer.wait_until_processed()
    add_partitions(address)

    line = refused(streamer)

    assert WATCH_SECONDS < 60  # as often a streamer looks that is not under test
    assert "the number of partitions was changed under stored state" in line
    assert line.rpartition(": ")[2] == refused(case.start()).rpartition(": ")[2]


@pytest.mark.parametrize(
    ("stored", "committed", "empty", "fine"),
    [
        (None, Committed(None), True, True),
        (None, Committed(7, end=9), True, False),
        (None, Committed(7, SKIPPED, end=9), True, True),
        (None, Committed(7, ADOPTED, end=9), True, True),
        (None, Committed(7, BEGUN, end=9), True, True),
        (None, Committed(7, end=9), False, True),  # of a version that did not note offsets
        ({"t": 7}, Committed(7, end=9), False, True),
        ({"t": 7}, Committed(None, end=9), False, False),
        ({"t": 7}, Committed(5, end=9), False, False),
        ({"t": 7}, Committed(8, end=9), False, False),
        ({"t": 7}, Committed(8, BEGUN, end=9), False, True),
        ({"t": 7}, Committed(5, BEGUN, end=9), False, False),
        ({"t": 7}, Committed(7, end=3), False, False),
        ({"t": 7}, Committed(None, end=3), False, False),
        ({"other": 7}, Committed(7, end=9), False, False),
        ({"other": 7}, Committed(None), False, True),
    ],
)
def test_which_state_stands_for_which_offset(
    stored: dict[str, int] | None, committed: Committed, empty: bool, fine: bool
) -> None:
    if fine:
        check_offsets(0, stored, {"t": committed}, empty=empty, uncovered=False)
    else:
        with pytest.raises(StreamerError):
            check_offsets(0, stored, {"t": committed}, empty=empty, uncovered=False)


def test_a_changelog_that_no_offset_covers_is_not_passed_over() -> None:
    topics = {"s": Committed(None), "t": Committed(None, end=9)}
    with pytest.raises(StreamerError, match="the changelog has state"):
        check_offsets(0, None, topics, empty=True, uncovered=True)
    check_offsets(0, None, topics, empty=True, uncovered=False)
    # A process that was killed in its first checkpoint.
    begun = topics | {"t": Committed(0, BEGUN, end=9)}
    check_offsets(0, None, begun, empty=True, uncovered=False)
