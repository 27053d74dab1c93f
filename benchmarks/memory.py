"""Memory of the state: bytes in the process and in the records, by what is remembered.

Run as a module it is one measurement in a process of its own:
``python -m benchmarks.memory STORES CASHIERS SALES``, which prints one JSON object.
"""

import gc
import json
import subprocess
import sys
from typing import Any

from benchmarks.load import HOUR, START
from benchmarks.process import status_mb
from retail_anomaly.events import PosEvent, ShiftEvent
from retail_anomaly.settings import Settings, build_engine
from retail_anomaly.store import StoreState

DAY = 24 * HOUR
_CHECKPOINT = 50_000

# Stores, cashiers of each, sales remembered in all; the first is the smallest.
SIZES = (
    (100, 10, 10_000),
    (100, 10, 100_000),
    (100, 10, 1_000_000),
    (1_000, 10, 100_000),
    (100, 100, 100_000),
)


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
    memories = [engine.load_store(f"store-{n}", {}.get) for n in range(stores)]
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
        "stores": stores,
        "cashiers": cashiers,
        "sales": sales,
        "memory_mb": status_mb("VmRSS") - before,
        "records_mb": sum(sizes.values()) / 1e6,
        "records": len(sizes),
        "entries": sum(sum(store.entries().values()) for store in memories),
    }


def _checkpoint(memories: list[StoreState], sizes: dict[tuple[int, str], int]) -> None:
    for number, store in enumerate(memories):
        for name, content in store.records():
            if content is None:
                sizes.pop((number, name), None)
            else:
                sizes[number, name] = len(content)


if __name__ == "__main__":
    print(json.dumps(_measure(*map(int, sys.argv[1:]))))
