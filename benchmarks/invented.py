"""Memory of a streamer to which somebody sends a million invented ids of a kind.

    python -m benchmarks.invented            # all kinds, each in a process of its own
    python -m benchmarks.invented cashiers --count 1000000 --models

The kinds: stores, cashiers, skus and event ids, with two events each; employees with a shift each, and the
shifts of one employee; cards, which are groups of the packaged rules. `--models` turns both models on.

The pipeline, its state, its checkpoints and its settings of RocksDB are the streamer's, without a broker
under them. Every event is valid, all but the stores are of one store, and the events are a millisecond apart.
Prints the peak of the process's memory beside the one before the first event, and that after each tenth.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.load import START
from benchmarks.process import status_mb
from data_gen.world import recorded_at
from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import CountEvent, Event, PosEvent, ShiftEvent
from retail_anomaly.settings import build_engine, load
from streamer.observe.heap_memory import collect_rarely, share_heaps
from tests.support.brokerless import BrokerlessPipeline

KINDS = ("stores", "cashiers", "skus", "event-ids", "employees", "shifts", "cards")
_A_COMMIT = 20_000
_SHIFT = 8 * 3_600_000
_MODELS = {"detectors.refund_deviation.enabled": True, "detectors.sales_deviation.enabled": True}
_OF_KIND: dict[str, dict[str, Any]] = {"cards": {"rules.packs": ["pos"]}}


def invented(kind: str, count: int) -> Iterator[Event]:
    """Yield the events of invented names: a sale, and a refund or a count, of each; or a shift."""
    for n in range(count):
        store = f"store-{n:09d}" if kind == "stores" else "store-1"
        cashier = f"c-{n:09d}" if kind == "cashiers" else f"c-{n % 10}"
        sku = f"sku-{n:09d}" if kind == "skus" else f"sku-{n % 1_000}"
        card = f"card-{n:09d}" if kind == "cards" else None
        at = START + 2 * n
        number = f"t-{n:09d}"
        if kind in ("employees", "shifts"):
            employee, begin = (f"e-{n:09d}", START) if kind == "employees" else ("e-1", START + n * _SHIFT)
            yield ShiftEvent(employee, store, begin, begin + _SHIFT - 1, "CASHIER", shift_id=f"id-{n:09d}")
            continue
        yield PosEvent(number, store, cashier, sku, 9.0, "SALE", at, event_id=f"s-{n:012d}", card_token=card)
        if kind == "skus":
            yield CountEvent(store, sku, n % 50, at + 1, "m-1")
        else:
            event_id = f"r-{n:012d}"
            yield PosEvent(
                number, store, cashier, sku, 9.0, "REFUND", at + 1, event_id=event_id, card_token=card
            )


def measure(kind: str, count: int, *, models: bool) -> str:
    """Send the events; return a line with the peak of this process's memory and what its state takes."""
    share_heaps()
    settings = load(environ={}, flags=_OF_KIND.get(kind, {}) | (_MODELS if models else {})).settings
    with tempfile.TemporaryDirectory(prefix="bench-invented-") as folder:
        pipeline = BrokerlessPipeline(build_engine(settings), Path(folder))
        collect_rarely()
        before, begun, tenths = status_mb("VmRSS"), time.process_time(), []
        of_each = 1 if kind in ("employees", "shifts") else 2
        for number, event in enumerate(invented(kind, count), 1):
            at = recorded_at(event)
            # A shift's record bears the time of its publication.
            at = START + number if isinstance(event, ShiftEvent) else at
            pipeline.send(topic_of(event), encode(event), event.store_id.encode(), at)
            if number % _A_COMMIT == 0:
                pipeline.commit()
                pipeline.producer.rows.clear()
                pipeline.producer.keys.clear()
            if number % max(1, count * of_each // 10) == 0:
                tenths.append(status_mb("VmRSS"))
                print(f"  {number // of_each:,}: {tenths[-1]:.0f} MB", file=sys.stderr, flush=True)
        pipeline.commit()
        peak, after = status_mb("VmHWM"), status_mb("VmRSS")
        pipeline.close()
        disk = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file()) / 1e6
        return (
            f"{kind:9}  {count:,} invented{', models on' if models else ''}: "
            f"{before:.0f} MB before, {peak:.0f} MB at the peak, {after:.0f} MB after "
            f"(by tenths {', '.join(f'{tenth:.0f}' for tenth in tenths)}); {disk:.0f} MB on disk; "
            f"{time.process_time() - begun:.0f} s CPU"
        )


def main() -> int:
    """Measure the kinds that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.invented", description=__doc__)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], help="by default all")
    parser.add_argument("--count", type=int, default=1_000_000, help="how many of a kind")
    parser.add_argument("--models", action="store_true", help="with both models")
    options = parser.parse_args()
    if len(options.kinds) == 1:
        print(measure(options.kinds[0], options.count, models=options.models), flush=True)
        return 0
    for kind in options.kinds or KINDS:
        command = [sys.executable, "-m", "benchmarks.invented", kind, "--count", str(options.count)]
        subprocess.run([*command, *(["--models"] if options.models else [])], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
