"""Processes with a name in their group: they keep their partitions while they restart."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient

from tests.support.faults import CRAWL, Scene, variants
from tests.support.waiting import PATIENCE_S

BOTH = ["--at-least-once", "--exactly-once"]
NAMES = ("a", "b", "c")
Assignment = dict[str, list[tuple[str, int]]]


def start(scene: Scene, name: str, folder: str = "") -> None:
    """Start a process with a name; it has longer to come back than the slowest machine needs."""
    scene.start(
        folder or name,
        pace=CRAWL,
        RETAIL__STREAMER__INSTANCE_ID=name,
        RETAIL__STREAMER__SESSION_TIMEOUT=f"{PATIENCE_S}s",
    )


def assignment(scene: Scene) -> Assignment:
    """Return which partitions each name has."""
    admin = AdminClient({"bootstrap.servers": scene.address})
    found = admin.describe_consumer_groups([scene.group])[scene.group].result(PATIENCE_S)
    return {
        member.group_instance_id: sorted((p.topic, p.partition) for p in member.assignment.topic_partitions)
        for member in found.members
    }


@pytest.mark.timeout(900)
@variants("guarantee", BOTH, BOTH)
def test_a_rolling_update_moves_no_partition(scene: Callable[..., Scene], guarantee: str) -> None:
    here = scene(guarantee)
    for name in NAMES:
        start(here, name)
    here.wait_for_group("STABLE", len(NAMES))
    before = assignment(here)
    assert set(before) == set(NAMES)

    for process, name in list(zip(here.processes, NAMES, strict=True)):
        process.wait_until_running()
        here.wait_for_progress(50)
        if name == "c":
            process.kill()
        else:
            assert process.stop() == 0
        assert assignment(here) == before
        start(here, name)
        here.processes[-1].wait_until_running()
        here.wait_for_group("STABLE", len(NAMES))
        assert assignment(here) == before

    here.finish()
    assert here.restarts == 0


@pytest.mark.timeout(900)
@variants("guarantee", BOTH[:1], BOTH)
def test_of_two_processes_with_one_name_the_older_ends_and_nothing_is_spoiled(
    scene: Callable[..., Scene], guarantee: str
) -> None:
    here = scene(guarantee)
    start(here, "a")
    first = here.processes[-1]
    here.wait_for_progress(50)

    start(here, "a", folder="b")

    assert first.wait_until_ended() == 1
    assert "another process has its instance_id" in first.last_word()["event"]
    here.finish()
    assert here.restarts == 0
