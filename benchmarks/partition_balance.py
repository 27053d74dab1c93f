"""A large chain over partitions and processes: ``python -m benchmarks.partition_balance``.

Stores of real-looking sizes (lognormal) are placed by Kafka's partitioner, and the partitions by the range
assignor that the streamer uses. Printed is how much more than the mean the busiest partition and the busiest
process get. CPU, memory and volume follow from the unit figures of docs/performance.md and docs/deploy.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import islice, pairwise
from random import Random
from typing import Final, NamedTuple

from rich.console import Console

from data_gen import Simulation
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.key_partitions import murmur2

CPU_US: Final = 8.8
"""CPU microseconds a record with five rules."""
BASE_MB, STORE_KB, SALE_BYTES, VOLUME_BYTES = 138, 36, 60, 32
"""Memory of a process, of a store and of a remembered sale, and the sale's bytes in the volume."""
PEAK_SHARE: Final = 0.14
"""Share of a day's lines in the busiest hour: that of the simulator's commuter stores."""


class Balance(NamedTuple):
    """How unevenly a chain is spread; 1 is even.

    Parameters
    ----------
    partition, process
        Load of the busiest one, compared with the mean.
    stores
        Stores of the process that has most, compared with the mean.
    """

    partition: float
    process: float
    stores: float


def sizes(stores: int, lines: float, spread: float, seed: int) -> dict[str, float]:
    """Return the lines a day of each store; `spread` is the standard deviation of their logarithm."""
    rng = Random(seed)
    drawn = {f"store-{number}": rng.lognormvariate(0, spread) for number in range(stores)}
    scale = lines / sum(drawn.values())
    return {store: size * scale for store, size in drawn.items()}


def assigned(partitions: int, processes: int) -> list[range]:
    """Return the partitions of each process, as Kafka's range assignor gives them.

    Examples
    --------
    >>> assigned(5, 2)
    [range(0, 3), range(3, 5)]
    """
    each, more = divmod(partitions, processes)
    starts = [number * each + min(number, more) for number in range(processes + 1)]
    return [range(first, last) for first, last in pairwise(starts)]


def balance(loads: dict[str, float], partitions: int, processes: int) -> Balance:
    """Place the stores, and compare the fullest places with the mean.

    Examples
    --------
    >>> balance({"store-1": 1.0}, partitions=4, processes=2)
    Balance(partition=4.0, process=2.0, stores=2.0)
    """
    by_partition, counts = [0.0] * partitions, [0] * partitions
    for store, load in loads.items():
        place = (murmur2(store.encode()) & 0x7FFFFFFF) % partitions
        by_partition[place] += load
        counts[place] += 1
    mine = assigned(partitions, processes)
    total = sum(by_partition)
    return Balance(
        max(by_partition) * partitions / total,
        max(sum(by_partition[p] for p in part) for part in mine) * processes / total,
        max(sum(counts[p] for p in part) for part in mine) * processes / len(loads),
    )


def line_bytes() -> float:
    """Return the mean size of a POS event in Kafka, without compression: its value and its key."""
    tills = (e for e in Simulation(stores=3).events() if isinstance(e, PosEvent))
    sent = [len(encode(event)) + len(event.store_id) for event in islice(tills, 2_000)]
    return sum(sent) / len(sent)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stores", type=int, default=50_000)
    parser.add_argument("--lines", type=float, default=1e9, help="receipt lines a day, of all stores")
    parser.add_argument("--spread", type=float, default=0.9, help="of the logarithm of the stores' sizes")
    parser.add_argument("--memory-days", type=float, default=30, help="sale_memory")
    parser.add_argument("--partitions", type=int, nargs="+", default=[48, 96, 192, 384, 768])
    parser.add_argument("--processes", type=int, nargs="+", default=[12, 24, 48])
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args(arguments)
    loads = sizes(given.stores, given.lines, given.spread, given.seed)
    say = Console(highlight=False, width=200, soft_wrap=True).print
    ordered = sorted(loads.values())
    peak = given.lines * PEAK_SHARE / 3600
    held = given.lines * given.memory_days
    say(f"{given.stores:,} stores, {given.lines:,.0f} lines a day")
    say(f"a store has {ordered[len(ordered) // 2]:,.0f} in the median and {ordered[-1]:,.0f} at most")
    say(f"records a second: {given.lines / 86_400:,.0f} on average, {peak:,.0f} in the busiest hour")
    say(f"CPU of five rules in the busiest hour: {peak * CPU_US / 1e6:.2f} cores")
    size = line_bytes()
    say(f"in Kafka, without compression and copies: {given.lines * size / 1e9:,.0f} GB a day")
    say(f"remembered for {given.memory_days:g} days: {held:,.0f} sales")
    say(f"that is {held * SALE_BYTES / 1e9:,.0f} GB of memory, {held * VOLUME_BYTES / 1e9:,.0f} GB on disk\n")
    say("| partitions | processes | busiest partition | busiest process | its memory | its volume |")
    say("| --- | --- | --- | --- | --- | --- |")
    for partitions in given.partitions:
        for processes in (number for number in given.processes if number <= partitions):
            found = balance(loads, partitions, processes)
            memory = (
                BASE_MB / 1e3
                + given.stores / processes * found.stores * STORE_KB / 1e6
                + held / processes * found.process * SALE_BYTES / 1e9
            )
            volume = held / processes * found.process * VOLUME_BYTES / 1e9
            say(
                f"| {partitions} | {processes} | {found.partition:.2f} x the mean | {found.process:.2f} x | "
                f"{memory:,.0f} GB | {volume:,.0f} GB |"
            )


if __name__ == "__main__":
    main()
