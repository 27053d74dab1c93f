"""History in buckets: ``python -m benchmarks.partitioned --records 1000000``.

Printed are the CPU seconds a million events of writing the buckets and of replaying them, beside those of a
replay of the log itself, and the bytes that two processes read beside those of one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.replay import write_log
from retail_anomaly.replay import replay
from retail_anomaly.sources.bucket_writer import write_buckets
from retail_anomaly.sources.loaded import load

BUCKETS = 16


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    options = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="bench-") as name:
        log, out = Path(name) / "events.jsonl", Path(name) / "history"
        records = write_log(log, options.records)
        million = records / 1_000_000
        print(f"{records:,} events, {BUCKETS} buckets; CPU seconds a million events")
        with _cpu("partition", million):
            write_buckets(load(log), out, BUCKETS)
        stored = sum(file.stat().st_size for file in out.rglob("*.parquet"))
        print(f"bytes an event: {stored / records:.1f}, in the log {log.stat().st_size / records:.0f}")
        with _cpu("replay of the log", million):
            whole = replay(log, progress=False)
        with _cpu("replay of the buckets", million):
            replay(out, executor="local", results=Path(name) / "here", progress=False)
        read = []
        for processes in (1, 2):
            with Measured(processes) as executor:
                result = replay(out, executor=executor, results=Path(name) / str(processes), progress=False)
            assert set(result.alerts["alert_id"]) == set(whole.alerts["alert_id"])
            read.append(executor.read)
        print(f"bytes read by two processes and by one: {read[1]:,} and {read[0]:,}: {read[1] / read[0]:.3f}")


class Measured(Executor):
    """Processes, and the bytes that they have read for their tasks (Linux)."""

    def __init__(self, processes: int) -> None:
        self._pool = ProcessPoolExecutor(processes, get_context("spawn"))
        self.read = 0
        for started in [self._pool.submit(_imported) for _ in range(processes)]:
            started.result()

    def submit(self, task: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        told: Future[Any] = Future()

        def tell(measured: Future[Any]) -> None:
            if measured.exception() is not None:
                told.set_exception(measured.exception())
                return
            result, read = measured.result()
            self.read += read
            told.set_result(result)

        self._pool.submit(_measured, task, *args, **kwargs).add_done_callback(tell)
        return told

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._pool.shutdown(wait, cancel_futures=cancel_futures)


def _imported() -> None:
    """Import what a task imports, so that its modules are not among the bytes that are read."""
    replay(
        [{"storeId": "s", "sku": "k", "countedQty": 1, "eventTime": 1_760_000_000_000}],
        topic="inventory-counts",
    )


def _measured(task: Callable[..., Any], *args: Any) -> tuple[Any, int]:
    before = _bytes_read()
    result = task(*args)
    return result, _bytes_read() - before


def _bytes_read() -> int:
    counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counts["rchar"])


@contextmanager
def _cpu(words: str, million: float) -> Iterator[None]:
    began = time.process_time()
    yield
    print(f"{words}: {(time.process_time() - began) / million:.1f}")


if __name__ == "__main__":
    main()
