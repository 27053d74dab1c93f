"""How tests wait for other processes."""

from __future__ import annotations

import time
from collections.abc import Iterator

# Only a process that hangs is waited for so long. A machine that others use too stands still for minutes at
# times: then a broker lacks the cores to elect its leaders, and no shorter wait tells that from a fault.
PATIENCE_S = 300

SHORTEST_S, LONGEST_S = 0.02, 0.25


def pauses() -> Iterator[None]:
    """Sleep between one look at another process and the next: shortly at first, then longer and longer.

    A look at a broker takes a hundredth of a second of CPU. Where cores are few, the process that a test
    waits for lacks it.
    """
    pause = SHORTEST_S
    while True:
        yield
        time.sleep(pause)
        pause = min(pause * 1.25, LONGEST_S)
