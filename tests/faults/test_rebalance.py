"""Processes that join, leave, die and sleep, while records are processed and while state is recovered."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.faults import CRAWL, LARGE, LONG, MEDIUM, Scene, alerts_of, log, variants

BOTH = ["--at-least-once", "--exactly-once"]
# Nothing but time brings the next commit on.
LONG_COMMIT: dict[str, Any] = {"RETAIL__STREAMER__COMMIT_INTERVAL": "3s", "FAULT_COMMIT_EVERY": "0"}
ROUNDS = 3 if LONG else 1


@pytest.mark.timeout(900)
@variants("guarantee", BOTH[1:], BOTH)
def test_processes_that_join_leave_and_die_share_the_work_without_loss(
    scene: Callable[..., Scene], guarantee: str
) -> None:
    world = LARGE if LONG else MEDIUM
    here = scene(guarantee, world=world)
    here.start("a", pace=CRAWL)
    here.wait_for_progress()
    for _ in range(ROUNDS):
        second = here.start("b", pace=CRAWL)
        here.wait_for_group("STABLE", 2)
        here.wait_for_progress()
        third = here.start("c", pace=CRAWL)
        here.wait_for_group("STABLE", 3)
        here.wait_for_progress()

        assert second.stop() == 0
        here.wait_for_group("STABLE", 2)
        here.wait_for_progress()
        third.kill()
        here.wait_for_group("STABLE", 1)
    here.finish()

    assert here.restarts == 0
    # These compare a refund with a receipt that another process has written to the ledger of the store.
    assert any(alert["type"] == "REFUND_MISMATCH" for alert in alerts_of(world).values())


@pytest.mark.timeout(900)
@variants("guarantee", BOTH[:1], BOTH)
def test_processes_that_join_and_die_during_a_recovery_do_not_spoil_it(
    scene: Callable[..., Scene], guarantee: str
) -> None:
    here = scene(guarantee)
    share = len(log()) // (ROUNDS + 1)
    for _ in range(ROUNDS):
        here.die(f"kill:processed:{share}")
        here.lose_state()
        # In the midst of its recovery; the recovered part stays on its disk.
        here.die("kill:recovered:20")
        with here.held("recovered:20") as first:
            # This one finds no local state at all.
            second = here.start("b")
            here.wait_for_group("PREPARING_REBALANCING", 2)
        second.kill()
        here.lose_state("b")
        first.kill()
    here.start()
    here.finish()

    assert here.restarts == 0


@pytest.mark.timeout(900)
@variants("guarantee", BOTH, BOTH)
def test_a_process_that_slept_while_another_took_over_spoils_nothing(
    scene: Callable[..., Scene], guarantee: str
) -> None:
    here = scene(guarantee, first=len(log()) * 2 // 3)
    with here.held(f"processed:{len(log()) // 4}", **LONG_COMMIT) as sleeper:
        os.kill(sleeper.pid, signal.SIGSTOP)
        other = here.start("b")
        other.wait_until_processed()
        os.kill(sleeper.pid, signal.SIGCONT)
    # It wakes with a checkpoint to commit, and nobody would write over it: it has to see that it is late.
    assert sleeper.wait_until_ended() == 1
    said = sleeper.last_word()["event"]
    assert "the group gave this process up" in said
    other.kill()

    # The changelog is all that is left.
    here.lose_state("a")
    here.lose_state("b")
    here.send_rest()
    here.start("c")
    here.finish()

    assert here.restarts == 0


@pytest.mark.timeout(900)
@variants("guarantee", BOTH[:1], BOTH)
def test_a_process_that_slept_alone_goes_on_from_its_last_commit(
    scene: Callable[..., Scene], guarantee: str
) -> None:
    first = len(log()) // 2
    here = scene(guarantee, first=first)
    # Its commit is due when it wakes: of offsets, while their state is gone with the partitions.
    with here.held(f"processed:{first}", **LONG_COMMIT) as sleeper:
        os.kill(sleeper.pid, signal.SIGSTOP)
        here.wait_for_group("EMPTY", 0)
        here.send_rest()
        os.kill(sleeper.pid, signal.SIGCONT)
    here.finish()
