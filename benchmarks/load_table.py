"""Minutes of load on the real streamer: events a second, memory, and the lag until it is zero again.

    python -m benchmarks.load_table --minutes 10                       # all four shapes, with 20,000 events/s
    python -m benchmarks.load_table hot --minutes 1 --rate 10000       # one of them

The shapes: `steady`, 100 stores; `overload`, twice as many events as one process takes, which is measured
first; `hot`, a store with 90 % of the events; `wide`, 5,000 stores with ten cashiers each. When the events
end, the process catches up. Prints a table, and writes the lag and the memory over time as a page. The
producer takes a core, Kafka one and the streamer one: leave them three.
"""

import argparse
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import backlog
from benchmarks.figures import Figure, table
from benchmarks.kafka import broker
from benchmarks.page import write_page
from benchmarks.process import status_mb
from benchmarks.streamer_process import streamer
from retail_anomaly.core.events import CountEvent, Event, GateData, PosEvent, SecurityEvent
from streamer.kafka.offsets import GroupOffsets

OVER_TIME = "seconds"
_MEASURED_S = 10
_LOOK_S = 1.0
_START_S = 120
_PATIENCE_S = 3_600
_BATCH = 1_000
_PAUSE_S = 0.01
Shape = Callable[[int], tuple[str, str]]
"""Gives the n-th event's store and cashier."""


def chain(stores: int) -> Shape:
    """Return the shape of a chain in which each store has as many events, of ten cashiers."""
    return lambda n: (f"store-{n % stores}", f"c-{n // stores % 10}")


def _hot(n: int) -> tuple[str, str]:
    store = n % 100 if n % 10 == 0 else 0
    return f"store-{store}", f"c-{n // 10 % 10}"


SHAPES: dict[str, Shape] = {
    "steady": chain(100),
    "overload": chain(100),
    "hot": _hot,
    "wide": chain(5_000),
}


def event(n: int, shape: Shape, at: int | None = None) -> Event:
    """Return the n-th event, now or at a time: nine in ten are sales, one in fifty is a refund of one."""
    store, cashier = shape(n)
    now = time.time_ns() // 1_000_000 if at is None else at
    if n % 50 == 7:
        return PosEvent(f"t{n - 1}", *shape(n - 1), "sku", 5.0, "REFUND", now, event_id=f"e{n}")
    if n % 50 in (13, 14):
        return SecurityEvent(f"g{n}", store, now, "GATE", GateData("gate-1", alarm=False))
    if n % 50 in (23, 24):
        return CountEvent(store, f"sku-{n % 500}", 5, now)
    return PosEvent(f"t{n}", store, cashier, f"sku-{n % 500}", 5.0, "SALE", now, event_id=f"e{n}")


class Sending(threading.Thread):
    """Sends events at a steady rate for some seconds, or as fast as it can if the rate is more than that."""

    def __init__(self, address: str, shape: Shape, rate: float, seconds: float) -> None:
        super().__init__()
        self.sent, self.took = 0, 0.0
        self._shape, self._rate, self._seconds = shape, rate, seconds
        self._producer = backlog.new_producer(address, linger_ms=5)

    def run(self) -> None:
        """Send what is due, in batches."""
        begun = time.perf_counter()
        while (passed := time.perf_counter() - begun) < self._seconds:
            due = int(passed * self._rate) - self.sent
            for _ in range(min(due, _BATCH)):
                backlog.send(self._producer, event(self.sent, self._shape))
                self.sent += 1
            if due < _BATCH:
                time.sleep(_PAUSE_S)
        backlog.flush(self._producer)
        self.took = time.perf_counter() - begun


def figures(address: str, name: str, rate: float, seconds: float) -> Iterator[Figure]:
    """Yield what a shape comes to, and its lag and memory over time."""
    backlog.recreate_topics(address)
    group = f"load-{uuid.uuid4().hex[:8]}"
    with (
        tempfile.TemporaryDirectory(prefix="bench-state-") as folder,
        streamer(address, group, Path(folder)) as pid,
        GroupOffsets({"bootstrap.servers": address}, group) as offsets,
    ):
        _wait_until_running(address, offsets)
        if name == "overload":
            rate = 2 * _capacity(address, offsets)
        first = offsets.progress().processed
        sending = Sending(address, SHAPES[name], rate, seconds)
        begun, largest, over = time.perf_counter(), 0, 0.0
        sending.start()
        while True:
            lag, memory = sum(offsets.lag(settled=False).values()), status_mb("VmRSS", pid)
            at = time.perf_counter() - begun
            largest, over = max(largest, lag), max(over, memory)
            yield Figure("load", f"lag, {name}", "records", lag, x=round(at, 1), x_name=OVER_TIME)
            yield Figure("load", f"memory, {name}", "MB", memory, x=round(at, 1), x_name=OVER_TIME)
            if not sending.is_alive() and not lag:
                break
            if at > seconds + _PATIENCE_S:
                raise TimeoutError(f"{name}: a lag of {lag:,} records after {at:,.0f} s")
            time.sleep(_LOOK_S)
        processed = offsets.progress().processed - first
    if processed != sending.sent:
        raise RuntimeError(f"{name}: {processed:,} records were processed of {sending.sent:,}")
    yield Figure("load", f"{name}: wanted", "events/s", rate)
    yield Figure("load", f"{name}: sent", "events/s", sending.sent / sending.took)
    yield Figure("load", f"{name}: processed until the lag was zero", "events/s", sending.sent / at)
    yield Figure("load", f"{name}: largest lag", "records", largest)
    yield Figure("load", f"{name}: from the last event to zero lag", "s", max(0.0, at - sending.took))
    yield Figure("load", f"{name}: peak memory", "MB", over)


def _wait_until_running(address: str, offsets: GroupOffsets) -> None:
    producer = backlog.new_producer(address, linger_ms=0)
    backlog.send(producer, event(0, SHAPES["steady"]))
    backlog.flush(producer)
    if any(offsets.wait(_START_S).values()):  # it runs once the first event is committed
        raise TimeoutError("the streamer did not start")


def _capacity(address: str, offsets: GroupOffsets) -> float:
    """Return how many records a second the process takes, with more of them there than it can take."""
    sending = Sending(address, SHAPES["overload"], 1e6, _MEASURED_S)
    begun = time.perf_counter()
    sending.start()
    sending.join()
    if any(offsets.wait(_PATIENCE_S).values()):
        raise TimeoutError("the streamer did not catch up with what should tell its capacity")
    return sending.sent / (time.perf_counter() - begun)


def show(found: Sequence[Figure], output: Path) -> None:
    """Print the table of the figures, and write what is over time as a page."""
    Console().print(table(figure for figure in found if not figure.x_name))
    output.parent.mkdir(parents=True, exist_ok=True)
    write_page(found, output)
    Console().print(f"Lag and memory over time: {output}")


def main() -> int:
    """Measure the shapes that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load_table", description=__doc__)
    parser.add_argument("shapes", nargs="*", choices=[*SHAPES, []], help="by default all")
    parser.add_argument("--minutes", type=float, default=10, help="of each; `overload` takes half of them")
    parser.add_argument("--rate", type=float, default=20_000, help="events a second")
    parser.add_argument("--output", type=Path, default=Path("out/load.html"), help="where the page goes")
    options = parser.parse_args()
    found: list[Figure] = []
    with broker() as address:
        for name in options.shapes or SHAPES:
            seconds = 60 * options.minutes / (2 if name == "overload" else 1)
            found += figures(address, name, options.rate, seconds)
            Console(stderr=True).print(f"{name} is done", style="dim")
    show(found, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
