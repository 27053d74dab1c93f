"""Clocks that step while a process runs, as after a late answer of NTP or a machine that was suspended."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.chaos.stage import Stage

MINUTE, HOUR = 60, 3_600
# The one whose clock steps. It is executed, with two seconds of CPU at each start; the others are forks.
CLOCKED = "c"
STEPS_S = (-3 * HOUR, -HOUR, -20 * MINUTE, -MINUTE, 0, MINUTE, 20 * MINUTE, HOUR, 3 * HOUR)


@cache
def library() -> Path | None:
    """Return libfaketime as Debian's package `faketime` has it, or None."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    return found[0] if found and sys.platform == "linux" else None


def variables(folder: Path) -> dict[str, str]:
    """Return the variables of a process in its folder: they let `step` move its clock, if it is the one."""
    if folder.name != CLOCKED or (preloaded := library()) is None:
        return {}
    offset = folder / "clock"
    if not offset.exists():
        _write(offset, 0)
    return {
        "LD_PRELOAD": str(preloaded),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": "1",
        # A step of a real clock leaves this one alone.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def step(stage: Stage) -> None:
    """Set the clock of a process minutes or hours from the true time; it runs from now on, if it did not."""
    if library() is None:
        return
    seconds = stage.rng.choice(STEPS_S)
    runs = CLOCKED in stage.running()
    # Where libfaketime sets the clock back while a client of Kafka is made, librdkafka waits for ever.
    if runs and not stage.process(CLOCKED).reads:
        return
    stage.say(f"the clock of {CLOCKED} steps to {seconds / MINUTE:+.0f} min")
    (stage.folder / CLOCKED).mkdir(exist_ok=True)
    _write(stage.folder / CLOCKED / "clock", seconds)
    if not runs:
        stage.start(CLOCKED)


def _write(file: Path, seconds: int) -> None:
    new = file.with_suffix(".new")
    new.write_text(f"{seconds:+d}")
    new.replace(file)
