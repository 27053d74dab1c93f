"""How tests wait for other processes."""

from __future__ import annotations

import time
from collections.abc import Iterator

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
