"""Faults of the processes: they die, leave, join and sleep, and lose their local state or get an old one."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.faults.chaos.network import PROCESSES, READERS

if TYPE_CHECKING:
    from tests.faults.chaos.stage import Stage

STALL_S = (0.5, 6.0)  # the session of a process ends after 4 s


def kill(stage: Stage) -> None:
    """Kill a streamer."""
    if name := stage.one():
        stage.say(f"kill -9 {name}")
        stage.process(name).kill()


def stop(stage: Stage) -> None:
    """Stop a streamer as an orchestrator does."""
    if name := stage.one():
        stage.say(f"SIGTERM {name}")
        stage.stop(name)


def join(stage: Stage) -> None:
    """Start a streamer, if it does not run."""
    stage.start(stage.rng.choice(PROCESSES))


def stall(stage: Stage) -> None:
    """Let a streamer sleep."""
    if name := stage.one():
        seconds = stage.rng.uniform(*STALL_S)
        stage.say(f"{name} sleeps for {seconds:.1f} s")
        sleep(stage.process(name).pid, seconds)


def kill_reader(stage: Stage) -> None:
    """Kill a reader and start it again."""
    name = stage.rng.choice(READERS)
    stage.say(f"kill -9 {name} and start it again")
    stage.readers[name].process.kill()
    stage.readers[name].start()


def stall_reader(stage: Stage) -> None:
    """Let a reader sleep."""
    name, seconds = stage.rng.choice(READERS), stage.rng.uniform(*STALL_S)
    stage.say(f"{name} sleeps for {seconds:.1f} s")
    sleep(stage.readers[name].process.pid, seconds)


def fill_disk(stage: Stage) -> None:
    """Start a streamer whose disk will be full."""
    if stopped := _stopped(stage):
        after = stage.rng.randint(50, 2_000)
        stage.start(stage.rng.choice(stopped), f"limit:processed:{after}")


def lose_state(stage: Stage) -> None:
    """Delete the local state of a streamer that does not run."""
    if stopped := _stopped(stage, "state"):
        name = stage.rng.choice(stopped)
        stage.say(f"{name} loses its local state")
        shutil.rmtree(stage.folder / name / "state")


def copy_state(stage: Stage) -> None:
    """Keep a copy of the local state of a streamer that does not run."""
    if stopped := _stopped(stage, "state"):
        name = stage.rng.choice(stopped)
        stage.say(f"the local state of {name} is copied")
        shutil.rmtree(stage.folder / name / "copy", ignore_errors=True)
        shutil.copytree(stage.folder / name / "state", stage.folder / name / "copy")


def restore_copy(stage: Stage) -> None:
    """Put the copy in the place of the local state, however old it is."""
    if stopped := _stopped(stage, "copy"):
        name = stage.rng.choice(stopped)
        stage.say(f"{name} gets an old copy of its local state")
        shutil.rmtree(stage.folder / name / "state", ignore_errors=True)
        shutil.copytree(stage.folder / name / "copy", stage.folder / name / "state")


def stall_broker(stage: Stage) -> None:
    """Let the broker sleep."""
    seconds = stage.rng.uniform(*STALL_S)
    stage.say(f"the broker sleeps for {seconds:.1f} s")
    assert stage.broker.pid is not None
    sleep(stage.broker.pid, seconds)


def restart_broker(stage: Stage) -> None:
    """Stop or kill the broker and start it again."""
    how = stage.rng.choice(("stop", "kill"))
    stage.say(f"{how} the broker and start it again")
    getattr(stage.broker, how)()
    stage.broker.start()


def sleep(pid: int, seconds: float) -> None:
    """Let a process stand still."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)


def _stopped(stage: Stage, has: str = "") -> list[str]:
    running = stage.running()
    return [name for name in PROCESSES if name not in running and (stage.folder / name / has).exists()]
