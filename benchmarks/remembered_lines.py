"""Millions of remembered lines in ledgers: ``python -m benchmarks.remembered_lines``.

Stores with the ledger of `refund_match` alone are filled, written to a local store as the streamer's, and
read again by a new process, in which a refund asks for a receipt of weeks ago. Each step is a process of its
own. The time of the first alert begins with the store's first event after the start.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Final

import msgspec
from rich.console import Console
from rocksdict import Rdict

from benchmarks.figures import Figure, table
from benchmarks.ledger_costs import LINES_A_DAY, sales
from benchmarks.process import status_mb
from retail_anomaly.core.events import PosEvent
from retail_anomaly.settings import Settings, build_engine

DAYS: Final = 85
_CHECKPOINT: Final = 5_000
STEPS: Final = ("fill", "start")


def figures(*, lines: int) -> Iterator[Figure]:
    """Fill and start in processes of their own."""
    with tempfile.TemporaryDirectory(prefix="bench-lines-") as folder:
        done = {}
        for step in STEPS:
            command = [sys.executable, "-m", "benchmarks.remembered_lines", "--step", step, "--at", folder]
            run = subprocess.run(
                [*command, "--lines", str(lines)], check=True, stdout=subprocess.PIPE, timeout=3600
            )
            done.update(json.loads(run.stdout))
    count = done["lines"]
    kind = f"{count:,} lines of {done['stores']} stores"
    for what, unit in {
        "memory beside the records": "bytes a line",
        "records": "bytes a line",
        "processing and checkpoints": "CPU us a line",
        "start: all stores read": "CPU s",
        "memory after the start": "bytes a line",
        "first alert of a store, receipt of weeks ago": "CPU ms",
        "... with the store read before": "CPU ms",
    }.items():
        yield Figure("ledger", f"{what}; {kind}", unit, done[what])


def _shares(lines: int) -> tuple[list[PosEvent], int]:
    """Return the sales of a store, and how many stores have as many."""
    log = list(sales(min(DAYS, max(3, lines // LINES_A_DAY)), tokens=False))
    return log, max(1, round(lines / len(log)))


def _fill(folder: Path, lines: int) -> dict[str, float]:
    engine = build_engine(Settings(), ["refund_match"])
    log, stores = _shares(lines)
    disk = Rdict(str(folder / "state"))
    gc.collect()
    before, began = status_mb("VmRSS"), process_time()
    sizes: dict[tuple[str, str], int] = {}
    memories = []
    for number in range(stores):
        store = engine.load_store(f"store-{number}", lambda _name: None)
        memories.append(store)
        for at in range(0, len(log), _CHECKPOINT):
            for event in log[at : at + _CHECKPOINT]:
                engine.process(event, store)
            for name, content in store.records():
                key = f"{store.store_id}/{name}"
                if content is None:
                    disk.delete(key)
                    sizes.pop((store.store_id, name), None)
                else:
                    disk[key] = content
                    sizes[store.store_id, name] = len(key) + len(content)
    took = process_time() - began
    disk.flush()
    count, stored = stores * len(log), sum(sizes.values())
    sizes.clear()
    gc.collect()
    used = (status_mb("VmRSS") - before) * 2**20
    disk.close()
    return {
        "lines": count,
        "stores": stores,
        "memory beside the records": used / count,
        "records": stored / count,
        "processing and checkpoints": took / count * 1e6,
    }


def _start(folder: Path, lines: int) -> dict[str, float]:
    engine = build_engine(Settings(), ["refund_match"])
    log, stores = _shares(lines)
    disk = Rdict(str(folder / "state"))

    def load_of(store_id: str) -> Callable[[str], bytes | None]:
        return lambda name: disk.get(f"{store_id}/{name}")

    def refund(number: int, of: int) -> PosEvent:
        line = log[of]
        return msgspec.structs.replace(
            line,
            store_id=f"store-{number}",
            transaction_id="r-1",
            event_type="REFUND",
            event_time=log[-1].event_time + number,
            amount=100 * line.amount + 1_000,  # dearer than any line of the article on its receipt
            original_transaction_id=line.transaction_id,
        )

    def alerts_ms(number: int, of: int) -> float:
        began = process_time()
        store = read.get(number) or engine.load_store(f"store-{number}", load_of(f"store-{number}"))
        raised = engine.process(refund(number, of), store)
        took = process_time() - began
        if not raised:
            raise RuntimeError(f"store-{number} raised no alert")
        return took * 1e3

    read = {}
    first = sorted(alerts_ms(number, number % 1_000) for number in range(stores))
    gc.collect()
    before, began = status_mb("VmRSS"), process_time()
    for number in range(stores):
        read[number] = engine.load_store(f"store-{number}", load_of(f"store-{number}"))
    took = process_time() - began
    used = (status_mb("VmRSS") - before) * 2**20
    again = sorted(alerts_ms(number, 1_000 + number % 1_000) for number in range(stores))
    return {
        "start: all stores read": took,
        "memory after the start": used / (stores * len(log)),
        "first alert of a store, receipt of weeks ago": first[len(first) // 2],
        "... with the store read before": again[len(again) // 2],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.remembered_lines", description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000_000, help="remembered lines of all stores")
    parser.add_argument("--step", choices=STEPS, help="one step, in this process")
    parser.add_argument("--at", type=Path, help="the folder of the state, for one step")
    options = parser.parse_args()
    if options.step:
        step = {"fill": _fill, "start": _start}[options.step]
        print(json.dumps(step(options.at, options.lines)))
    else:
        Console().print(table(figures(lines=options.lines)))


if __name__ == "__main__":
    main()
