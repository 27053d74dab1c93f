"""Killed at points of its work, with its local state kept and lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.faults import LONG, Scene, kill_points, variants

KILLS = 20 if LONG else 2
ALL = [
    (guarantee, state) for guarantee in ("--at-least-once", "--exactly-once") for state in ("kept", "lost")
]
# Alerts and state are in Kafka; then the offsets are too; then the local state of one partition is on disk.
COMMIT = ("delivered", "committed", "written")


@pytest.mark.timeout(900)
@variants("seed", [0], [0, 1, 2])
@variants("guarantee,state", [ALL[1], ALL[2]], ALL)
def test_kills_at_any_record_lose_and_change_no_alert(
    scene: Callable[..., Scene], guarantee: str, state: str, seed: int
) -> None:
    here = scene(guarantee)
    for point in kill_points(KILLS, seed):
        here.die(point)
        if state == "lost":
            here.lose_state()
    here.start()
    here.finish()

    assert here.restarts == 0


@pytest.mark.timeout(900)
@variants("guarantee,state", [ALL[0], ALL[3]], ALL)
def test_kills_in_the_midst_of_a_commit_lose_and_change_no_alert(
    scene: Callable[..., Scene], guarantee: str, state: str
) -> None:
    here = scene(guarantee)
    for stage in COMMIT * (4 if LONG else 1):
        # Not in the first commit: there is one to come back to. So slow that the log outlasts the kills.
        here.die(f"kill:{stage}:2", pace=1_000)
        if state == "lost":
            here.lose_state()
    here.start()
    here.finish()

    assert here.restarts == 0
