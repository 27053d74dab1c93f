"""The ledger of sold lines: bytes and time a line, and a look-up: ``python -m benchmarks.ledger_costs``.

The sales of one store pass a ledger by itself, in memory as in a replay and with records as in the streamer.
The machine decides the times: compare them with each other.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tracemalloc
from collections.abc import Callable, Iterator
from random import Random
from time import process_time
from typing import Final

from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.ledger import Ledger
from retail_anomaly.core.local_time import UTC, LocalTime
from retail_anomaly.core.receipts import Numbering

DAY: Final = 86_400_000
HOUR: Final = 3_600_000
T0: Final = 1_760_054_400_000  # a midnight
LINES_A_DAY: Final = 1_170
KEEP: Final = 93 * DAY
LINES: Final = (1, 2, 2, 3, 5)
NUMBERING: Final = Numbering("store", LocalTime(UTC))


def sales(days: int, *, tokens: bool) -> Iterator[PosEvent]:
    """Yield the sales of a store, 2.6 lines a receipt on average, of 400 articles."""
    rng = Random(1)
    for day in range(days):
        at, lines = T0 + day * DAY + 8 * HOUR, 0
        while lines < LINES_A_DAY:
            at += rng.randrange(1_000, 24 * HOUR * len(LINES) // (LINES_A_DAY * 2))
            number, cashier = f"t-1-2025{day:04}-{rng.randrange(10**5):05}", f"c-1-{rng.randrange(10)}"
            tender = rng.choice(("card", "cash"))
            customer = f"customer-{rng.randrange(20_000):06}" if tokens else None
            for _ in range(rng.choice(LINES)):
                lines += 1
                article = f"sku-{int(rng.paretovariate(1)) % 400:04}"
                yield PosEvent(
                    *(number, "store-1", cashier, article, rng.randrange(99, 30_000) / 100, "SALE", at),
                    rng.choice((1, 1, 1, 2)),
                    tender=tender,
                    customer_token=customer,
                )


def fill(ledger: Ledger, log: list[PosEvent], write: Callable[[], None]) -> None:
    """Add sales, sweep every hour, and write every 300 lines."""
    due = 0
    for number, event in enumerate(log):
        ledger.add(NUMBERING.identity(event), event, 1, event.event_time)
        if event.event_time > due:
            due = event.event_time + HOUR
            ledger.sweep(event.event_time)
        if number % 300 == 0:
            write()


def in_memory() -> tuple[Ledger, Callable[[], None]]:
    ledger = Ledger(KEEP)
    ledger.untrack()
    return ledger, lambda: None


def with_records(sizes: dict[str, int]) -> tuple[Ledger, Callable[[], None]]:
    ledger = Ledger(KEEP)

    def write() -> None:
        for name, content in ledger.records():
            if content is None:
                sizes.pop(name, None)
            else:
                sizes[name] = len(content)

    return ledger, write


def bytes_a_line(log: list[PosEvent]) -> float:
    """Return the memory that a replay takes for a line."""
    gc.collect()
    tracemalloc.start()
    ledger, write = in_memory()
    fill(ledger, log, write)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return used / len(log)


def state_a_line(log: list[PosEvent]) -> tuple[float, float]:
    """Return the bytes of the records for a line, keys included, and the memory for an older line."""
    used = {}
    for name, part in {"two days": log[-2 * LINES_A_DAY :], "all": log}.items():
        sizes: dict[str, int] = {}
        gc.collect()
        tracemalloc.start()
        ledger, write = with_records(sizes)
        fill(ledger, part, write)
        write()
        stored = sum(sizes.values()) + sum(len(f"store-1refund_match.ledger/{name}") for name in sizes)
        sizes.clear()
        used[name] = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    return stored / len(log), (used["all"] - used["two days"]) / (len(log) - 2 * LINES_A_DAY)


def microseconds(log: list[PosEvent], rounds: int) -> float:
    """Return the CPU time of a line, the least of several rounds."""
    least = float("inf")
    gc.disable()
    for _ in range(rounds):
        ledger, write = in_memory()
        began = process_time()
        fill(ledger, log, write)
        least = min(least, process_time() - began)
    gc.enable()
    return least / len(log) * 1e6


def look_ups(log: list[PosEvent]) -> dict[str, float]:
    """Return the median CPU time of a look-up, in microseconds."""
    ledger, write = in_memory()
    fill(ledger, log, write)
    rng, recent = Random(2), 2 * LINES_A_DAY
    kinds: dict[str, tuple[list[PosEvent], Callable[[PosEvent], object]]] = {
        "by number, of today": (log[-recent:], lambda event: next(ledger.numbered(event.transaction_id))),
        "by number, of weeks ago": (log[:-recent], lambda event: next(ledger.numbered(event.transaction_id))),
        "by a number that is not there": (log, lambda event: next(ledger.numbered(f"{event.sku}?"), None)),
    }
    if log[0].customer_token:
        kinds["by customer"] = log, lambda event: next(ledger.of_customer(event.customer_token or ""))
    found = {}
    for name, (among, look_up) in kinds.items():
        times = []
        for event in rng.choices(among, k=300):
            began = process_time()
            look_up(event)
            times.append(process_time() - began)
        found[name] = statistics.median(times) * 1e6
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger_costs", description=__doc__)
    parser.add_argument("--days", type=int, default=92, help="days of sales")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each time, the least counts")
    options = parser.parse_args()
    for tokens in (False, True):
        log = list(sales(options.days, tokens=tokens))
        print(f"{len(log):,} lines, {'a customer on each receipt' if tokens else 'no tokens'}")
        print(f"  memory of the newest two days {bytes_a_line(log[: 2 * LINES_A_DAY]):6.1f} bytes a line")
        print(f"  memory of a replay            {bytes_a_line(log):6.1f} bytes a line")
        stored, beside = state_a_line(log)
        print(f"  records                       {stored:6.1f} bytes a line")
        print(f"  memory of an older line       {beside:6.1f} bytes a line")
        print(f"  time                          {microseconds(log, options.rounds):6.2f} us a line")
        for name, took in look_ups(log).items():
            print(f"  look-up {name:<30} {took:6.0f} us")


if __name__ == "__main__":
    main()
