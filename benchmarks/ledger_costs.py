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

import msgspec
from rich.console import Console

from benchmarks.figures import Figure, table
from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.ledger import Ledger
from retail_anomaly.core.local_time import UTC, LocalTime
from retail_anomaly.core.receipts import Numbering
from retail_anomaly.settings import Settings, build_engine

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
    recent = 2 * LINES_A_DAY
    kinds: dict[str, tuple[list[PosEvent], Callable[[PosEvent], object]]] = {
        "by number, of today": (log[-recent:], lambda event: next(ledger.numbered(event.transaction_id))),
        "by number, of weeks ago": (log[:-recent], lambda event: next(ledger.numbered(event.transaction_id))),
        "by a number that is not there": (log, lambda event: next(ledger.numbered(f"{event.sku}?"), None)),
    }
    if log[0].customer_token:
        kinds["by customer"] = log, lambda event: next(ledger.of_customer(event.customer_token or ""))
    found = {name: median_microseconds(among, look_up) for name, (among, look_up) in kinds.items()}
    restored = restarted(log)
    found["by number, of weeks ago, after a restart"] = median_microseconds(
        log[:-recent], lambda event: next(restored.numbered(event.transaction_id))
    )
    return found


def median_microseconds(among: list[PosEvent], look_up: Callable[[PosEvent], object]) -> float:
    rng, times = Random(2), []
    for event in rng.choices(among, k=300):
        began = process_time()
        look_up(event)
        times.append(process_time() - began)
    return statistics.median(times) * 1e6


def restarted(log: list[PosEvent]) -> Ledger:
    """Return a ledger that knows the lines from its records only."""
    records: dict[str, bytes] = {}
    written = Ledger(KEEP)
    for part in range(0, len(log), 300):
        fill(written, log[part : part + 300], lambda: None)
        records.update({name: content for name, content in written.records() if content is not None})
    ledger = Ledger(KEEP)
    ledger.restore(written.describe(), records.get)
    return ledger


def refund_microseconds(log: list[PosEvent], rounds: int) -> float:
    """Return the CPU time of `refund_match` for a refund of a line of today, the least of several rounds."""
    least = float("inf")
    today = log[-LINES_A_DAY:]
    refunds = [
        msgspec.structs.replace(
            line,
            transaction_id=f"r-{number}",
            event_type="REFUND",
            event_time=today[-1].event_time + number,
            original_transaction_id=line.transaction_id,
            customer_token=None,
        )
        for number, line in enumerate(today)
    ]
    for _ in range(rounds):
        engine = build_engine(Settings(), ["refund_match"])
        (rule,) = engine.detectors
        store = engine.new_store("store-1")
        state = store.detectors[rule.name]
        for line in log[-2 * LINES_A_DAY :]:
            engine.process(line, store)
        store.catch_up()
        gc.collect()
        began = process_time()
        for refund in refunds:
            rule.on_refund(refund, state, store)
        least = min(least, process_time() - began)
        if engine.undecided:
            raise RuntimeError(f"refunds whose receipt was not found: {dict(engine.undecided)}")
    return least / len(refunds) * 1e6


def figures(*, days: int, rounds: int) -> Iterator[Figure]:
    """Measure the ledger of one store; the limits are those that it was built for."""
    for tokens in (False, True):
        log = list(sales(days, tokens=tokens))
        kind = "a customer on each receipt" if tokens else "no tokens"

        def figure(what: str, unit: str, value: float, of: str = kind) -> Figure:
            return Figure("ledger", f"{what}; {of}", unit, value)

        newest = bytes_a_line(log[: 2 * LINES_A_DAY])
        stored, beside = state_a_line(log)
        yield figure("memory of a line of the newest two days (aim: 60)", "bytes", newest)
        yield figure("memory of an older line beside its records (aim: 8)", "bytes", beside)
        yield figure("records of a line, with their keys (aim: 40)", "bytes", stored)
        yield figure("memory of a line in a replay (aim: 32)", "bytes", bytes_a_line(log))
        yield figure("a sold line (aim: 0.8)", "us", microseconds(log, rounds))
        yield figure("a refund of today's sale, by number (aim: 20)", "us", refund_microseconds(log, rounds))
        for name, took in look_ups(log).items():
            yield figure(f"look-up {name} (aim: 2000)", "us", took)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger_costs", description=__doc__)
    parser.add_argument("--days", type=int, default=92, help="days of sales")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each time, the least counts")
    options = parser.parse_args()
    Console().print(table(figures(days=options.days, rounds=options.rounds)))


if __name__ == "__main__":
    main()
