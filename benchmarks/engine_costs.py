"""The processor time of an event by step: ``python -m benchmarks.engine_costs``.

Decoding, the engine in a bare loop, and reading Parquet and JSON lines, each the least of several rounds. The
machine decides the figures: compare them with each other, or with those of another commit in turn.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.load import events
from retail_anomaly.core import codec
from retail_anomaly.core.events import Event, PosEvent
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.settings import Settings, build_engine
from retail_anomaly.sources import open_input

FIVE: Final = (
    "refund_burst",
    "refund_without_sale",
    "security_correlation",
    "inventory_shrinkage",
    "stock_discrepancy",
)


def decoding(log: Sequence[Event]) -> Callable[[], None]:
    raw = [(codec.topic_of(event), codec.encode(event)) for event in log]

    def run() -> None:
        for topic, value in raw:
            codec.decode(topic, value)

    return run


def engine(log: Sequence[Event], detectors: Sequence[str]) -> Callable[[], None]:
    """Return the loop that a replay has at its heart: no source, no findings, no frame of alerts."""

    def run() -> None:
        made = build_engine(Settings(), detectors)
        stores: dict[str, StoreMemory] = {}
        for event in log:
            store = stores.get(event.store_id)
            if store is None:
                store = stores[event.store_id] = made.new_store(event.store_id)
            made.process(event, store)

    return run


def reading(path: Path) -> Callable[[], None]:
    def run() -> None:
        for _ in open_input(path).events(print):
            pass

    return run


def write_lines(folder: Path, log: Sequence[Event]) -> tuple[Path, Path]:
    """Write the receipt lines as JSON lines and as Parquet."""
    raw = [codec.encode(event) for event in log if isinstance(event, PosEvent)]
    lines, table = folder / "pos-events.jsonl", folder / "pos-events.parquet"
    lines.write_bytes(b"\n".join(raw) + b"\n")
    pq.write_table(pa.Table.from_pylist([msgspec.json.decode(line) for line in raw]), table)
    return lines, table


def microseconds(run: Callable[[], None], count: int, rounds: int) -> float:
    """Return the CPU time of an event, the least of several rounds."""
    least = float("inf")
    for _ in range(rounds):
        gc.collect()
        gc.disable()
        began = process_time()
        run()
        least = min(least, process_time() - began)
        gc.enable()
    return least / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine_costs", description=__doc__)
    parser.add_argument("--events", type=int, default=60_000, help="length of the log")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each time, the least counts")
    options = parser.parse_args()
    few = list(events(options.events, stores=5))
    many = list(events(options.events, stores=100))
    every = [detector.name for detector in build_engine(Settings()).detectors]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        lines, table = write_lines(Path(folder), few)
        for name, run in {
            "decoding": decoding(few),
            "engine, five rules, 5 stores": engine(few, FIVE),
            "engine, five rules, 100 stores": engine(many, FIVE),
            "engine, all that is on by default, 5 stores": engine(few, every),
            "reading JSON lines": reading(lines),
            "reading Parquet": reading(table),
        }.items():
            print(f"{name:<44} {microseconds(run, len(few), options.rounds):6.2f} us an event")


if __name__ == "__main__":
    main()
