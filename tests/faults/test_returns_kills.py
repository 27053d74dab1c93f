"""`returns` is killed and shared while it follows refunds through the chain: each loss is told, and once.

The stores of a chain lie in several partitions. A return waits for nobody: by the time it comes, or comes
again, the partition of its receipt may be weeks ahead.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from random import Random

import pytest

from tests.kafka import KafkaServer
from tests.support.chain import Chain, sold_and_returned
from tests.support.faults import CRAWL, LONG, variants

KILLS = 20 if LONG else 3
RECEIPTS = 400 if LONG else 80
STAGES = ("processed", "delivered", "committed", "written")


@pytest.mark.timeout(900)
@variants("guarantee", ["--at-least-once", "--exactly-once"], ["--at-least-once", "--exactly-once"])
def test_kills_and_rebalances_lose_no_return_and_book_none_twice(
    broker: KafkaServer, tmp_path: Path, guarantee: str
) -> None:
    rng = Random(23)
    lines, losses = sold_and_returned(RECEIPTS, rng)
    here = Chain(broker.address, tmp_path, guarantee)
    here.send(lines)
    most = len(lines) // (KILLS + 2)
    for number in range(KILLS):
        stage = STAGES[number % len(STAGES)]
        count = rng.randint(most // 3, most) if stage == "processed" else rng.randint(1, max(1, most // 30))
        process = here.start(fault=f"kill:{stage}:{count}:{rng.choice((0, 0.02))}")
        assert process.wait_until_ended() == -signal.SIGKILL, process.tail()
        if number % 2:
            here.lose_state("a")
    first = here.start(pace=CRAWL)
    first.wait_until_running()
    second = here.start("b", pace=CRAWL)  # takes partitions over, and dies with them
    second.wait_until_running()
    os.kill(second.pid, signal.SIGKILL)
    third = here.start("c", pace=CRAWL)
    third.wait_until_running()
    here.finish(first, third)

    again = here.compare(losses)
    print(f"{guarantee}: {KILLS} kills, {len(lines)} lines, {again}")
