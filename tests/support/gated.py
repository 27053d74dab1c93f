"""An executor that holds the first task at a gate, so that its worker can be killed there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from tests.support.waiting import PATIENCE_S, pauses


def held_at(gate: str, task: Callable[..., Any], *arguments: Any) -> Any:
    """Write the own process id and wait for ever, if no task has come to this gate yet; else do the task."""
    try:
        with Path(gate).open("x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        return task(*arguments)
    while True:
        time.sleep(PATIENCE_S)


class Gated(Executor):
    """Sends each task by way of a gate.

    Parameters
    ----------
    executor
        Runs the tasks.
    gate
        A file that is not there yet.
    """

    def __init__(self, executor: Executor, gate: Path) -> None:
        self._executor = executor
        self._gate = gate

    def submit(self, task: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self._executor.submit(held_at, str(self._gate), task, *args, **kwargs)


def held_process(gate: Path) -> int:
    """Wait until a task is held; return the id of its process."""
    deadline = time.monotonic() + PATIENCE_S
    for _ in pauses():
        assert time.monotonic() < deadline, "no task came to the gate"
        if gate.exists() and (written := gate.read_text()):
            return int(written)
    raise AssertionError
