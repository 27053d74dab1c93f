"""Processes that join, leave, die and sleep, while records are processed and while state is recovered."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.support.faults import LARGE, LONG, Scene, variants

BOTH = ["--at-least-once", "--exactly-once"]
# So slow that the log outlasts the rebalances; `finish` lets them run. Not slower: what is in the buffer is
# processed before a process notices a rebalance.
PACE = 1_000
ROUNDS = 5 if LONG else 1


@pytest.mark.timeout(900)
@variants("guarantee", BOTH[:1], BOTH)
def test_processes_that_join_leave_and_die_share_the_work_without_loss(
    scene: Callable[..., Scene], guarantee: str
) -> None:
    here = scene(guarantee, world=LARGE)
    here.start("a", pace=PACE)
    here.wait_for_progress()
    for _ in range(ROUNDS):
        second = here.start("b", pace=PACE)
        here.wait_for_members(2)
        here.wait_for_progress()
        third = here.start("c", pace=PACE)
        here.wait_for_members(3)
        here.wait_for_progress()

        assert second.stop() == 0
        here.wait_for_members(2)
        here.wait_for_progress()
        third.kill()
        here.wait_for_members(1)
    here.finish()

    assert here.restarts == 0


@pytest.mark.timeout(900)
@variants("guarantee", BOTH[1:], BOTH)
def test_processes_that_join_and_die_during_a_recovery_do_not_spoil_it(
    scene: Callable[..., Scene], guarantee: str
) -> None:
    here = scene(guarantee, world=LARGE)
    for _ in range(ROUNDS):
        first = here.start("a", pace=PACE * 3)
        here.wait_for_progress(3000)
        first.kill()
        here.lose_state("a")
        # Both find no local state: they join while the other one recovers, and one dies in it.
        here.start("a", pace=PACE)
        second = here.start("b", pace=PACE)
        second.wait_until_running()
        second.kill()
        here.lose_state("b")
        here.wait_for_members(1)
        here.processes[-2].kill()
    here.start("a")
    here.finish()

    assert here.restarts == 0


@pytest.mark.timeout(900)
@variants("guarantee", BOTH[:1], BOTH)
def test_a_process_that_slept_while_another_took_over_spoils_nothing(
    scene: Callable[..., Scene], guarantee: str
) -> None:
    here = scene(guarantee, world=LARGE)
    sleeper = here.start("a", pace=PACE)
    here.wait_for_progress(1000)
    os.kill(sleeper.pid, signal.SIGSTOP)
    other = here.start("b", pace=PACE)
    here.wait_for_members(1)
    here.wait_for_progress(1000)
    os.kill(sleeper.pid, signal.SIGCONT)
    # It ends, or it joins again; either way it must not leave its outdated state in the changelog.
    here.wait_for_progress(1000)
    other.kill()
    here.lose_state("b")
    if sleeper.running:
        sleeper.kill()
    here.lose_state("a")
    here.start("a")
    here.finish()
