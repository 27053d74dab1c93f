"""A year of a chain that one process catches up with: events/s, memory, disk.

    python -m benchmarks.chain_year                        # 100 stores, 365 days, 200 lines a day in each
    python -m benchmarks.chain_year --days 30 --lines 2000

All events are in Kafka before the streamer starts. Prints a table, and writes the lag and the memory over
time as a page.
"""

import argparse
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from benchmarks import backlog
from benchmarks.figures import Figure
from benchmarks.kafka import broker
from benchmarks.load_table import OVER_TIME, chain, event, show
from benchmarks.process import status_mb
from benchmarks.streamer_process import streamer
from retail_anomaly.core.events import Event
from streamer.kafka.offsets import GroupOffsets

_BEGIN = 1_735_689_600_000  # 2025-01-01
_DAY, _OPENS, _OPEN = 86_400_000, 9 * 3_600_000, 12 * 3_600_000
_LOOK_S = 1.0
_PATIENCE_S = 3_600


def events(stores: int, days: int, lines: int) -> Iterator[Event]:
    """Yield the events of all stores in the order of their times, from nine to nine each day."""
    shape, apart = chain(stores), _OPEN // (lines * stores)
    for n in range(stores * days * lines):
        day, of_day = divmod(n, lines * stores)
        yield event(n, shape, _BEGIN + day * _DAY + _OPENS + of_day * apart)


def figures(address: str, stores: int, days: int, lines: int) -> Iterator[Figure]:
    """Yield what catching up comes to, and its lag and memory over time."""
    backlog.recreate_topics(address)
    producer, sent = backlog.new_producer(address, linger_ms=50), 0
    for each in events(stores, days, lines):
        backlog.send(producer, each)
        sent += 1
    backlog.flush(producer)
    group = f"year-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(prefix="bench-state-") as folder:
        begun, over = time.perf_counter(), 0.0
        with (
            streamer(address, group, Path(folder)) as pid,
            GroupOffsets({"bootstrap.servers": address}, group) as offsets,
        ):
            while (lag := sum(offsets.lag(settled=False).values())) or not offsets.progress().processed:
                at, memory = time.perf_counter() - begun, status_mb("VmRSS", pid)
                over = max(over, memory)
                yield Figure("year", "lag", "records", lag, x=round(at, 1), x_name=OVER_TIME)
                yield Figure("year", "memory", "MB", memory, x=round(at, 1), x_name=OVER_TIME)
                if at > _PATIENCE_S:
                    raise TimeoutError(f"a lag of {lag:,} records after {at:,.0f} s")
                time.sleep(_LOOK_S)
            took = time.perf_counter() - begun
        disk = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file()) / 1e6
    yield Figure("year", f"{stores} stores, {days} days, {lines} lines a day", "events", sent)
    yield Figure("year", "caught up, start included", "events/s", sent / took)
    yield Figure("year", "peak memory", "MB", over)
    yield Figure("year", "state on disk", "MB", disk)


def main() -> int:
    """Measure the chain that the command line describes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chain_year", description=__doc__)
    parser.add_argument("--stores", type=int, default=100)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--lines", type=int, default=200, help="receipt lines of a store in a day")
    parser.add_argument("--output", type=Path, default=Path("out/year.html"), help="where the page goes")
    options = parser.parse_args()
    with broker() as address:
        found = list(figures(address, options.stores, options.days, options.lines))
    show(found, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
