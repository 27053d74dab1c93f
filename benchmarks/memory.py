"""Memory of the state: bytes in the process and in the records, by the number of stores, cashiers and sales.

Run as a module it is one measurement in a process of its own:
``python -m benchmarks.memory STORES CASHIERS SALES``, which prints one JSON object.
"""

import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.figures import Figure
from benchmarks.load import DAY, START
from benchmarks.process import status_mb
from retail_anomaly.core.events import PosEvent, ShiftEvent
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.settings import Settings, build_engine

_CHECKPOINT = 50_000
_STORES, _CASHIERS, _SALES = 100, 10, 100_000
SALES = (10_000, 100_000, 1_000_000, 10_000_000)
STORES = (10, 100, 1_000, 10_000)
CASHIERS = (1, 10, 100, 1_000)


def figures(*, largest: int) -> Iterator[Figure]:
    """Measure each growth with the other two sizes held."""
    for sales in SALES:
        if sales <= largest:
            measured = measure(_STORES, _CASHIERS, sales)
            yield from _both(measured, f"{_STORES} stores of {_CASHIERS} cashiers", sales, "remembered sales")
    for stores in STORES:
        measured = measure(stores, _CASHIERS, _SALES)
        yield from _both(measured, f"{_SALES:,} sales, {_CASHIERS} cashiers a store", stores, "stores")
    for cashiers in CASHIERS:
        measured = measure(_STORES, cashiers, _SALES)
        yield from _both(measured, f"{_SALES:,} sales in {_STORES} stores", cashiers, "cashiers a store")


def _both(measured: dict[str, Any], label: str, x: float, x_name: str) -> Iterator[Figure]:
    yield Figure("memory", f"in the process: {label}", "MB", measured["memory_mb"], x=x, x_name=x_name)
    yield Figure("memory", f"in the records: {label}", "MB", measured["records_mb"], x=x, x_name=x_name)


def measure(stores: int, cashiers: int, sales: int) -> dict[str, Any]:
    """Measure one size in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", *map(str, (stores, cashiers, sales))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=1200)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _measure(stores: int, cashiers: int, sales: int) -> dict[str, Any]:
    engine = build_engine(Settings())
    gc.collect()
    before = status_mb("VmRSS")
    memories = [engine.load_store(f"store-{n}", lambda _name: None) for n in range(stores)]
    sizes: dict[tuple[int, str], int] = {}
    for number, store in enumerate(memories):
        for cashier in range(cashiers):
            engine.process(ShiftEvent(f"c-{cashier}", store.store_id, START, START + 30 * DAY), store)
            refund = PosEvent(
                f"r-{number}-{cashier}", store.store_id, f"c-{cashier}", "k", 5.0, "REFUND", START
            )
            engine.process(refund, store)
    for n in range(sales):
        store = memories[n % stores]
        # Over as many days as a sale is remembered.
        time = START + n * (29 * DAY) // sales
        sale = PosEvent(
            f"{store.store_id}-{n:012d}", store.store_id, f"c-{n % cashiers}", f"sku-{n % 500}", 9.0, "SALE",
            time, event_id=f"e-{n:012d}",
        )  # fmt: skip
        engine.process(sale, store)
        if n % _CHECKPOINT == 0:
            _checkpoint(memories, sizes)
    _checkpoint(memories, sizes)
    gc.collect()
    return {
        "memory_mb": status_mb("VmRSS") - before,
        "records_mb": sum(sizes.values()) / 1e6,
    }


def _checkpoint(memories: list[StoreMemory], sizes: dict[tuple[int, str], int]) -> None:
    for number, store in enumerate(memories):
        for name, content in store.records():
            if content is None:
                sizes.pop((number, name), None)
            else:
                sizes[number, name] = len(content)


if __name__ == "__main__":
    print(json.dumps(_measure(*map(int, sys.argv[1:]))))
